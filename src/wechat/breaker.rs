//! Stops asking WeChat for what it does not answer, call by call: whoever signs in while `code2Session` is silent is told so
//! at once, and does not hold a connection and a place for the whole time-out. What another call asks goes on.

use super::Error;
use crate::model::time::Timestamp;
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Failures of a call in a row after which it is not made.
const FAILURES_MAX: u32 = 5;
/// How long it is not made; then one caller tries.
const PAUSE: Duration = Duration::from_secs(5);

/// How one call stands.
#[derive(Debug, Default, Clone, Copy)]
struct State {
    /// Failures in a row.
    failures: u32,
    /// Until when it is not made.
    until: Option<Timestamp>,
}

/// How all calls stand, on this node. Nothing is held while a call is under way.
#[derive(Debug, Default)]
pub(super) struct Breakers(Mutex<BTreeMap<&'static str, State>>);

impl Breakers {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Whether to make a call now. After the pause the first who asks may, and the others wait for what it learns: as
    /// long again at most, should it never come back.
    pub(super) fn allows(&self, operation: &'static str, now: Timestamp) -> bool {
        let mut all = self.lock();
        let state = all.entry(operation).or_default();
        match state.until {
            Some(until) if now < until => false,
            Some(_) => {
                state.until = Some(now.plus(PAUSE));
                true
            }
            None => true,
        }
    }
    /// What became of a call.
    pub(super) fn note<T>(&self, operation: &'static str, result: &Result<T, Error>, now: Timestamp) {
        let silent = result.as_ref().is_err_and(is_silent);
        let mut all = self.lock();
        let state = all.entry(operation).or_default();
        if !silent {
            if std::mem::take(state).until.is_some() {
                tracing::info!(operation, "WeChat answers this call again");
            }
            return;
        }
        state.failures = state.failures.saturating_add(1);
        if state.failures >= FAILURES_MAX {
            if state.until.is_none() {
                tracing::error!(operation, "WeChat does not answer this call: it is not made for a while");
            }
            state.until = Some(now.plus(PAUSE));
        }
    }
    /// The calls that were made so far, and whether each is being made.
    pub(super) fn list(&self) -> Vec<(&'static str, bool)> {
        self.lock().iter().map(|(operation, state)| (*operation, state.until.is_none())).collect()
    }
}

/// Nobody answered, or something in front of WeChat did. An `errcode` is an answer, whatever it says.
fn is_silent(error: &Error) -> bool {
    let code = error.code();
    matches!(code, Error::UNREACHABLE | "timeout" | "broken") || code.starts_with("http_5")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::ErrorKind;

    const START: Timestamp = Timestamp(1_000_000);

    fn failed(code: &str) -> Result<(), Error> {
        Err(Error::new("login", ErrorKind::Busy, code))
    }

    #[test]
    fn five_silences_in_a_row_stop_a_call_and_one_answer_starts_it_again() {
        let breakers = Breakers::default();
        for code in ["timeout", "unreachable", "broken", "http_502"] {
            breakers.note("login", &failed(code), START);
        }
        assert!(breakers.allows("login", START));
        breakers.note("login", &failed("timeout"), START);
        assert!(!breakers.allows("login", START.plus(PAUSE / 2)));
        assert!(breakers.allows("phone", START), "another call goes on");
        assert_eq!(breakers.list(), [("login", false), ("phone", true)]);
        // One tries; the others wait for it, and for the next if it never comes back.
        let later = START.plus(PAUSE);
        assert!(breakers.allows("login", later) && !breakers.allows("login", later));
        assert!(breakers.allows("login", later.plus(PAUSE)));
        breakers.note("login", &failed("timeout"), later.plus(PAUSE));
        assert!(!breakers.allows("login", later.plus(PAUSE)));
        breakers.note("login", &Ok(()), later.plus(PAUSE));
        assert!(breakers.allows("login", later.plus(PAUSE)));
        breakers.note("login", &failed("timeout"), later);
        assert!(breakers.allows("login", later), "it counts from the start again");
    }

    #[test]
    fn what_wechat_says_is_an_answer() {
        let breakers = Breakers::default();
        for _ in 0..20 {
            for code in ["-1", "45011", "40029", "unreadable", "http_429"] {
                breakers.note("login", &failed(code), START);
            }
            breakers.note("phone", &failed("timeout"), START);
            breakers.note("phone", &failed("-1"), START);
        }
        assert!(breakers.allows("login", START) && breakers.allows("phone", START));
    }
}
