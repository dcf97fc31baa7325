//! Rows of `uploads`.

use super::{Error, Session, Then};
use crate::model::{
    id::{UploadId, UserId},
    time::Timestamp,
    upload::{Owner, PENDING_MAX, Purpose, Upload, UploadState, Verdict},
};

/// Rows of one sweep.
pub const SWEEP_MAX: i64 = 100;

macro_rules! select {
    ($rest:literal) => {
        (concat!(
            "SELECT id, owner, owner_id, slot, appid, purpose, content_type, draft_key, object_key, thumbnail_key, bytes, ",
            "width, height, state, draft_left, attached, verdict, trace_id, claimed_ms, expires_ms, created_ms ",
            "FROM uploads WHERE ",
            $rest
        ))
    };
}

statements! {
    FIND = (select!("id = ?"));
    FIND_OF = (select!("owner = ? AND owner_id = ? AND id = ?"));
    FIND_BY_KEY = (select!("object_key = ? OR thumbnail_key = ?"));
    FIND_BY_TRACE = (select!("trace_id = ?"));
    LIST_OF = (select!("owner = 'user' AND owner_id = ? AND id > ? ORDER BY id LIMIT ?"));
    LIST_HELD = (select!("verdict IN (?, ?) AND state = ? AND id < ? ORDER BY id DESC LIMIT ?"));
    SLOTS = "SELECT slot FROM uploads WHERE owner = ? AND owner_id = ? AND slot < ?";
    INSERT = "INSERT INTO uploads (id, owner, owner_id, slot, appid, purpose, content_type, draft_key, object_key, thumbnail_key,
        bytes, width, height, state, draft_left, attached, verdict, trace_id, claimed_ms, expires_ms, created_ms, updated_ms)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    CLAIM = "UPDATE uploads SET claimed_ms = ?, updated_ms = ? WHERE id = ? AND state = ? AND claimed_ms <= ?";
    RELEASE = "UPDATE uploads SET claimed_ms = 0, updated_ms = ? WHERE id = ? AND state = ? AND claimed_ms = ?";
    KEEP = "UPDATE uploads SET state = ?, slot = id, bytes = ?, width = ?, height = ?, verdict = ?, expires_ms = ?, updated_ms = ?
        WHERE id = ? AND state = ? AND claimed_ms = ?";
    REFUSE = "UPDATE uploads SET state = ?, slot = id, expires_ms = ?, updated_ms = ? WHERE id = ? AND state = ? AND claimed_ms = ?";
    DRAFT_REMOVED = "UPDATE uploads SET draft_left = ?, updated_ms = ? WHERE id = ? AND state = ?";
    GIVE_UP = "UPDATE uploads SET state = ?, slot = id, expires_ms = ?, updated_ms = ? WHERE id = ? AND state <> ? AND attached = ?";
    BLOCK = "UPDATE uploads SET state = ?, slot = id, attached = ?, expires_ms = ?, updated_ms = ?
        WHERE id = ? AND state = ? AND verdict = ?";
    EXPIRE = "UPDATE uploads SET state = ?, slot = id, expires_ms = ?, updated_ms = ?
        WHERE state = ? AND expires_ms < ? AND attached = ? AND claimed_ms <= ?";
    TO_SWEEP = (select!("(state = ? OR (state = ? AND draft_left = ? AND created_ms < ?)) AND id > ? ORDER BY id LIMIT ?"));
    REMOVE = "DELETE FROM uploads WHERE id = ? AND state = ? AND expires_ms < ?";
    ATTACH = "UPDATE uploads SET attached = ?, expires_ms = ?, updated_ms = ? WHERE object_key = ? AND owner = ? AND owner_id = ?
        AND purpose = ? AND state = ?";
    ATTACH_FOR_GOOD = "UPDATE uploads SET attached = ?, expires_ms = ?, updated_ms = ?
        WHERE object_key = ? AND purpose = ? AND state = ?";
    TRACE = "UPDATE uploads SET trace_id = ?, updated_ms = ? WHERE id = ? AND verdict = ?";
    JUDGE = "UPDATE uploads SET verdict = ?, updated_ms = ? WHERE id = ? AND verdict = ?";
    USAGE = "SELECT purpose, COUNT(*), CAST(SUM(bytes) AS SIGNED) FROM uploads WHERE state = ? GROUP BY purpose ORDER BY purpose";
}

