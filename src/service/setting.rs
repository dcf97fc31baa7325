//! Settings that staff change while the shop runs.

use crate::{
    app::{App, Live, Settings},
    data,
    model::setting::{Setting, SettingChange, SettingRefusal},
    service::{Error, Fault, attempt, audit, staff::Clerk},
};
use serde_json::Value;

/// Most changes that a history shows.
const CHANGES_MAX: i64 = 100;

/// A setting as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// Which.
    pub name: String,
    /// What holds.
    pub value: Value,
    /// What the files say.
    pub default: Value,
    /// The change, if it was changed.
    pub changed: Option<Setting>,
}

fn standing(app: &App, live: &Live, name: &str, changed: Option<Setting>) -> Standing {
    let value = |of: &Live| of.value(name).unwrap_or_default();
    Standing { name: name.to_owned(), value: value(live), default: value(&Live::of(&app.config)), changed }
}

/// Every setting that can be changed.
pub async fn list(app: &App) -> Result<Vec<Standing>, Error<SettingRefusal>> {
    let rows = data::setting::list(&mut app.database.read().await?).await?;
    let live = overlaid(app, &rows);
    let changed = |name: &str| rows.iter().find(|row| row.name == name).cloned();
    Ok(Live::NAMES.iter().map(|name| standing(app, &live, name, changed(name))).collect())
}

/// The changes of one, latest first.
pub async fn history(app: &App, name: &str) -> Result<Vec<SettingChange>, Error<SettingRefusal>> {
    known(name)?;
    Ok(data::setting::list_changes(&mut app.database.read().await?, name, CHANGES_MAX).await?)
}

fn known(name: &str) -> Result<(), SettingRefusal> {
    if Live::NAMES.contains(&name) { Ok(()) } else { Err(SettingRefusal::NotFound) }
}

/// What the rows make of the files' settings; a row that cannot be used counts for nothing.
fn overlaid(app: &App, rows: &[Setting]) -> Live {
    rows.iter().fold(Live::of(&app.config), |live, row| {
        let value = serde_json::from_str(&row.value).unwrap_or_default();
        live.with(&app.config, &row.name, &value).unwrap_or(live)
    })
}

/// Change one that has this version (0: it was never changed), or give it back to the file. The rules are those of the
/// start; every node follows within two seconds, this one at once.
pub async fn change(
    app: &App,
    clerk: &Clerk,
    name: &str,
    version: i64,
    value: Option<&Value>,
) -> Result<Standing, Error<SettingRefusal>> {
    known(name)?;
    let changed = attempt(|| change_once(app, clerk, name, version, value)).await?;
    app.refresh_settings().await?;
    app.cache.tell(Settings::CHANGED).await;
    Ok(changed)
}

async fn change_once(
    app: &App,
    clerk: &Clerk,
    name: &str,
    version: i64,
    value: Option<&Value>,
) -> Result<Standing, Error<SettingRefusal>> {
    let mut act = audit::begin(app).await?;
    let next = data::setting::step(&mut act).await?;
    let before = data::setting::find(&mut act, name).await?;
    let present = before.as_ref().map_or(0, |row| row.version);
    if present != version {
        return Err(SettingRefusal::Changed { version: present }.into());
    }
    let others: Vec<_> = data::setting::list(&mut act).await?.into_iter().filter(|row| row.name != name).collect();
    let mut live = overlaid(app, &others);
    if let Some(value) = value {
        live = live
            .with(&app.config, name, value)
            .map_err(|fault| SettingRefusal::Unfit { key: fault.key, why: fault.message })?;
    }
    let text = value.map(ToString::to_string);
    let row = text.clone().map(|value| Setting {
        name: name.to_owned(),
        version: next,
        value,
        staff_id: clerk.id,
        changed_ms: app.now(),
    });
    let moved = match (&row, present) {
        (Some(row), 0) => data::setting::insert(&mut act, row).await?,
        (Some(row), _) => data::setting::change(&mut act, row, present).await?,
        (None, 0) => true,
        (None, _) => data::setting::remove(&mut act, name, present).await?,
    };
    if !moved {
        return Err(Fault::contended("the setting was changed at the same time").into());
    }
    let change =
        SettingChange { name: name.to_owned(), version: next, value: text, staff_id: clerk.id, changed_ms: app.now() };
    data::setting::insert_change(&mut act, &change).await?;
    let detail = (before.map(|row| row.value), &change.value);
    act.commit::<SettingRefusal>(app, clerk, "setting.change", &format!("setting:{name}"), &detail).await?;
    Ok(standing(app, &live, name, row))
}
