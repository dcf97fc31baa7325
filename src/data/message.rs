//! Rows of `messages` and `message_consents`, and whose turn it is to be sent one.

use super::{Error, Session};
use crate::model::{
    id::{MessageId, UserId},
    message::{Message, MessageState},
    time::Timestamp,
};

macro_rules! select {
    ($rest:literal) => {
        (concat!(
            "SELECT id, occasion, subject_id, order_id, user_id, appid, template_id, state, content, code, cause, msgid, ",
            "created_ms, ended_ms FROM messages WHERE ",
            $rest
        ))
    };
}

statements! {
    FIND = (select!("id = ?"));
    LIST = (select!("id < ? ORDER BY id DESC LIMIT ?"));
    LIST_IN = (select!("state = ? AND id < ? ORDER BY id DESC LIMIT ?"));
    LIST_WAITING = "SELECT id FROM messages WHERE user_id = ? AND state = 'waiting' ORDER BY id LIMIT 100";
    INSERT = "INSERT INTO messages (id, occasion, subject_id, order_id, user_id, appid, template_id, state, content, created_ms)
              VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    START = "UPDATE messages SET state = 'sending', template_id = ?, content = ? WHERE id = ? AND state = 'waiting'";
    POSTPONE = "UPDATE messages SET state = 'waiting', code = ?, cause = ? WHERE id = ? AND state = 'sending'";
    FINISH = "UPDATE messages SET state = ?, code = ?, cause = ?, msgid = ?, ended_ms = ? WHERE id = ? AND state = ?";
    RETURN = "UPDATE messages SET state = 'undelivered', code = ?, cause = ?
              WHERE appid = ? AND msgid = ? AND state = 'sent'";
    COUNT_BY_MSGID = "SELECT COUNT(*) FROM messages WHERE appid = ? AND msgid = ?";
    PURGE = "DELETE FROM messages WHERE created_ms < ? AND ended_ms IS NOT NULL";
    TELL = "UPDATE message_consents SET told = told + 1, updated_ms = ? WHERE appid = ? AND openid = ? AND template_id = ?";
    CONFIRM = "UPDATE message_consents SET confirmed = confirmed + 1, updated_ms = ?
               WHERE appid = ? AND openid = ? AND template_id = ?";
    INSERT_CONSENT = "INSERT INTO message_consents (appid, openid, template_id, told, confirmed, used, updated_ms)
                      VALUES (?, ?, ?, ?, ?, 0, ?)";
    /// The mini-program and WeChat tell of the same answers: the larger count is how many there were.
    USE = "UPDATE message_consents SET used = used + 1, updated_ms = ?
           WHERE appid = ? AND openid = ? AND template_id = ? AND (told > used OR confirmed > used)";
    GIVE_BACK = "UPDATE message_consents SET used = used - 1, updated_ms = ?
                 WHERE appid = ? AND openid = ? AND template_id = ? AND used > 0";
    VOID = "UPDATE message_consents SET used = CASE WHEN told > confirmed THEN told ELSE confirmed END, updated_ms = ?
            WHERE appid = ? AND openid = ? AND template_id = ?";
    LEFT = "SELECT CASE WHEN told > confirmed THEN told - used ELSE confirmed - used END FROM message_consents
            WHERE appid = ? AND openid = ? AND template_id = ?";
    LIST_CONSENTS = "SELECT c.appid, c.template_id, c.told, c.confirmed, c.used FROM message_consents c
                     JOIN identities i ON i.appid = c.appid AND i.openid = c.openid WHERE i.user_id = ?
                     ORDER BY c.appid, c.template_id";
    LIST_OF = (select!("user_id = ? ORDER BY id DESC LIMIT 1000"));
    /// Says that the account is there, and that it does not go before this session ends.
    HOLD = "UPDATE identities SET messaging_until_ms = messaging_until_ms WHERE appid = ? AND openid = ?";
    TAKE_TURN = "UPDATE identities SET messaging_until_ms = ? WHERE appid = ? AND openid = ? AND messaging_until_ms <= ?";
    END_TURN = "UPDATE identities SET messaging_until_ms = 0 WHERE appid = ? AND openid = ? AND messaging_until_ms = ?";
}

