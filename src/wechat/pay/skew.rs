//! Whether our clock and WeChat Pay's part. A notice that WeChat truly signed, but not within five minutes of now, is
//! refused like any old one; when many are, it is hardly replays, and nothing would be paid until somebody looks.

use super::proof::Proof;
use crate::{
    model::time::{Timestamp, minutes},
    wechat::Wechat,
};
use axum::http::HeaderMap;
use std::sync::{Mutex, PoisonError};

/// Counts begin anew after this time.
const WINDOW_MINUTES: u64 = 10;
/// Fewer old notices than this say nothing.
const STALE_MIN: u32 = 3;
/// One in so many may be old.
const SHARE: u32 = 5;

/// Counts truly signed notices, fresh and old.
#[derive(Debug, Default)]
pub(super) struct SkewWatch(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    began: Timestamp,
    fresh: u32,
    stale: u32,
    told: bool,
}

impl SkewWatch {
    /// A truly signed notice came. `true`, once a window, when more than a fifth of them are old.
    pub(super) fn note(&self, fresh: bool, now: Timestamp) -> bool {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.0.abs_diff(window.began.0) >= u64::try_from(minutes(WINDOW_MINUTES).as_millis()).unwrap_or(u64::MAX) {
            *window = Window { began: now, ..Window::default() };
        }
        window.fresh = window.fresh.saturating_add(u32::from(fresh));
        window.stale = window.stale.saturating_add(u32::from(!fresh));
        let many = window.stale >= STALE_MIN && window.stale > window.fresh.saturating_add(window.stale) / SHARE;
        let news = many && !window.told;
        window.told |= many;
        news
    }
}

impl Wechat {
    /// An old notice that WeChat Pay truly signed speaks against a clock: ours, or less likely its own.
    pub(super) fn suspect_clock(&self, headers: &HeaderMap, body: &[u8]) {
        let (merchant, now) = (&self.0.merchant, self.0.clock.now());
        let Ok((proof, seconds)) = Proof::read_of_any_age(headers) else { return };
        let Some(key) = merchant.keys.find(proof.serial, now) else { return };
        if proof.verify(&key, body).is_ok() && merchant.skew.note(false, now) {
            let ahead_seconds = now.seconds() - seconds;
            tracing::error!(
                ahead_seconds,
                "WeChat Pay's notices are refused as old: look at the clock of this machine"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::{
        desk::{Desk, Signer, headers},
        pay::NoticeReason,
    };

    #[test]
    fn more_than_a_fifth_of_old_notices_is_an_alarm_once_in_ten_minutes() {
        let (watch, start) = (SkewWatch::default(), Timestamp(1_795_000_000_000));
        let told = |fresh: bool, count: u32, now: Timestamp| (0..count).filter(|_| watch.note(fresh, now)).count();
        assert_eq!((told(true, 12, start), told(false, 3, start)), (0, 0), "3 of 15 are a fifth");
        assert_eq!((told(false, 1, start), told(false, 50, start)), (1, 0), "4 of 16 are more");
        let later = start.plus(minutes(WINDOW_MINUTES));
        assert_eq!((told(false, 2, later), told(false, 1, later)), (0, 1));
        assert_eq!(told(false, 3, start), 1, "a clock that was set back begins anew");
    }

    #[tokio::test]
    async fn genuine_notices_from_another_time_raise_the_clock_alarm_and_forged_ones_do_not() {
        let log = tempfile::NamedTempFile::new().expect("file");
        let writer = std::sync::Arc::new(log.reopen().expect("the same file"));
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(writer).finish();
        let _said_here = tracing::subscriber::set_default(subscriber);
        let desk = Desk::open(false).await;
        let body = "nobody reads it";
        let then = crate::model::time::Clock::now(&*desk.clock);
        desk.clock.advance(std::time::Duration::from_mins(7));
        let said = || std::fs::read_to_string(log.path()).expect("text");
        for (signer, expected) in [(Signer::Stranger, 0), (Signer::Probe, 0), (Signer::PublicKey, 1)] {
            for _ in 0..20 {
                let headers = headers(signer, then, body);
                let refusal = desk.wechat.open_notice(&headers, body.as_bytes()).await.expect_err("old");
                assert_eq!(refusal.reason, NoticeReason::Timestamp);
            }
            assert_eq!(said().matches("look at the clock").count(), expected, "{signer:?}");
        }
        assert!(said().contains("ahead_seconds=420"), "{}", said());
    }
}
