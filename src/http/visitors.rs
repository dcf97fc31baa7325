//! Who is connected: how many in all, and how many from one address.

use crate::app::Caller;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// All open connections.
#[derive(Debug)]
pub(super) struct Visitors {
    /// Most connections of one address.
    each_max: usize,
    open: Mutex<Open>,
    gone: Notify,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    by_caller: HashMap<Caller, usize>,
}

/// An open connection; dropping it says that it is closed.
#[derive(Debug)]
pub(super) struct Visitor {
    visitors: Arc<Visitors>,
    /// None for a proxy, which speaks for many.
    caller: Option<Caller>,
}

impl Visitors {
    pub(super) fn new(each_max: usize) -> Arc<Self> {
        Arc::new(Self { each_max, open: Mutex::default(), gone: Notify::new() })
    }

    /// Note a connection; `None` when its address has enough of them.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr, is_proxy: bool) -> Option<Visitor> {
        let caller = (!is_proxy).then(|| Caller::at(address.to_canonical()));
        let mut open = self.lock();
        if let Some(caller) = &caller {
            let own = open.by_caller.entry(caller.clone()).or_default();
            if *own >= self.each_max {
                return None;
            }
            *own += 1;
        }
        open.all += 1;
        Some(Visitor { visitors: self.clone(), caller })
    }

    /// Wait until nobody is here.
    pub(super) async fn all_gone(&self) {
        loop {
            let gone = self.gone.notified();
            if self.lock().all == 0 {
                return;
            }
            gone.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        let mut open = self.visitors.lock();
        open.all -= 1;
        if let Some(caller) = &self.caller
            && let Some(own) = open.by_caller.get_mut(caller)
        {
            *own -= 1;
            if *own == 0 {
                open.by_caller.remove(caller);
            }
        }
        if open.all == 0 {
            self.visitors.gone.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_share_and_a_proxy_no_bound() {
        let visitors = Visitors::new(2);
        let [one, household, other] =
            ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"].map(|text| text.parse::<IpAddr>().unwrap());
        let first = visitors.enter(one, false).expect("room");
        let _second = visitors.enter(household, false).expect("room");
        assert!(visitors.enter(one, false).is_none() && visitors.enter(other, false).is_some());
        let proxied: Vec<_> = (0..9).map(|_| visitors.enter(one, true)).collect();
        assert!(proxied.iter().all(Option::is_some));
        drop(first);
        assert!(visitors.enter(one, false).is_some());
        assert_eq!(visitors.lock().by_caller.len(), 1, "who is gone is forgotten");
    }
}
