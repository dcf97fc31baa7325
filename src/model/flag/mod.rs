//! Feature flags: what is on, and for whom (灰度).

use crate::model::{id::StaffId, id::UserId, time::Timestamp};
use aws_lc_rs::digest;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

/// Most flags at a time: every node holds all of them, and asks each when a mini-program starts.
pub const FLAGS_MAX: i64 = 200;
/// Most characters of a name.
const NAME_CHARS_MAX: usize = 64;
/// Numbers of a version.
const VERSION_PARTS_MAX: usize = 4;
/// A bucket of users; a percent is a hundred of them.
const BUCKETS: u64 = 10_000;

/// Text that is no name of a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a name of a flag: up to 64 lower-case letters, digits and underscores are expected, a letter first")]
pub struct NotAFlag;

/// The name of a flag: `new_cart`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlagName(
    /// The name.
    String,
);

impl FlagName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FlagName {
    type Err = NotAFlag;
    fn from_str(text: &str) -> Result<Self, NotAFlag> {
        let fits = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
        if fits && begins && text.len() <= NAME_CHARS_MAX { Ok(Self(text.to_owned())) } else { Err(NotAFlag) }
    }
}

/// Text that is no version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a version: one to four numbers with dots, such as 1.4.2, are expected")]
pub struct NotAVersion;

/// The version of a mini-program: dotted numbers, compared one by one; what is not said is 0, so 1.4 is 1.4.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppVersion([u32; VERSION_PARTS_MAX]);

impl FromStr for AppVersion {
    type Err = NotAVersion;
    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let mut parts = [0; VERSION_PARTS_MAX];
        for (count, word) in text.split('.').enumerate() {
            let plain = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
            let number = if plain { word.parse().ok() } else { None };
            *parts.get_mut(count).ok_or(NotAVersion)? = number.ok_or(NotAVersion)?;
        }
        Ok(Self(parts))
    }
}

impl fmt::Display for AppVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch, build] = self.0;
        write!(f, "{major}.{minor}.{patch}")?;
        if build > 0 { write!(f, ".{build}") } else { Ok(()) }
    }
}

impl serde::Serialize for AppVersion {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for AppVersion {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'_, str> as serde::Deserialize>::deserialize(input)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// For whom a flag is on.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FlagRule {
    /// Off: for nobody, whatever else is said.
    pub on: bool,
    /// Share of the users, 0 to 100.
    pub percent: u8,
    /// For these also beyond the share.
    pub openids: BTreeSet<String>,
    /// Only in these mini-programs; none named: in all.
    pub appids: BTreeSet<String>,
    /// Only from this version of the mini-program on.
    pub version_min: Option<AppVersion>,
    /// Only up to this version.
    pub version_max: Option<AppVersion>,
}

/// For whom is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Who {
    /// What the share is drawn by: a user or a device. Nobody in particular is in no share below 100.
    pub key: Option<String>,
    /// The user in the mini-program.
    pub openid: Option<String>,
    /// The mini-program.
    pub appid: Option<String>,
    /// Its version.
    pub version: Option<AppVersion>,
}

impl Who {
    /// A user, the same in every mini-program.
    pub fn user(id: UserId, openid: &str, appid: &str, version: Option<AppVersion>) -> Self {
        let (openid, appid) = (Some(openid.to_owned()), Some(appid.to_owned()));
        Self { key: Some(format!("user:{id}")), openid, appid, version }
    }
    /// A device on which nobody has signed in.
    pub fn device(device: Option<&str>, appid: Option<&str>, version: Option<AppVersion>) -> Self {
        let key = device.map(|device| format!("device:{device}"));
        Self { key, openid: None, appid: appid.map(str::to_owned), version }
    }
}

/// Where a user stands in the share of a flag, 0 to 9,999: always the same, and another in each flag, so that it is not
/// always the same people who try what is new.
fn bucket(name: &str, key: &str) -> u64 {
    let hash = digest::digest(&digest::SHA256, format!("{name}\n{key}").as_bytes());
    let first = hash.as_ref().first_chunk::<8>().copied().unwrap_or_default();
    u64::from_be_bytes(first) % BUCKETS
}

impl FlagRule {
    /// Whether the flag of that name is on for somebody.
    pub fn is_on(&self, name: &str, who: &Who) -> bool {
        let in_app = self.appids.is_empty() || who.appid.as_ref().is_some_and(|appid| self.appids.contains(appid));
        // Who does not say its version is in no range.
        let in_range = (self.version_min.is_none() && self.version_max.is_none())
            || who.version.is_some_and(|version| {
                self.version_min.is_none_or(|min| version >= min) && self.version_max.is_none_or(|max| version <= max)
            });
        let named = who.openid.as_ref().is_some_and(|openid| self.openids.contains(openid));
        let share = u64::from(self.percent) * (BUCKETS / 100);
        let drawn = || self.percent >= 100 || who.key.as_ref().is_some_and(|key| bucket(name, key) < share);
        self.on && in_app && in_range && (named || drawn())
    }
}

/// All flags, as one node holds them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags(
    /// By name.
    pub BTreeMap<String, FlagRule>,
);

impl Flags {
    /// Whether a flag is on for somebody; one that there is not is off.
    pub fn is_on(&self, name: &str, who: &Who) -> bool {
        self.0.get(name).is_some_and(|rule| rule.is_on(name, who))
    }
    /// All that are on for somebody.
    pub fn of<'a>(&'a self, who: &'a Who) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(|(name, rule)| rule.is_on(name, who)).map(|(name, _)| name.as_str())
    }
}

/// A flag as stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Flag {
    /// Which.
    pub name: String,
    /// Of all settings and flags together, when this one was changed last; so no version comes twice.
    pub version: i64,
    /// A [`FlagRule`] in JSON.
    pub rule: String,
    /// By whom.
    pub staff_id: StaffId,
    /// When.
    pub changed_ms: Timestamp,
}

impl Flag {
    /// For whom it is on; `None` when this version cannot read it.
    pub fn rule(&self) -> Option<FlagRule> {
        serde_json::from_str(&self.rule).ok()
    }
}

/// What a flag became.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct FlagChange {
    /// Which.
    pub name: String,
    /// The version that began.
    pub version: i64,
    /// A [`FlagRule`] in JSON; absent: it was taken away.
    pub rule: Option<String>,
    /// By whom.
    pub staff_id: StaffId,
    /// When.
    pub changed_ms: Timestamp,
}

refusals! {
    /// Why a flag stays as it is.
    pub enum FlagRefusal {
        /// There is none of that name.
        NotFound = Missing, "flag.not_found", "no such flag";
        /// Somebody else changed it.
        Changed { version: i64 } = Conflict, "flag.changed", "the flag has version {version} by now";
        /// The range of versions is empty.
        RangeEmpty = Invalid, "flag.range_empty", "version_min is above version_max";
        /// There are as many as every node holds.
        TooMany = Conflict, "flag.too_many", "there are 200 flags; take away one that is not needed any more";
    }
}

impl crate::model::refusal::Refusal for FlagRefusal {
    fn kind(&self) -> crate::model::refusal::Kind {
        self.kind_of()
    }
    fn code(&self) -> &'static str {
        self.code_of()
    }
    fn pointer(&self) -> Option<String> {
        matches!(self, Self::RangeEmpty).then(|| "/version_min".to_owned())
    }
}

#[cfg(test)]
mod test;
