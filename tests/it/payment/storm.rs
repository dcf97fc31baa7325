//! Claimed: however often a payment is told, in whatever order, to whichever node, and whatever node dies meanwhile, it
//! has its effect once, and what was answered 2xx is kept.
//!
//! Shown: buyers order and pay over the API; each payment is told one to fifteen times, the same bytes again and drawn
//! anew, shuffled among those of others, to two nodes on one database (on SQLite, which is no database of two processes,
//! to one), while nodes are killed with `kill -9` and started again. In the end the ledger of this test, WeChat's books
//! and the rows must be one, and `weizhan verify` finds nothing.

use crate::support::{
    Backend, backend,
    books::quiesce,
    client::{Client, new_key, until_answered},
    full,
    letter::Letter,
    node::Deployment,
    rows::same,
    seed::Seed,
    servers::{ServerProcess, process::free_port},
    shop::Goods,
};
use serde_json::json;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
};
use weizhan::{
    data::Database,
    simulator::{CallbackKey, TradeState, Trick},
};

/// Whoever waits so long waits for a broken server.
const PATIENCE: Duration = Duration::from_mins(2);
/// Letters that wait to be sent, at most.
const POOL: usize = 1_500;
/// Letters under way at the same time.
const SENDERS: usize = 32;
/// Orders begun at the same time.
const BUYERS: usize = 8;

/// A payment as this test knows it.
struct Paid {
    out_trade_no: String,
    total_fen: i64,
}

struct Storm {
    shop: Deployment,
    ports: Vec<u16>,
    goods: Goods,
    seed: Seed,
    payments: usize,
    pool: Mutex<Vec<Letter>>,
    /// A permit for each letter in the pool, and for each sender when there are no more.
    letters: Semaphore,
    room: Semaphore,
    /// Answered 2xx.
    taken: watch::Sender<usize>,
    unanswered: AtomicUsize,
    later: AtomicUsize,
    refused: AtomicUsize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_storm_of_callbacks_on_nodes_that_die_has_each_effect_once() {
    let (storm, mut nodes) = Storm::new(if full() { 12_500 } else { 60 }).await;
    let (began, mut sending) = (Instant::now(), JoinSet::new());
    for _ in 0..SENDERS {
        let storm = storm.clone();
        sending.spawn(async move { storm.send().await });
    }
    let (mut buying, next) = (JoinSet::new(), Arc::new(AtomicUsize::new(0)));
    for _ in 0..BUYERS {
        let (storm, next) = (storm.clone(), next.clone());
        buying.spawn(async move { storm.buy(&next).await });
    }
    let kills = if full() { 20 } else { 2 };
    let (mut killing, killer) = (JoinSet::new(), storm.clone());
    killing.spawn(async move {
        killer.kill(&mut nodes, kills).await;
        nodes
    });
    let ledger: Vec<Paid> = buying.join_all().await.into_iter().flatten().collect();
    storm.letters.add_permits(SENDERS);
    sending.join_all().await;
    let seconds = began.elapsed().as_secs_f64();
    let nodes = killing.join_all().await.into_iter().flatten();
    storm.tell(&ledger, kills, seconds);
    quiesce(&storm.shop, PATIENCE).await;
    storm.compare(&ledger).await;
    for mut node in nodes {
        assert!(node.terminate().success(), "{}", node.log());
    }
    storm.shop.succeed(&["verify"]);
}

impl Storm {
    async fn new(payments: usize) -> (Arc<Self>, Vec<ServerProcess>) {
        let mut shop = Deployment::new().await;
        shop.set("auth.access_minutes", "600");
        let count = if backend() == Backend::Mariadb { 2 } else { 1 };
        let ports: Vec<u16> = std::iter::once(shop.port).chain((1..count).map(|_| free_port())).collect();
        let nodes = ports.iter().enumerate().map(|(number, port)| shop.serve_beside(number, *port)).collect();
        let goods = shop.goods().await;
        // WeChat makes the callbacks, this test delivers them; signed by either of its keys.
        shop.simulator.faults().change(|faults| (faults.drop, faults.callback_key) = (true, CallbackKey::Mixed));
        let storm = Self {
            shop,
            ports,
            goods,
            seed: Seed::of_run(),
            payments,
            pool: Mutex::default(),
            letters: Semaphore::new(0),
            room: Semaphore::new(POOL),
            taken: watch::Sender::new(0),
            unanswered: AtomicUsize::new(0),
            later: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
        };
        (Arc::new(storm), nodes)
    }

