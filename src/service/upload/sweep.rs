//! What removes the objects that nothing shows.

use super::key_of;
use crate::{
    app::App,
    data,
    model::{
        id::UploadId,
        job::Claim,
        upload::{DRAFT_TIME, GONE_TIME, Upload, UploadState},
    },
    service::{
        Error, Fault, Never, attempt,
        job::{self, Next},
    },
};

/// Give up what was not confirmed or is shown nowhere, and remove what is left of what is gone.
pub async fn sweep(app: &App, claim: &Claim) -> Result<(), Error<Never>> {
    attempt(|| async {
        let mut session = app.database.write().await?;
        let (now, until) = (app.now(), app.now().plus(GONE_TIME));
        for state in [UploadState::Pending, UploadState::Ready] {
            data::upload::expire(&mut session, state, until, now).await?;
        }
        session.commit().await?;
        Ok::<_, Error<Never>>(())
    })
    .await?;
    let (mut after, mut failed) = (UploadId(0), None);
    while !app.is_stopping() {
        let before = app.now().minus(DRAFT_TIME);
        let rows = data::upload::to_sweep(&mut app.database.read().await?, after, before).await?;
        let Some(last) = rows.last() else { break };
        after = last.id;
        for upload in &rows {
            // One object that does not go now keeps none of the others.
            if let Err(fault) = clear(app, upload).await {
                tracing::warn!(error = fault.chain(), upload = %upload.id, "what is left of an upload stays for now");
                failed = Some(fault);
            }
        }
    }
    match failed {
        Some(fault) => Err(fault.into()),
        None => job::end_alone(app, claim, &Next::Done).await,
    }
}

/// Remove what is left of one, and then say so in its row.
async fn clear(app: &App, upload: &Upload) -> Result<(), Fault> {
    if upload.state == UploadState::Ready {
        app.storage.delete(&key_of(&upload.draft_key)?).await?;
        let mut session = app.database.write().await?;
        data::upload::draft_removed(&mut session, upload.id, app.now()).await?;
        return Ok(session.commit().await?);
    }
    remove_objects(app, upload).await?;
    let mut session = app.database.write().await?;
    data::upload::remove(&mut session, upload.id, app.now()).await?;
    Ok(session.commit().await?)
}

/// Remove whatever objects of an upload there are.
pub(in crate::service) async fn remove_objects(app: &App, upload: &Upload) -> Result<(), Fault> {
    for name in [&upload.draft_key, &upload.object_key, &upload.thumbnail_key] {
        app.storage.delete(&key_of(name)?).await?;
    }
    Ok(())
}

/// Remove the objects of one whose row says that it is gone; what stays is left to the sweep.
pub(super) async fn remove_objects_now(app: &App, upload: &Upload) {
    if let Err(fault) = remove_objects(app, upload).await {
        tracing::warn!(error = fault.chain(), upload = %upload.id, "objects stay for the sweep");
    }
}
