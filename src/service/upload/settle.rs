//! What came is looked at, and what may be shown of it is kept.

use super::{existing, key_of};
use crate::{
    app::App,
    data,
    model::{
        id::UploadId,
        job::Work,
        time::Timestamp,
        upload::{
            GONE_TIME, LOOK_TIME, LOOSE_TIME, Owner, PictureType, Upload, UploadRefusal, UploadState, Verdict,
            WRITE_TIME,
        },
    },
    service::{Error, Fault, attempt, job},
    storage::picture::{self, Cleaned, Kind},
};

/// Look at what came, and keep it. Asked again it gives the same answer.
///
/// The objects are there before their row says so, and the draft goes after that: a kill in between leaves work for the
/// sweep, never a row whose object is missing.
pub async fn confirm(app: &App, owner: Owner, id: UploadId) -> Result<Upload, Error<UploadRefusal>> {
    let upload = existing(&mut app.database.read().await?, owner, id).await?;
    if upload.state == UploadState::Ready {
        return Ok(upload);
    }
    if upload.expires_ms < app.now() {
        return Err(UploadRefusal::NotFound.into());
    }
    let claim = app.now().plus(LOOK_TIME);
    attempt(|| async {
        let mut session = app.database.write().await?;
        if !data::upload::claim(&mut session, id, claim, app.now()).await? {
            return Err(UploadRefusal::Busy.into());
        }
        session.commit().await?;
        Ok::<_, Error<UploadRefusal>>(())
    })
    .await?;
    match look(app, &upload).await {
        Ok(cleaned) => match keep(app, &upload, claim, cleaned).await {
            Ok(kept) => Ok(kept),
            Err(error) => {
                // Whoever asks again need not wait for the claim to end.
                release(app, id, claim).await;
                Err(error)
            }
        },
        Err(Error::Refused(reason)) if reason != UploadRefusal::NotReceived => {
            refuse(app, &upload, claim).await?;
            Err(reason.into())
        }
        Err(error) => {
            release(app, id, claim).await;
            Err(error)
        }
    }
}

/// What may be shown of the draft.
async fn look(app: &App, upload: &Upload) -> Result<Cleaned, Error<UploadRefusal>> {
    let key = key_of(&upload.draft_key)?;
    let size = app.storage.size(&key).await?.ok_or(UploadRefusal::NotReceived)?;
    // Before it is read: it may have come by another way than the form.
    if size == 0 || i64::try_from(size).unwrap_or(i64::MAX) > upload.bytes {
        return Err(UploadRefusal::TooLarge.into());
    }
    let kind = kind_of(upload.content_type);
    // Before it is read: those that wait hold no picture in memory.
    let turn = app.pictures.acquire().await.map_err(|_| Fault::broken("the turns of pictures are closed"))?;
    let draft = app.storage.get(&key).await?.ok_or(UploadRefusal::NotReceived)?;
    // Decoding takes long: not on the threads that answer.
    let cleaned = tokio::task::spawn_blocking(move || picture::clean(&draft.bytes, kind)).await;
    drop(turn);
    // A decoder that panics has met a file that is none.
    cleaned.map_err(|_| UploadRefusal::Broken)?.map_err(|fault| refusal_of(fault).into())
}

async fn keep(app: &App, upload: &Upload, claim: Timestamp, cleaned: Cleaned) -> Result<Upload, Error<UploadRefusal>> {
    if claim.minus(WRITE_TIME) < app.now() {
        return Err(UploadRefusal::Busy.into());
    }
    let asked = upload.purpose.is_seen() && app.config.moderation.pictures;
    let kept = Upload {
        bytes: i64::try_from(cleaned.whole.len()).unwrap_or(i64::MAX),
        width: cleaned.width.into(),
        height: cleaned.height.into(),
        state: UploadState::Ready,
        slot: upload.id.0,
        verdict: if asked { Verdict::Waiting } else { Verdict::Unasked },
        claimed_ms: claim,
        expires_ms: app.now().plus(LOOSE_TIME),
        ..upload.clone()
    };
    app.storage.put(&key_of(&kept.thumbnail_key)?, cleaned.small).await?;
    app.storage.put(&key_of(&kept.object_key)?, cleaned.whole).await?;
    attempt(|| async {
        let mut session = app.database.write().await?;
        if !data::upload::keep(&mut session, &kept, app.now()).await? {
            return Err(UploadRefusal::Busy.into());
        }
        if asked {
            job::enqueue(app, &mut session, &Work::CheckUpload { upload: kept.id, asked: 0 }, app.now()).await?;
        }
        session.commit().await?;
        Ok::<_, Error<UploadRefusal>>(())
    })
    .await?;
    if asked {
        app.jobs_due.notify_one();
    }
    // It may be written anew as long as its form is good, so the sweep looks for it once more after that.
    if let Err(error) = app.storage.delete(&key_of(&kept.draft_key)?).await {
        tracing::warn!(error = Fault::from(error).chain(), upload = %kept.id, "a draft stays for the sweep");
    }
    Ok(kept)
}

/// A file that is not taken is gone, and its upload with it.
async fn refuse(app: &App, upload: &Upload, claim: Timestamp) -> Result<(), Error<UploadRefusal>> {
    let refused = attempt(|| async {
        let mut session = app.database.write().await?;
        let until = app.now().plus(GONE_TIME);
        let refused = data::upload::refuse(&mut session, (upload.id, claim), until, app.now()).await?;
        session.commit().await?;
        Ok::<_, Error<UploadRefusal>>(refused)
    })
    .await?;
    if refused {
        super::sweep::remove_objects_now(app, upload).await;
    }
    Ok(())
}

/// What could not be read or written may be looked at again at once. Should this fail, the claim ends by itself.
async fn release(app: &App, id: UploadId, claim: Timestamp) {
    let released = attempt(|| async {
        let mut session = app.database.write().await?;
        data::upload::release(&mut session, id, claim, app.now()).await?;
        session.commit().await?;
        Ok::<_, Error<UploadRefusal>>(())
    })
    .await;
    if let Err(error) = released {
        tracing::warn!(%error, upload = %id, "an upload stays claimed for a while");
    }
}

const fn kind_of(content_type: PictureType) -> Kind {
    match content_type {
        PictureType::Jpeg => Kind::Jpeg,
        PictureType::Png => Kind::Png,
        PictureType::Gif => Kind::Gif,
        PictureType::Webp => Kind::Webp,
    }
}

const fn refusal_of(fault: picture::Fault) -> UploadRefusal {
    match fault {
        picture::Fault::Unknown => UploadRefusal::Unknown,
        picture::Fault::OtherType => UploadRefusal::OtherType,
        picture::Fault::TooLarge => UploadRefusal::TooManyPixels,
        picture::Fault::Broken => UploadRefusal::Broken,
        picture::Fault::Polyglot => UploadRefusal::Polyglot,
    }
}
