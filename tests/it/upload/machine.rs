//! Uploads that are cut off anywhere, on a store that fails in every way: no row ever points at an object that is missing,
//! and after the sweep no object is without a row.
//!
//! A run is one upload: begun, sent, confirmed (often twice), perhaps attached, perhaps removed, perhaps swept in between.
//! Each step is let go after a random number of waits, as if the process had died there, and each request to COS may be
//! refused (403, 503), answered and not heard, or not answered.

use super::{Store, files, objects, sweep_all};
use crate::support::{app::TestApp, full, seed::Seed};
use std::{
    collections::{BTreeMap, HashSet},
    future::Future,
    pin::pin,
    task::Poll,
};
use weizhan::{
    model::{
        id::UserId,
        time::{days, minutes},
        upload::{Owner, PictureType, Purpose},
    },
    service::upload::{self, Leave, Sender, Wish},
    simulator::{CosFault, CosTrouble},
};

/// Runs between two sweeps.
const BATCH: usize = 50;
/// Applications side by side.
const LANES: usize = 4;

/// Drive a step, and drop it when it has waited so often: `None` when it was dropped.
async fn cut<T>(step: impl Future<Output = T>, waits: Option<usize>) -> Option<T> {
    let mut step = pin!(step);
    let mut left = waits;
    std::future::poll_fn(|context| {
        if left == Some(0) {
            return Poll::Ready(None);
        }
        match step.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => {
                left = left.map(|left| left - 1);
                Poll::Pending
            }
        }
    })
    .await
}

struct Machine<'a> {
    app: &'a TestApp,
    seed: &'a Seed,
    counts: BTreeMap<&'static str, usize>,
}

impl Machine<'_> {
    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// One time in three a step dies.
    fn waits(&mut self) -> Option<usize> {
        self.seed.one_in(3).then(|| self.seed.below(25))
    }

    /// What goes wrong with the next requests.
    fn trouble(&mut self) {
        let Some(cos) = &self.app.cos else { return };
        let trouble = |seed: &Seed| match seed.below(24) {
            0..=7 => CosTrouble::Refuse { status: 503, code: "SlowDown".to_owned() },
            8..=14 => CosTrouble::Refuse { status: 403, code: "AccessDenied".to_owned() },
            15..=22 => CosTrouble::ReplyLost,
            _ => CosTrouble::Stall,
        };
        let prefixes = ["", "tmp/", "avatar/"];
        let mut faults = Vec::new();
        while self.seed.one_in(2) {
            // Three of a kind outlast the client's patience.
            let count = if self.seed.one_in(2) { 1 } else { 3 };
            let prefix = prefixes[self.seed.below(3)].to_owned();
            faults.push(CosFault { operation: None, prefix, count, trouble: trouble(self.seed) });
        }
        cos.set_faults(faults);
    }

    async fn step<T, E>(
        &mut self,
        name: (&'static str, &'static str, &'static str),
        step: impl Future<Output = Result<T, E>>,
    ) -> Option<T> {
        self.trouble();
        let waits = self.waits();
        match cut(step, waits).await {
            None => self.count(name.2),
            Some(Err(_)) => self.count(name.1),
            Some(Ok(done)) => {
                self.count(name.0);
                return Some(done);
            }
        }
        None
    }

    async fn send(&mut self, owner: Owner, leave: &Leave, file: &[u8]) {
        let app = &self.app.app;
        if let (Some(_), true) = (&self.app.cos, self.seed.one_in(2)) {
            self.trouble();
            let fields = leave.fields.iter().map(|(name, value)| ((*name).to_owned(), serde_json::json!(value)));
            let fields = serde_json::Value::Object(fields.collect());
            let (header, body) = super::form(&fields, "image/png", file);
            let request = self.app.client_of(&leave.url).post("").header("content-type", &header).body(body);
            let waits = self.waits().map(|waits| waits.min(6));
            // A request that stalls is given up by whoever waits for it.
            let sent = tokio::time::timeout(std::time::Duration::from_millis(150), request.try_send());
            let done = cut(sent, waits).await.is_some_and(|sent| sent.is_ok_and(|sent| sent.is_ok()));
            return self.count(if done { "form sent" } else { "form cut" });
        }
        let piece = file.len() / 2;
        let sending = async {
            let mut receiving = upload::receive(app, owner, leave.id).await?;
            for piece in file.chunks(piece) {
                receiving.write(piece).await?;
            }
            receiving.end(app).await
        };
        self.step(("sent", "send failed", "send killed"), Box::pin(sending)).await;
    }

    /// One upload. Users come and go, so that no one has too many that wait.
    async fn run(&mut self, number: i64, file: &[u8]) {
        let (app, user) = (&self.app.app, UserId(number));
        let owner = Owner::User(user);
        let sender = Sender { owner, appid: "" };
        let wish = Wish { purpose: Purpose::Avatar, content_type: PictureType::Png, bytes: 4_096 };
        let Some(leave) =
            self.step(("begun", "begin failed", "begin killed"), Box::pin(upload::begin(app, sender, wish))).await
        else {
            return;
        };
        Box::pin(self.send(owner, &leave, file)).await;
        let mut url = None;
        while url.is_none() && !self.seed.one_in(3) {
            let confirmed = self.step(
                ("confirmed", "confirm failed", "confirm killed"),
                Box::pin(upload::confirm(app, owner, leave.id)),
            );
            url = confirmed.await.map(|upload| format!("/objects/{}", upload.object_key));
            if self.seed.one_in(4) {
                self.app.advance(minutes(6));
            }
            if self.seed.one_in(6) {
                Box::pin(self.send(owner, &leave, file)).await;
            }
        }
        if let Some(url) = url
            && self.seed.one_in(2)
        {
            let attach = async {
                let mut session = app.database.write().await?;
                let done = upload::attach(app, &mut session, owner, Purpose::Avatar, &url).await?;
                session.commit().await?;
                Ok::<_, weizhan::service::Fault>(done)
            };
            self.step(("attached", "attach failed", "attach killed"), Box::pin(attach)).await;
        }
        if self.seed.one_in(3) {
            self.step(("removed", "remove failed", "remove killed"), Box::pin(upload::remove(app, owner, leave.id)))
                .await;
        }
        if self.seed.one_in(12) {
            self.app.advance(minutes(31));
            self.trouble();
            self.sweep_cut().await;
        }
    }

    /// A sweep that may die; its job is tried again later.
    async fn sweep_cut(&mut self) {
        let waits = self.seed.one_in(2).then(|| self.seed.below(60));
        match cut(super::sweep(self.app), waits).await {
            Some(()) => self.count("swept"),
            None => self.count("sweep killed"),
        }
    }

    /// The store is well again and all time is over: what stays belongs together.
    async fn settle(&mut self, file: &[u8], number: i64) {
        if let Some(cos) = &self.app.cos {
            cos.set_faults(Vec::new());
        }
        // Rows of jobs whose sweep died are not what is looked at here.
        self.app.rows().execute("DELETE FROM jobs").await;
        // A few that nothing happens to: by the time they are done, whatever was cut off has come to rest.
        for place in 0..10 {
            self.whole(UserId(number + place), file).await;
        }
        self.app.advance(minutes(90));
        sweep_all(self.app).await;
        sweep_all(self.app).await;
        self.app.advance(days(1));
        let rows = self.app.rows();
        let pending = rows.numbers("SELECT id FROM uploads WHERE state = 'pending'").await;
        assert!(pending.is_empty(), "the sweep did not end {pending:?}");
        let (named, found) = self.named_and_found().await;
        let missing: Vec<_> = named.difference(&found).collect();
        let stray: Vec<_> = found.difference(&named).collect();
        assert!(missing.is_empty() && stray.is_empty(), "rows point at {missing:?}, and {stray:?} have no row");
        assert_eq!(self.app.number("SELECT COUNT(*) FROM uploads WHERE draft_left").await, 0);
    }

    /// An upload that nothing happens to; a slow machine may still make COS late.
    async fn whole(&mut self, user: UserId, file: &[u8]) {
        let (app, owner) = (&self.app.app, Owner::User(user));
        let wish = Wish { purpose: Purpose::Avatar, content_type: PictureType::Png, bytes: 4_096 };
        let leave = upload::begin(app, Sender { owner, appid: "" }, wish).await.expect("begun");
        for _ in 0..20 {
            let sent = async {
                let mut receiving = upload::receive(app, owner, leave.id).await?;
                receiving.write(file).await?;
                receiving.end(app).await?;
                upload::confirm(app, owner, leave.id).await
            };
            if Box::pin(sent).await.is_ok() || upload::confirm(app, owner, leave.id).await.is_ok() {
                return self.count("whole");
            }
        }
        panic!("an upload that nothing happens to does not get through");
    }

    /// The objects that rows of ready uploads name, and those that are there.
    async fn named_and_found(&self) -> (HashSet<String>, HashSet<String>) {
        let rows = self.app.rows();
        let mut named = rows.texts("SELECT object_key FROM uploads WHERE state = 'ready'").await;
        named.extend(rows.texts("SELECT thumbnail_key FROM uploads WHERE state = 'ready'").await);
        (named.into_iter().collect(), objects(self.app).into_iter().collect())
    }
}