    /// Some node.
    fn node(&self) -> Client {
        self.shop.nobody_at(self.ports[self.seed.below(self.ports.len())])
    }

    /// One buyer orders and pays until enough was paid; each payment's letters go into the pool.
    async fn buy(&self, next: &AtomicUsize) -> Vec<Paid> {
        let (name, mut paid) = (new_key(), Vec::new());
        let signed_in = until_answered(|| self.node().post("/v1/login").json(&self.shop.code(&name))).await.expect(200);
        let token = signed_in["access_token"].as_str().unwrap().to_owned();
        let user = || self.node().with_token(&token);
        let address = json!({ "name": "王小明", "phone": "13800000000", "province": "浙江省", "city": "杭州市",
            "detail": "文三路 1 号" });
        let address = until_answered(|| user().post("/v1/addresses").json(&address)).await.expect(201);
        while next.fetch_add(1, Ordering::Relaxed) < self.payments {
            let qty = 1 + self.seed.below(3);
            let (key, body) = (
                new_key(),
                json!({ "lines": [{ "sku_id": self.goods.sku_id, "qty": qty }], "address_id": address["id"] }),
            );
            let order = until_answered(|| user().post("/v1/orders").key(&key).json(&body)).await.expect(201);
            let path = format!("/v1/orders/{}/payment", order["id"].as_str().unwrap());
            let params = until_answered(|| user().post(&path)).await.expect(200);
            let handle = params["package"].as_str().and_then(|text| text.strip_prefix("prepay_id=")).unwrap();
            let out_trade_no = self.shop.simulator.payment_of_prepay(handle).unwrap().out_trade_no;
            self.shop.simulator.pay(&out_trade_no).unwrap();
            self.post(&out_trade_no).await;
            paid.push(Paid { out_trade_no, total_fen: order["total_fen"].as_i64().unwrap() });
        }
        paid
    }

    /// One to fifteen letters of a payment.
    async fn post(&self, out_trade_no: &str) {
        let callback = self.shop.simulator.callback_about(out_trade_no).unwrap();
        let drawn = [(); 2].map(|()| Letter::from(self.shop.simulator.notice(&callback.id, Trick::None).unwrap()));
        let count = 1 + self.seed.below(15);
        self.room.acquire_many(u32::try_from(count).unwrap()).await.unwrap().forget();
        let letters = (0..count).map(|_| drawn[self.seed.below(2)].clone());
        self.pool.lock().unwrap().extend(letters);
        self.letters.add_permits(count);
    }

    /// Take letters out of the pool at random and send each until it is taken, as WeChat does.
    async fn send(&self) {
        loop {
            self.letters.acquire().await.unwrap().forget();
            let letter = {
                let mut pool = self.pool.lock().unwrap();
                let place = self.seed.below(pool.len());
                if pool.is_empty() { None } else { Some(pool.swap_remove(place)) }
            };
            let Some(letter) = letter else { return };
            self.deliver(&letter).await;
            self.room.add_permits(1);
        }
    }

