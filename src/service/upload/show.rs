//! What shows a picture, and who may see it.

use super::{DRAFTS, OBJECTS};
use crate::{
    app::App,
    data::{self, Session},
    model::{
        time::Timestamp,
        upload::{LOOSE_TIME, Owner, Purpose, UploadState},
    },
    service::Fault,
    storage::ObjectKey,
};

/// Something of the owner shows the picture at this address from now on. `false` when it is an address of this server
/// and no picture of the owner's that is ready; addresses elsewhere are nobody's.
pub async fn attach(
    app: &App,
    session: &mut Session,
    owner: Owner,
    purpose: Purpose,
    url: &str,
) -> Result<bool, Fault> {
    let Some(key) = url.strip_prefix(OBJECTS) else { return Ok(true) };
    let times = (Timestamp(i64::MAX), app.now());
    Ok(data::upload::attach(session, (owner, purpose, key), true, times).await?)
}

/// The picture at this address, whoever sent it, is kept for good. `false` when it was sent and is not ready; what was
/// never sent, such as an address elsewhere or a picture of the demonstration, is nobody's.
pub async fn attach_for_good(app: &App, session: &mut Session, purpose: Purpose, url: &str) -> Result<bool, Fault> {
    let Some(key) = url.strip_prefix(OBJECTS) else { return Ok(true) };
    if data::upload::attach_for_good(session, purpose, key, app.now()).await? {
        return Ok(true);
    }
    Ok(!key.starts_with(DRAFTS) && data::upload::find_by_key(session, key).await?.is_none())
}

/// Nothing shows the picture at this address any more. It goes after a while.
pub async fn detach(app: &App, session: &mut Session, owner: Owner, purpose: Purpose, url: &str) -> Result<(), Fault> {
    if let Some(key) = url.strip_prefix(OBJECTS) {
        let times = (app.now().plus(LOOSE_TIME), app.now());
        data::upload::attach(session, (owner, purpose, key), false, times).await?;
    }
    Ok(())
}

/// Whether anybody may be shown the object. Drafts are for nobody. Of what buyers show each other the row is asked, which
/// costs a look at an index; products, which are nearly all that is shown, are not asked about.
pub async fn may_be_seen(app: &App, key: &ObjectKey, pass: Option<&str>) -> Result<bool, Fault> {
    let name = key.as_str();
    if name.starts_with(DRAFTS) {
        return Ok(false);
    }
    let seen = |purpose: &&Purpose| purpose.is_seen() && name.starts_with(&format!("{purpose}/"));
    if !Purpose::ALL.iter().any(|purpose| seen(&purpose)) || pass.is_some_and(|pass| is_good(app, name, pass)) {
        return Ok(true);
    }
    let upload = data::upload::find_by_key(&mut app.database.read().await?, name).await?;
    Ok(upload.is_none_or(|upload| upload.state == UploadState::Ready && !upload.verdict.hides()))
}

/// An address under which whoever has it sees the object until then, also one that is hidden: from COS itself, or from this
/// server at its public address.
pub fn lend(app: &App, key: &ObjectKey, until: Timestamp) -> String {
    app.storage.lend(key, until).map_or_else(|| own_address(app, key, until), |url| url.to_string())
}

fn own_address(app: &App, key: &ObjectKey, until: Timestamp) -> String {
    let base = app.config.pay.notify_base_url.as_str().trim_end_matches('/');
    let seconds = until.seconds();
    format!("{base}{OBJECTS}{key}?pass={seconds}.{}", seal(app, key.as_str(), seconds))
}

fn seal(app: &App, name: &str, seconds: i64) -> String {
    app.vault.index("objects.pass", &format!("{name}\n{seconds}"))
}

fn is_good(app: &App, name: &str, pass: &str) -> bool {
    let Some((seconds, given)) = pass.split_once('.') else { return false };
    let Ok(seconds) = seconds.parse::<i64>() else { return false };
    let same = aws_lc_rs::constant_time::verify_slices_are_equal(seal(app, name, seconds).as_bytes(), given.as_bytes());
    seconds >= app.now().seconds() && same.is_ok()
}