/// One of them, whoever owns it.
pub async fn find(session: &mut Session, id: UploadId) -> Result<Option<Upload>, Error> {
    session.optional(FIND, (id,)).await
}
/// One of an owner's.
pub async fn find_of(session: &mut Session, owner: Owner, id: UploadId) -> Result<Option<Upload>, Error> {
    let (kind, number) = owner.columns();
    session.optional(FIND_OF, (kind, number, id)).await
}
/// The one that has this object, large or small.
pub async fn find_by_key(session: &mut Session, key: &str) -> Result<Option<Upload>, Error> {
    session.optional(FIND_BY_KEY, (key, key)).await
}
/// The one about which WeChat was asked in this question.
pub async fn find_by_trace(session: &mut Session, trace_id: &str) -> Result<Option<Upload>, Error> {
    session.optional(FIND_BY_TRACE, (trace_id,)).await
}
/// A buyer's after one, in whatever state, in order.
pub async fn list_of(session: &mut Session, user: UserId, after: UploadId, limit: i64) -> Result<Vec<Upload>, Error> {
    session.all(LIST_OF, (user, after, limit)).await
}
/// Those that staff must decide on, latest first.
pub async fn list_held(session: &mut Session, before: i64, limit: i64) -> Result<Vec<Upload>, Error> {
    session.all(LIST_HELD, (Verdict::Review, Verdict::Risky, UploadState::Ready, before, limit)).await
}
/// The slots that an owner's pending uploads have.
pub async fn slots(session: &mut Session, owner: Owner) -> Result<Vec<i64>, Error> {
    let (kind, number) = owner.columns();
    let rows: Vec<(i64,)> = session.all(SLOTS, (kind, number, PENDING_MAX)).await?;
    Ok(rows.into_iter().map(|(slot,)| slot).collect())
}
/// A new one. `Conflict` when its slot is taken.
pub async fn insert(session: &mut Session, row: &Upload) -> Result<(), Error> {
    let whose = (row.id, row.owner, row.owner_id, row.slot, row.appid.as_str(), row.purpose, row.content_type);
    let names = (row.draft_key.as_str(), row.object_key.as_str(), row.thumbnail_key.as_str());
    let sizes = (row.bytes, row.width, row.height, row.state, row.draft_left, row.attached);
    let marks = (row.verdict, row.trace_id.as_str(), row.claimed_ms, row.expires_ms, row.created_ms, row.created_ms);
    session.execute(INSERT, Then(Then(whose, names), Then(sizes, marks))).await.map(drop)
}
/// Nobody else looks at the file until then; `false` when somebody does.
pub async fn claim(session: &mut Session, id: UploadId, until: Timestamp, now: Timestamp) -> Result<bool, Error> {
    Ok(session.execute(CLAIM, (until, now, id, UploadState::Pending, now)).await? == 1)
}
/// Somebody else may look, if this claim is still held.
pub async fn release(session: &mut Session, id: UploadId, claim: Timestamp, now: Timestamp) -> Result<(), Error> {
    session.execute(RELEASE, (now, id, UploadState::Pending, claim)).await.map(drop)
}
/// What was looked at is kept; `false` when the claim was lost.
pub async fn keep(session: &mut Session, row: &Upload, now: Timestamp) -> Result<bool, Error> {
    let found = (UploadState::Ready, row.bytes, row.width, row.height, row.verdict, row.expires_ms, now);
    let held = (row.id, UploadState::Pending, row.claimed_ms);
    Ok(session.execute(KEEP, Then(found, held)).await? == 1)
}
/// What was looked at is not taken; until when its objects are looked for. `false` when the claim was lost.
pub async fn refuse(
    session: &mut Session,
    (id, claim): (UploadId, Timestamp),
    until: Timestamp,
    now: Timestamp,
) -> Result<bool, Error> {
    let values = (UploadState::Gone, until, now, id, UploadState::Pending, claim);
    Ok(session.execute(REFUSE, values).await? == 1)
}
/// The draft of one that is ready is no more.
pub async fn draft_removed(session: &mut Session, id: UploadId, now: Timestamp) -> Result<(), Error> {
    session.execute(DRAFT_REMOVED, (false, now, id, UploadState::Ready)).await.map(drop)
}
/// It is gone, until when its objects are looked for; `false` when it was, or when something shows it.
pub async fn give_up(session: &mut Session, id: UploadId, until: Timestamp, now: Timestamp) -> Result<bool, Error> {
    let values = (UploadState::Gone, until, now, id, UploadState::Gone, false);
    Ok(session.execute(GIVE_UP, values).await? == 1)
}
/// It is gone although something showed it; `false` when it was judged otherwise meanwhile.
pub async fn block(session: &mut Session, seen: &Upload, until: Timestamp, now: Timestamp) -> Result<bool, Error> {
    let values = (UploadState::Gone, false, until, now, seen.id, UploadState::Ready, seen.verdict);
    Ok(session.execute(BLOCK, values).await? == 1)
}
/// Those of a state whose time is over are gone; how many.
pub async fn expire(session: &mut Session, state: UploadState, until: Timestamp, now: Timestamp) -> Result<u64, Error> {
    session.execute(EXPIRE, (UploadState::Gone, until, now, state, now, false, now)).await
}
/// Those that have something to remove, after this one: all that is gone, and drafts of what is ready and was allowed
/// before that.
pub async fn to_sweep(session: &mut Session, after: UploadId, allowed_before: Timestamp) -> Result<Vec<Upload>, Error> {
    session.all(TO_SWEEP, (UploadState::Gone, UploadState::Ready, true, allowed_before, after, SWEEP_MAX)).await
}
/// Forget one that is gone, if its time is over.
pub async fn remove(session: &mut Session, id: UploadId, now: Timestamp) -> Result<bool, Error> {
    Ok(session.execute(REMOVE, (id, UploadState::Gone, now)).await? == 1)
}
/// Something shows it from now on, or no longer, and then it goes at that time; `false` when the owner has no such picture
/// that is ready.
pub async fn attach(
    session: &mut Session,
    (owner, purpose, key): (Owner, Purpose, &str),
    attached: bool,
    (expires, now): (Timestamp, Timestamp),
) -> Result<bool, Error> {
    let (kind, number) = owner.columns();
    let values = (attached, expires, now, key, kind, number, purpose, UploadState::Ready);
    Ok(session.execute(ATTACH, values).await? == 1)
}
/// Something shows it for good; `false` when no such picture is ready.
pub async fn attach_for_good(
    session: &mut Session,
    purpose: Purpose,
    key: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let values = (true, Timestamp(i64::MAX), now, key, purpose, UploadState::Ready);
    Ok(session.execute(ATTACH_FOR_GOOD, values).await? == 1)
}
/// In which question WeChat was asked; `false` when the answer is there.
pub async fn trace(session: &mut Session, id: UploadId, trace_id: &str, now: Timestamp) -> Result<bool, Error> {
    Ok(session.execute(TRACE, (trace_id, now, id, Verdict::Waiting)).await? == 1)
}
/// What is thought of it; `false` when it was judged otherwise meanwhile.
pub async fn judge(session: &mut Session, seen: &Upload, verdict: Verdict, now: Timestamp) -> Result<bool, Error> {
    Ok(session.execute(JUDGE, (verdict, now, seen.id, seen.verdict)).await? == 1)
}
/// What is kept by purpose: how many, and bytes.
pub async fn usage(session: &mut Session) -> Result<Vec<(Purpose, i64, i64)>, Error> {
    session.all(USAGE, (UploadState::Ready,)).await
}