    async fn deliver(&self, letter: &Letter) {
        let began = Instant::now();
        loop {
            let failed = match letter.to(&self.node()).try_send().await {
                Ok(answer) if answer.status.is_success() => return self.taken.send_modify(|count| *count += 1),
                Ok(answer) if answer.status.is_server_error() => &self.later,
                // A genuine letter is never refused.
                Ok(answer) => {
                    println!("{} {}", answer.status, answer.text);
                    &self.refused
                }
                Err(_) => &self.unanswered,
            };
            failed.fetch_add(1, Ordering::Relaxed);
            assert!(began.elapsed() < PATIENCE, "a letter is not taken");
            // WeChat waits longer; a node that is down should not be asked without a breath.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Kill a node whenever so many more letters were taken, in the midst of the others, and start it again.
    async fn kill(&self, nodes: &mut [ServerProcess], kills: usize) {
        let mut taken = self.taken.subscribe();
        // Eight letters a payment, on average.
        let all = self.payments * 8;
        let mut moments: Vec<usize> = (0..kills).map(|_| self.seed.below(all / 2)).collect();
        moments.sort_unstable();
        for moment in moments {
            taken.wait_for(|count| *count >= moment).await.unwrap();
            let number = self.seed.below(nodes.len());
            tokio::task::block_in_place(|| {
                nodes[number].kill9();
                nodes[number] = self.shop.serve_beside(number, self.ports[number]);
            });
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    fn tell(&self, ledger: &[Paid], kills: usize, seconds: f64) {
        let taken = *self.taken.borrow();
        let [unanswered, later, refused] =
            [&self.unanswered, &self.later, &self.refused].map(|count| count.load(Ordering::Relaxed));
        println!(
            "{} payments on {} nodes: {} callbacks sent, {taken} answered 2xx, {refused} refused, {later} told to come \
             later, {unanswered} unanswered, {kills} kills; {seconds:.1} s, {:.0} callbacks/s",
            ledger.len(),
            self.ports.len(),
            taken + refused + later + unanswered,
            taken as f64 / seconds
        );
        assert_eq!(refused, 0, "WeChat's own letters");
        assert!(unanswered > 0, "no kill was noticed");
    }

    /// The ledger of this test, WeChat's books and the rows say the same. That the rows are at one with themselves is
    /// `verify`'s to say.
    async fn compare(&self, ledger: &[Paid]) {
        assert_eq!(ledger.len(), self.payments);
        let total: i64 = ledger.iter().map(|paid| paid.total_fen).sum();
        let truth = self.shop.simulator.ledger();
        let paid = truth.payments.iter().filter(|payment| payment.state == TradeState::Success);
        let (count, sum) = paid.fold((0, 0), |(count, sum), payment| (count + 1, sum + payment.total_fen.0));
        assert_eq!((count, sum), (ledger.len(), total), "WeChat's books");
        assert!(truth.refunds.is_empty(), "no money had to go back");
        let database = Database::open(&self.shop.config().database).await.unwrap();
        let number = async |text: &str| {
            let rows: Vec<(i64,)> = database.read().await.unwrap().all(same(text.to_owned()), ()).await.expect(text);
            rows[0].0
        };
        let expected = i64::try_from(self.payments).unwrap();
        for (what, text, value) in [
            ("payments", "SELECT COUNT(*) FROM payments WHERE accepted = TRUE", expected),
            ("all payments", "SELECT COUNT(*) FROM payments", expected),
            ("money", "SELECT CAST(SUM(total_fen) AS SIGNED) FROM payments", total),
            ("money of orders", "SELECT CAST(SUM(total_fen) AS SIGNED) FROM orders WHERE state = 'paid'", total),
            ("effects", "SELECT COUNT(*) FROM order_transitions WHERE to_state = 'paid'", expected),
            ("pieces", "SELECT CAST(SUM(sales) AS SIGNED) FROM products", total / 1_990),
            ("suspense", "SELECT COUNT(*) FROM suspense", 0),
        ] {
            assert_eq!(number(text).await, value, "{what}");
        }
        let mut session = database.read().await.unwrap();
        for paid in ledger {
            let prepay = weizhan::data::payment::find_prepay_by_number(&mut session, &paid.out_trade_no).await.unwrap();
            assert_eq!(prepay.map(|prepay| prepay.total_fen.0), Some(paid.total_fen), "{}", paid.out_trade_no);
        }
        drop(session);
        database.close().await;
    }
}
