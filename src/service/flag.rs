//! Feature flags: what is on for whom.

use crate::{
    app::{App, Settings},
    data,
    model::flag::{AppVersion, FLAGS_MAX, Flag, FlagChange, FlagName, FlagRefusal, FlagRule, Who},
    service::{Error, Fault, attempt, audit, staff::Clerk, token::Buyer},
};
use serde_json::Value;

/// Most changes that a history shows.
const CHANGES_MAX: i64 = 100;

/// What is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct On {
    /// Names of flags, in order.
    pub names: Vec<String>,
    /// The version of settings and flags that says so.
    pub version: i64,
}

/// A buyer who asks.
pub fn who(buyer: &Buyer, version: Option<AppVersion>) -> Who {
    Who::user(buyer.id, &buyer.openid, &buyer.appid, version)
}

/// What is on for somebody. It costs no query: every node holds all flags.
pub fn of(app: &App, who: &Who) -> On {
    let snapshot = app.settings.now();
    On { names: snapshot.flags.of(who).map(str::to_owned).collect(), version: snapshot.version }
}

/// All flags, for staff.
pub async fn list(app: &App) -> Result<Vec<Flag>, Error<FlagRefusal>> {
    Ok(data::flag::list(&mut app.database.read().await?).await?)
}

/// The changes of one, latest first; also of one that was taken away.
pub async fn history(app: &App, name: &FlagName) -> Result<Vec<FlagChange>, Error<FlagRefusal>> {
    let changes = data::flag::list_changes(&mut app.database.read().await?, name.as_str(), CHANGES_MAX).await?;
    if changes.is_empty() { Err(FlagRefusal::NotFound.into()) } else { Ok(changes) }
}

/// Make a flag (version 0), or change one that has this version. Every node follows within two seconds, this one at once.
pub async fn put(
    app: &App,
    clerk: &Clerk,
    name: &FlagName,
    version: i64,
    rule: &FlagRule,
) -> Result<Flag, Error<FlagRefusal>> {
    if let (Some(min), Some(max)) = (rule.version_min, rule.version_max)
        && min > max
    {
        return Err(FlagRefusal::RangeEmpty.into());
    }
    let flag = attempt(|| put_once(app, clerk, name, version, rule)).await?;
    app.refresh_settings().await?;
    app.cache.tell(Settings::CHANGED).await;
    Ok(flag)
}

async fn put_once(
    app: &App,
    clerk: &Clerk,
    name: &FlagName,
    version: i64,
    rule: &FlagRule,
) -> Result<Flag, Error<FlagRefusal>> {
    let mut act = audit::begin(app).await?;
    let next = data::setting::step(&mut act).await?;
    let before = data::flag::find(&mut act, name.as_str()).await?;
    let present = before.as_ref().map_or(0, |flag| flag.version);
    if present != version {
        return Err(FlagRefusal::Changed { version: present }.into());
    }
    if present == 0 && data::flag::count(&mut act).await? >= FLAGS_MAX {
        return Err(FlagRefusal::TooMany.into());
    }
    let text = serde_json::to_string(rule).map_err(|error| Fault::broken(format!("a rule has no text: {error}")))?;
    let flag =
        Flag { name: name.as_str().to_owned(), version: next, rule: text, staff_id: clerk.id, changed_ms: app.now() };
    let moved = match present {
        0 => data::flag::insert(&mut act, &flag).await?,
        _ => data::flag::change(&mut act, &flag, present).await?,
    };
    if !moved {
        return Err(Fault::contended("the flag was changed at the same time").into());
    }
    let change = FlagChange {
        name: flag.name.clone(),
        version: next,
        rule: Some(flag.rule.clone()),
        staff_id: clerk.id,
        changed_ms: flag.changed_ms,
    };
    data::flag::insert_change(&mut act, &change).await?;
    let detail = (before.map(|flag| audited(&flag.rule)), audited(&flag.rule));
    act.commit::<FlagRefusal>(app, clerk, "flag.put", &format!("flag:{}", flag.name), &detail).await?;
    Ok(flag)
}

/// A rule for the audit: how many people it names, and not who they are.
fn audited(rule: &str) -> Value {
    let mut rule: Value = serde_json::from_str(rule).unwrap_or_default();
    if let Some(openids) = rule.get_mut("openids") {
        *openids = openids.as_array().map_or(0, Vec::len).into();
    }
    rule
}

/// Take a flag away: it is off for everybody.
pub async fn remove(app: &App, clerk: &Clerk, name: &FlagName) -> Result<(), Error<FlagRefusal>> {
    attempt(|| remove_once(app, clerk, name)).await?;
    app.refresh_settings().await?;
    app.cache.tell(Settings::CHANGED).await;
    Ok(())
}

async fn remove_once(app: &App, clerk: &Clerk, name: &FlagName) -> Result<(), Error<FlagRefusal>> {
    let mut act = audit::begin(app).await?;
    let version = data::setting::step(&mut act).await?;
    let before = data::flag::find(&mut act, name.as_str()).await?.ok_or(FlagRefusal::NotFound)?;
    data::flag::remove(&mut act, name.as_str()).await?;
    let change = FlagChange { name: before.name, version, rule: None, staff_id: clerk.id, changed_ms: app.now() };
    data::flag::insert_change(&mut act, &change).await?;
    act.commit(app, clerk, "flag.remove", &format!("flag:{}", change.name), &audited(&before.rule)).await
}
