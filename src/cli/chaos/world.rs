//! Both servers as the matrix reaches them, staff's token, and time: a clock that is moved, or the real one.

use super::{
    call::{Answer, Ask, Door, text},
    house::House,
};
use crate::config::Secret;
use anyhow::Context as _;
use reqwest::Url;
use serde_json::{Value, json};
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How far the moved clock goes at most between two looks at what is due.
const STEP: Duration = Duration::from_secs(30);
/// The longest pause on a real clock; the simulator there is quicker than life.
const REAL_PAUSE: Duration = Duration::from_secs(5);
/// How often a running backend is asked again.
const PAUSE: Duration = Duration::from_millis(100);

/// Where the matrix does its work.
pub(super) struct World {
    /// The backend under test.
    pub(super) shop: Door,
    /// The simulator.
    pub(super) wechat: Door,
    /// Ours, unless somebody else's is tested.
    pub(super) house: Option<House>,
    /// The mini-program.
    pub(super) appid: String,
    staff_name: String,
    staff_password: Secret,
    token: Mutex<String>,
    /// How long a real clock is waited for.
    patience: Duration,
}

impl World {
    /// Somebody else's backend with its simulator, or the one that was opened here.
    pub(super) async fn new(
        (shop, wechat): (&Url, &Url),
        (staff_name, staff_password): (String, Secret),
        house: Option<House>,
        patience: Duration,
    ) -> anyhow::Result<Self> {
        let (shop, wechat) = (Door::new(shop)?, Door::new(wechat)?);
        let state = wechat.get("/_simulator/api/state?limit=1").send().await.context("the simulator")?.good()?;
        let appid = text(&state, "/apps/0").to_owned();
        let token = Mutex::default();
        let world = Self { shop, wechat, house, appid, staff_name, staff_password, token, patience };
        world.sign_in().await?;
        Ok(world)
    }

    async fn sign_in(&self) -> anyhow::Result<()> {
        let body = json!({ "name": self.staff_name, "password": self.staff_password.expose() });
        let signed_in = self.shop.post("/admin/v1/sign-in").json(&body).send().await?.good()?;
        text(&signed_in, "/access_token").clone_into(&mut self.token.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(())
    }

    /// Ask as staff; signed in anew when the token has run out meanwhile.
    pub(super) async fn staff(&self, ask: impl Fn() -> Ask) -> anyhow::Result<Answer> {
        let token = || self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let answer = ask().token(&token()).send().await?;
        if answer.status != 401 {
            return Ok(answer);
        }
        self.sign_in().await?;
        ask().token(&token()).send().await
    }

    /// What the simulator knows: all of it, or where nobody else is about the newest, among which are all of a round.
    pub(super) async fn truth(&self) -> anyhow::Result<Value> {
        let limit = if self.house.is_some() { 100 } else { 1_000_000 };
        self.wechat.get(&format!("/_simulator/api/state?limit={limit}")).send().await?.good()
    }

    /// WeChat does these things wrong from now on, and nothing else.
    pub(super) async fn faults(&self, faults: &Value) -> anyhow::Result<()> {
        self.wechat.put("/_simulator/api/faults").json(faults).send().await?.good().map(drop)
    }

    /// Let what is due happen.
    pub(super) async fn turn(&self) -> anyhow::Result<()> {
        if let Some(house) = &self.house {
            return house.turn().await;
        }
        tokio::time::sleep(PAUSE).await;
        Ok(())
    }

    /// Let time pass, with everything that is due in it. On a real clock it is a pause in which it would show if something
    /// came that must not come.
    pub(super) async fn pass(&self, time: Duration) -> anyhow::Result<()> {
        let Some(house) = &self.house else {
            tokio::time::sleep(time.min(REAL_PAUSE)).await;
            return Ok(());
        };
        let end = house.now().plus(time);
        house.turn().await?;
        while house.now() < end {
            house.skip(STEP.min(end.since(house.now()))).await?;
            house.turn().await?;
        }
        Ok(())
    }

    /// Let time pass until `look` sees what it wants, at most so long; `None` when it never did. On a real clock its
    /// patience counts instead: the machine may be slow.
    pub(super) async fn until<T>(
        &self,
        within: Duration,
        mut look: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<Option<T>> {
        let (began, mut passed) = (Instant::now(), Duration::ZERO);
        loop {
            self.turn().await?;
            if let Some(seen) = look().await? {
                return Ok(Some(seen));
            }
            match &self.house {
                Some(_) if passed >= within => return Ok(None),
                Some(house) => passed += house.skip(STEP.min(within.saturating_sub(passed))).await?,
                None if began.elapsed() > self.patience => return Ok(None),
                None => {}
            }
        }
    }
}
