//! Points in time: milliseconds since 1970, and the day of a shop in Asia/Shanghai.

use std::time::Duration;

/// Offset of Asia/Shanghai, which has known no daylight saving time since 1991.
const SHANGHAI: jiff::tz::Offset = jiff::tz::offset(8);

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    sqlx::Type,
    serde::Serialize,
    serde::Deserialize,
    utoipa::ToSchema,
)]
#[sqlx(transparent)]
#[serde(transparent)]
pub struct Timestamp(
    /// Milliseconds since 1970.
    pub i64,
);

impl Timestamp {
    /// Whole seconds since 1970.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }
    /// The point that many seconds after 1970.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds * 1000)
    }
    /// This point and a while later.
    #[must_use]
    pub fn plus(self, while_: Duration) -> Self {
        Self(self.0 + i64::try_from(while_.as_millis()).unwrap_or(i64::MAX / 2))
    }
    /// This point and a while earlier.
    #[must_use]
    pub fn minus(self, while_: Duration) -> Self {
        Self(self.0 - i64::try_from(while_.as_millis()).unwrap_or(i64::MAX / 2))
    }
    /// How long ago `earlier` was; zero when it has not come yet.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }
    /// RFC 3339 with the offset of Shanghai and whole seconds, as WeChat writes times.
    pub fn rfc3339(self) -> String {
        self.shanghai().strftime("%Y-%m-%dT%H:%M:%S+08:00").to_string()
    }
    /// The same with milliseconds, for the calls of WeChat that want them.
    pub fn rfc3339_ms(self) -> String {
        self.shanghai().strftime("%Y-%m-%dT%H:%M:%S.%3f+08:00").to_string()
    }
    /// Reads RFC 3339 with any offset.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|time| Self(time.as_millisecond()))
    }
    /// The calendar day in Shanghai, `yyyymmdd`.
    pub fn day(self) -> i64 {
        let date = self.shanghai().date();
        i64::from(date.year()) * 10_000 + i64::from(date.month()) * 100 + i64::from(date.day())
    }
    fn shanghai(self) -> jiff::Zoned {
        let time = jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        time.to_zoned(SHANGHAI.to_time_zone())
    }
}

/// Where the application reads the time. Tests hold it still and move it by hand.
pub trait Clock: std::fmt::Debug + Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// A clock that moves only when told to.
#[derive(Debug)]
pub struct FixedClock(std::sync::atomic::AtomicI64);

impl FixedClock {
    /// A clock that shows `now`.
    pub const fn new(now: Timestamp) -> Self {
        Self(std::sync::atomic::AtomicI64::new(now.0))
    }
    /// Move it forward.
    pub fn advance(&self, while_: Duration) {
        let step = i64::try_from(while_.as_millis()).unwrap_or(0);
        self.0.fetch_add(step, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(std::sync::atomic::Ordering::SeqCst))
    }
}

/// So many minutes.
pub const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

/// So many days.
pub const fn days(count: u64) -> Duration {
    Duration::from_secs(count * 86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_turns_at_midnight_in_shanghai() {
        let before = Timestamp::parse_rfc3339("2026-11-22T15:59:59Z").expect("time");
        assert_eq!((before.day(), before.plus(Duration::from_secs(1)).day()), (20_261_122, 20_261_123));
        assert_eq!(before.rfc3339(), "2026-11-22T23:59:59+08:00");
        assert_eq!(Timestamp::parse_rfc3339(&before.rfc3339()), Some(before));
        let exact = before.plus(Duration::from_millis(7));
        assert_eq!(exact.rfc3339_ms(), "2026-11-22T23:59:59.007+08:00");
        assert_eq!(Timestamp::parse_rfc3339(&exact.rfc3339_ms()), Some(exact));
    }
}
