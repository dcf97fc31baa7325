//! Uploads: allowed, received, looked at, shown, swept away.
//!
//! What a client writes is a draft that nobody is shown; it may be replaced as long as its form is good. What is shown is
//! another object, made of the draft by us: a picture that was decoded, without what it carried beside its pixels. Both have
//! names nobody can guess, and their row is there before they are. So whatever dies when, the row says what to remove.

mod check;
mod receive;
mod settle;
mod show;
mod sweep;

pub use check::{Held, allow, ask, block, held, later, learn};
pub use receive::{Receiving, receive};
pub use settle::confirm;
pub use show::{attach, attach_for_good, detach, lend, may_be_seen};
pub(in crate::service) use sweep::remove_objects;
pub use sweep::sweep;

use crate::{
    app::{App, random_bytes},
    data::{self, Session},
    model::{
        id::UploadId,
        time::Timestamp,
        upload::{
            BYTES_MAX, CONFIRM_TIME, FORM_TIME, GONE_TIME, Owner, PENDING_MAX, PictureType, Purpose, Upload,
            UploadRefusal, UploadState, Verdict,
        },
    },
    service::{Error, Fault, attempt},
    storage::{ObjectKey, Wanted},
};

/// How an address of an object begins that this server serves.
pub const OBJECTS: &str = "/objects/";
/// How names of drafts begin. Nobody is shown these.
const DRAFTS: &str = "tmp/";

/// Somebody who sends a picture.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// Who.
    pub owner: Owner,
    /// From which mini-program; empty for staff.
    pub appid: &'a str,
}

/// What somebody wants to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// What for.
    pub purpose: Purpose,
    /// Of which type.
    pub content_type: PictureType,
    /// At most so many bytes.
    pub bytes: i64,
}

/// Leave to send one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leave {
    /// Which upload.
    pub id: UploadId,
    /// Where to: the object store if it takes forms, else this server.
    pub url: String,
    /// Fields of the form, all before the file.
    pub fields: Vec<(&'static str, String)>,
    /// Where to by way of this server, whatever the store.
    pub own_url: String,
    /// Until when.
    pub expires_ms: Timestamp,
}

/// Allow somebody to send a picture.
pub async fn begin(app: &App, sender: Sender<'_>, wish: Wish) -> Result<Leave, Error<UploadRefusal>> {
    let Sender { owner, .. } = sender;
    if !wish.purpose.is_of(owner) {
        return Err(UploadRefusal::PurposeNotAllowed.into());
    }
    if !(1..=BYTES_MAX).contains(&wish.bytes) {
        return Err(UploadRefusal::TooLarge.into());
    }
    let upload = attempt(|| async {
        let mut session = app.database.write().await?;
        let taken = data::upload::slots(&mut session, owner).await?;
        let slot = (0..PENDING_MAX).find(|slot| !taken.contains(slot)).ok_or(UploadRefusal::TooMany)?;
        let upload = fresh(app, sender, wish, slot);
        data::upload::insert(&mut session, &upload).await?;
        session.commit().await?;
        Ok::<_, Error<UploadRefusal>>(upload)
    })
    .await?;
    let until = upload.created_ms.plus(FORM_TIME);
    let key = key_of(&upload.draft_key)?;
    let form = app.storage.form(&Wanted {
        key: &key,
        bytes_max: u64::try_from(wish.bytes).unwrap_or(0),
        content_type: wish.content_type.word(),
        expires_ms: until,
    });
    let own_url = direct(owner, upload.id);
    let (url, fields) = form.map_or_else(|| (own_url.clone(), Vec::new()), |form| (form.url.to_string(), form.fields));
    Ok(Leave { id: upload.id, url, fields, own_url, expires_ms: until })
}

/// One upload as it stands.
pub async fn view(app: &App, owner: Owner, id: UploadId) -> Result<Upload, Error<UploadRefusal>> {
    existing(&mut app.database.read().await?, owner, id).await
}

/// Give up an upload that nothing shows. Should its objects not go now, the next sweep removes them.
pub async fn remove(app: &App, owner: Owner, id: UploadId) -> Result<(), Error<UploadRefusal>> {
    let upload = attempt(|| async {
        let mut session = app.database.write().await?;
        let upload = existing(&mut session, owner, id).await?;
        if !data::upload::give_up(&mut session, upload.id, app.now().plus(GONE_TIME), app.now()).await? {
            return Err(UploadRefusal::InUse.into());
        }
        session.commit().await?;
        Ok(upload)
    })
    .await?;
    sweep::remove_objects_now(app, &upload).await;
    Ok(())
}

/// Where a file is sent that comes by way of us.
fn direct(owner: Owner, id: UploadId) -> String {
    match owner {
        Owner::User(_) => format!("/v1/uploads/{id}/file"),
        Owner::Staff(_) => format!("/admin/v1/uploads/{id}/file"),
    }
}

fn fresh(app: &App, Sender { owner, appid }: Sender<'_>, wish: Wish, slot: i64) -> Upload {
    let (kind, owner_id) = owner.columns();
    let Wish { purpose, content_type, bytes } = wish;
    let name = || hex::encode(random_bytes::<16>());
    let (draft, object, extension, now) = (name(), name(), content_type.extension(), app.now());
    Upload {
        id: app.ids.next(UploadId),
        owner: kind,
        owner_id,
        slot,
        appid: appid.to_owned(),
        purpose,
        content_type,
        draft_key: format!("{DRAFTS}{draft}.{extension}"),
        object_key: format!("{purpose}/{object}.{extension}"),
        thumbnail_key: format!("{purpose}/{object}-small.jpg"),
        bytes,
        width: 0,
        height: 0,
        state: UploadState::Pending,
        draft_left: true,
        attached: false,
        verdict: Verdict::Unasked,
        trace_id: String::new(),
        claimed_ms: Timestamp(0),
        expires_ms: now.plus(FORM_TIME).plus(CONFIRM_TIME),
        created_ms: now,
    }
}

fn key_of(text: &str) -> Result<ObjectKey, Fault> {
    ObjectKey::parse(text).map_err(|_| Fault::broken(format!("uploads has a name that is none: {text}")))
}

async fn existing(session: &mut Session, owner: Owner, id: UploadId) -> Result<Upload, Error<UploadRefusal>> {
    let upload = data::upload::find_of(session, owner, id).await?;
    Ok(upload.filter(|upload| upload.state != UploadState::Gone).ok_or(UploadRefusal::NotFound)?)
}