/// Whose leave it is, and for which template.
#[derive(Debug, Clone, Copy)]
pub struct Consent<'a> {
    /// In which mini-program.
    pub appid: &'a str,
    /// Who.
    pub openid: &'a str,
    /// To send by which template.
    pub template_id: &'a str,
}

/// What is written of a message that ended.
#[derive(Debug, Clone, Copy)]
pub struct Ending<'a> {
    /// Where it stands then.
    pub state: MessageState,
    /// WeChat's code, or our word.
    pub code: Option<&'a str>,
    /// What WeChat said.
    pub cause: Option<&'a str>,
    /// WeChat's number of it.
    pub msgid: Option<&'a str>,
}

/// One message.
pub async fn find(session: &mut Session, id: MessageId) -> Result<Option<Message>, Error> {
    session.optional(FIND, (id,)).await
}
/// All messages, or those in one state, latest first.
pub async fn list(
    session: &mut Session,
    state: Option<MessageState>,
    before: i64,
    limit: i64,
) -> Result<Vec<Message>, Error> {
    match state {
        None => session.all(LIST, (before, limit)).await,
        Some(state) => session.all(LIST_IN, (state, before, limit)).await,
    }
}
/// The messages to a person that wait, the oldest first, up to 100.
pub async fn list_waiting(session: &mut Session, user: UserId) -> Result<Vec<MessageId>, Error> {
    let rows: Vec<(MessageId,)> = session.all(LIST_WAITING, (user,)).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
/// A new message; `false` when the thing was told of before.
pub async fn insert(session: &mut Session, row: &Message) -> Result<bool, Error> {
    let values = (
        row.id,
        row.occasion,
        row.subject_id,
        row.order_id,
        row.user_id,
        row.appid.as_str(),
        row.template_id.as_str(),
        row.state,
        row.content.as_str(),
        row.created_ms,
    );
    session.insert_new(INSERT, values).await
}
/// A message that waited is about to be sent, with these texts.
pub async fn start(session: &mut Session, id: MessageId, template_id: &str, content: &str) -> Result<bool, Error> {
    Ok(session.execute(START, (template_id, content, id)).await? == 1)
}
/// It was not sent, for this reason, and waits again.
pub async fn postpone(
    session: &mut Session,
    id: MessageId,
    code: Option<&str>,
    cause: Option<&str>,
) -> Result<bool, Error> {
    Ok(session.execute(POSTPONE, (code, cause, id)).await? == 1)
}
/// A message that stood there has ended.
pub async fn finish(
    session: &mut Session,
    id: MessageId,
    from: MessageState,
    ending: Ending<'_>,
    now: Timestamp,
) -> Result<bool, Error> {
    let Ending { state, code, cause, msgid } = ending;
    Ok(session.execute(FINISH, (state, code, cause, msgid, now, id, from)).await? == 1)
}
/// WeChat could not deliver what it had taken; `false` when there is no such message, or it was told before.
pub async fn give_up(session: &mut Session, appid: &str, msgid: &str, code: &str, cause: &str) -> Result<bool, Error> {
    Ok(session.execute(RETURN, (code, cause, appid, msgid)).await? == 1)
}
/// Whether WeChat's number is that of a message of ours.
pub async fn is_known(session: &mut Session, appid: &str, msgid: &str) -> Result<bool, Error> {
    Ok(session.number(COUNT_BY_MSGID, (appid, msgid)).await? > 0)
}
/// Forget what ended and came up before; how many there were.
pub async fn purge(session: &mut Session, before: Timestamp) -> Result<u64, Error> {
    session.execute(PURGE, (before,)).await
}

/// The mini-program tells that a person agreed to one message.
pub async fn tell(session: &mut Session, consent: Consent<'_>, now: Timestamp) -> Result<bool, Error> {
    agree(session, TELL, consent, (1, 0), now).await
}
/// WeChat tells so.
pub async fn confirm(session: &mut Session, consent: Consent<'_>, now: Timestamp) -> Result<bool, Error> {
    agree(session, CONFIRM, consent, (0, 1), now).await
}
/// `false` when another made the row at the same moment.
async fn agree(
    session: &mut Session,
    add: super::Sql,
    consent: Consent<'_>,
    first: (i64, i64),
    now: Timestamp,
) -> Result<bool, Error> {
    let Consent { appid, openid, template_id } = consent;
    if session.execute(add, (now, appid, openid, template_id)).await? == 1 {
        return Ok(true);
    }
    session.insert_new(INSERT_CONSENT, (appid, openid, template_id, first.0, first.1, now)).await
}
/// Use the leave to send one; `false` when there is none.
pub async fn use_one(session: &mut Session, consent: Consent<'_>, now: Timestamp) -> Result<bool, Error> {
    let Consent { appid, openid, template_id } = consent;
    Ok(session.execute(USE, (now, appid, openid, template_id)).await? == 1)
}
/// It was not sent: the leave is as good as before.
pub async fn give_back(session: &mut Session, consent: Consent<'_>, now: Timestamp) -> Result<bool, Error> {
    let Consent { appid, openid, template_id } = consent;
    Ok(session.execute(GIVE_BACK, (now, appid, openid, template_id)).await? == 1)
}
/// There is no leave left, whatever was counted.
pub async fn void(session: &mut Session, consent: Consent<'_>, now: Timestamp) -> Result<bool, Error> {
    let Consent { appid, openid, template_id } = consent;
    Ok(session.execute(VOID, (now, appid, openid, template_id)).await? == 1)
}
/// How many messages may be sent.
pub async fn left(session: &mut Session, consent: Consent<'_>) -> Result<i64, Error> {
    let Consent { appid, openid, template_id } = consent;
    let row: Option<(i64,)> = session.optional(LEFT, (appid, openid, template_id)).await?;
    Ok(row.map_or(0, |(left,)| left))
}

/// What a person agreed to.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Agreed {
    /// In which mini-program.
    pub appid: String,
    /// For which template.
    pub template_id: String,
    /// How often, as the mini-program told.
    pub told: i64,
    /// How often, as WeChat told.
    pub confirmed: i64,
    /// How often it was used.
    pub used: i64,
}
/// What a person agreed to in all mini-programs.
pub async fn list_consents(session: &mut Session, user: UserId) -> Result<Vec<Agreed>, Error> {
    session.all(LIST_CONSENTS, (user,)).await
}
/// The latest 1,000 messages to a person.
pub async fn list_of(session: &mut Session, user: UserId) -> Result<Vec<Message>, Error> {
    session.all(LIST_OF, (user,)).await
}

/// Hold the account until this session ends, so that a consent is not written down for somebody who goes meanwhile;
/// `false` when there is none.
pub async fn hold(session: &mut Session, appid: &str, openid: &str) -> Result<bool, Error> {
    Ok(session.execute(HOLD, (appid, openid)).await? == 1)
}
/// Take the turn to send to a person, until then at the latest; `false` while another has it, or when there is nobody.
pub async fn take_turn(
    session: &mut Session,
    appid: &str,
    openid: &str,
    until: Timestamp,
    now: Timestamp,
) -> Result<bool, Error> {
    Ok(session.execute(TAKE_TURN, (until, appid, openid, now)).await? == 1)
}
/// Give up the turn that was taken until then.
pub async fn end_turn(session: &mut Session, appid: &str, openid: &str, until: Timestamp) -> Result<bool, Error> {
    Ok(session.execute(END_TURN, (appid, openid, until)).await? == 1)
}
