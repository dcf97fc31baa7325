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
    /// As people in China read a time: `2026年12月1日 15:01`.
    pub fn chinese(self) -> String {
        self.shanghai().strftime("%Y年%-m月%-d日 %H:%M").to_string()
    }
    /// RFC 3339 in UTC with milliseconds, as COS writes times.
    pub fn rfc3339_utc(self) -> String {
        let time = jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::MAX);
        time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
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

/// A calendar day in Shanghai, kept as `yyyymmdd` and shown as `2026-11-22`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type)]
#[sqlx(transparent)]
pub struct Day(
    /// `yyyymmdd`.
    pub i64,
);

/// Text that is no day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a day: 2026-11-22 is the form")]
pub struct NotADay;

impl Day {
    /// Its first moment.
    pub fn start(self) -> Timestamp {
        Timestamp::parse_rfc3339(&format!("{self}T00:00:00+08:00")).unwrap_or_default()
    }
    /// The first moment after it.
    pub fn end(self) -> Timestamp {
        self.start().plus(days(1))
    }
    /// The day after.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.end().day())
    }
    /// So many days before.
    #[must_use]
    pub fn before(self, count: u64) -> Self {
        Self(self.start().minus(days(count)).day())
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(day) = self;
        write!(f, "{:04}-{:02}-{:02}", day / 10_000, day / 100 % 100, day % 100)
    }
}

impl std::str::FromStr for Day {
    type Err = NotADay;
    fn from_str(text: &str) -> Result<Self, NotADay> {
        let plain = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let start = if plain { Timestamp::parse_rfc3339(&format!("{text}T00:00:00+08:00")) } else { None };
        let day = start.map(|start| Self(start.day())).ok_or(NotADay)?;
        if day.to_string() == text { Ok(day) } else { Err(NotADay) }
    }
}

impl serde::Serialize for Day {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Day {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'_, str> as serde::Deserialize>::deserialize(input)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for Day {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some("^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))
            .into()
    }
}
impl utoipa::ToSchema for Day {}

/// Where the application reads the time. Tests hold it still and move it by hand.
pub trait Clock: std::fmt::Debug + Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
    /// Whether it goes on by itself, as the database's does; one that is held in hand says nothing about other machines.
    fn ticks(&self) -> bool {
        true
    }
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
    fn ticks(&self) -> bool {
        false
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

    #[test]
    fn a_day_is_read_as_it_is_shown_and_nothing_else_is_one() {
        let day: Day = "2026-02-28".parse().expect("a day");
        assert_eq!((day, day.next().to_string()), (Day(20_260_228), "2026-03-01".to_owned()));
        assert_eq!((day.before(59), day.start().rfc3339()), (Day(20_251_231), "2026-02-28T00:00:00+08:00".to_owned()));
        assert_eq!(day.end(), day.next().start());
        for text in ["", "2026-2-28", "20260228", "2026-02-29", "2026-13-01", "2026-02-28T", "+026-02-28", "二〇二六"]
        {
            assert_eq!(text.parse::<Day>(), Err(NotADay), "{text}");
        }
    }
}