/// So many runs on an application of its own; what became of the steps.
async fn lane(store: Store, seed: Seed, count: usize) -> BTreeMap<&'static str, usize> {
    let fast = vec![("cos.timeout_ms", "150".to_owned()), ("cos.retry_ms", "1".to_owned())];
    let app = store.with(if store == Store::Directory { vec![] } else { fast }).await;
    let file = files::png(8, 8);
    let mut machine = Machine { app: &app, seed: &seed, counts: BTreeMap::new() };
    let (mut done, mut number): (usize, i64) = (0, 1);
    while done < count {
        for _ in 0..BATCH.min(count - done) {
            Box::pin(machine.run(number, &file)).await;
            let (named, found) = machine.named_and_found().await;
            let missing: Vec<_> = named.difference(&found).collect();
            assert!(missing.is_empty(), "run {number}: rows point at {missing:?}");
            (done, number) = (done + 1, number + 1);
        }
        Box::pin(machine.settle(&file, number)).await;
        number += 10;
    }
    let counts = machine.counts;
    app.stop().await;
    counts
}

/// Side by side, since most of the time is waited.
async fn runs(store: Store) {
    let (seed, count) = (Seed::of_run(), if full() { 10_000 } else { 300 });
    let lanes = (0..LANES).map(|_| Box::pin(lane(store, Seed::new(seed.next()), count / LANES)));
    let mut all = BTreeMap::<_, usize>::new();
    for (what, count) in futures_util::future::join_all(lanes).await.into_iter().flatten() {
        *all.entry(what).or_default() += count;
    }
    println!("{store:?}: {count} runs: {all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_off_anywhere_rows_and_objects_belong_together_on_cos() {
    Box::pin(runs(Store::Cos)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_off_anywhere_rows_and_objects_belong_together_in_a_folder() {
    Box::pin(runs(Store::Directory)).await;
}
