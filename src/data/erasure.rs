//! What a person leaves behind in all tables when it goes. The statements stand together, not with their nouns, so that it can be
//! seen at one place what is blanked and what is kept for the books. A new column with something personal needs its line
//! here; `tests/it/erasure` reads every column of every table and finds it.

use super::{Each, Error, Session, Then};
use crate::model::{
    event::faceless,
    id::{OrderId, UserId},
    time::Timestamp,
    upload::UploadState,
    user::UserState,
};

/// Most ids of one statement.
const PIECE_MAX: usize = 256;

statements! {
    /// The row stays for the ids that name it. It also takes the lock that placing an order shares.
    BURY = "UPDATE users SET unionid = NULL, nickname = '', avatar_url = '', phone_sealed = NULL, phone_index = NULL, state = ?,
            deleted_ms = ?, version = version + 1, updated_ms = ? WHERE id = ? AND state <> ?";
    OPEN_ORDERS = "SELECT COUNT(*) FROM orders WHERE user_id = ? AND state IN ('pending', 'paid', 'shipped')";
    OPEN_REFUNDS = "SELECT COUNT(*) FROM refunds r JOIN orders o ON o.id = r.order_id
                    WHERE o.user_id = ? AND r.state IN ('requested', 'approved', 'processing', 'abnormal')";
    OPEN_SUSPENSE = "SELECT COUNT(*) FROM suspense s JOIN prepays a ON a.out_trade_no = s.out_trade_no
                     JOIN orders o ON o.id = a.order_id WHERE o.user_id = ? AND s.resolved = 0";
    OPEN_UPLOADS = "SELECT COUNT(*) FROM shippings g JOIN orders o ON o.id = g.order_id
                    WHERE o.user_id = ? AND g.upload_state = 'waiting'";
    OPEN_NOTICES = "SELECT COUNT(*) FROM notices WHERE outcome = 'waiting' AND subject IN ({?})";
    ORDERS = "SELECT id FROM orders WHERE user_id = ? ORDER BY id";
    ATTEMPTS = "SELECT out_trade_no FROM prepays WHERE order_id IN ({?})";
    REFUNDS = "SELECT out_refund_no FROM refunds WHERE order_id IN ({?})";
    OPENIDS = "SELECT openid FROM identities WHERE user_id = ? UNION SELECT openid FROM orders WHERE user_id = ? AND openid <> ''";
    FORGET_IDENTITIES = "DELETE FROM identities WHERE user_id = ?";
    FORGET_MESSAGES = "DELETE FROM messages WHERE user_id = ?";
    /// Whoever writes down a consent holds the account.
    HOLD_IDENTITIES = "UPDATE identities SET messaging_until_ms = 0 WHERE user_id = ?";
    FORGET_CONSENTS = "DELETE FROM message_consents WHERE appid = ? AND openid = ?";
    FORGET_SIGN_INS = "DELETE FROM sign_ins WHERE audience = 'buyer' AND holder_id = ?";
    FORGET_CART = "DELETE FROM cart_items WHERE user_id = ?";
    FORGET_ADDRESSES = "DELETE FROM addresses WHERE user_id = ?";
    FORGET_REPLIES = "DELETE FROM idempotency_keys WHERE scope = ?";
    BLANK_ORDERS = "UPDATE orders SET openid = '', address_sealed = ?, remark = '' WHERE user_id = ?";
    BLANK_ATTEMPTS = "UPDATE prepays SET openid = '', prepay_id = NULL WHERE order_id IN ({?})";
    BLANK_PAYMENTS = "UPDATE payments SET openid = '' WHERE order_id IN ({?})";
    BLANK_REFUNDS = "UPDATE refunds SET reason = '', pictures = NULL WHERE order_id IN ({?})";
    BLANK_PARCELS = "UPDATE shipments SET tracking_no = '' WHERE order_id IN ({?})";
    BLANK_CALLS = "UPDATE wechat_calls SET message = '' WHERE order_id IN ({?})";
    /// What is not settled yet says of money what nothing else does.
    BLANK_NOTICES = "UPDATE notices SET headers = '', body = '' WHERE outcome <> 'waiting' AND subject IN ({?})";
    BLANK_REFUSED_NOTICES = "UPDATE refused_notices SET headers = '', body = '' WHERE subject IN ({?})";
    BLANK_PUSHES = "UPDATE pushes SET content = '' WHERE outcome IS NOT NULL AND INSTR(content, ?) > 0";
    SUSPENSE = "SELECT transaction_id, fact FROM suspense WHERE INSTR(fact, ?) > 0";
    BLANK_SUSPENSE = "UPDATE suspense SET fact = ? WHERE transaction_id = ?";
    BLANK_PAYER = "UPDATE payments SET openid = '' WHERE transaction_id = ? AND openid = ?";
    STAFF_REFUNDS = "SELECT order_id FROM refunds WHERE cause = 'staff' AND order_id IN ({?})";
    REPLIES = "SELECT scope, key_hash, reply FROM idempotency_keys WHERE scope LIKE 'staff:%' ESCAPE '!' AND INSTR(reply, ?) > 0";
    FLAGS = "SELECT name, version, rule FROM flags WHERE INSTR(rule, ?) > 0";
    BLANK_FLAG = "UPDATE flags SET rule = ? WHERE name = ?";
    FLAG_CHANGES = "SELECT name, version, rule FROM flag_changes WHERE INSTR(rule, ?) > 0";
    BLANK_FLAG_CHANGE = "UPDATE flag_changes SET rule = ? WHERE name = ? AND version = ?";
    /// A pending one gives its slot back.
    DROP_UPLOADS = "UPDATE uploads SET state = ?, slot = id, attached = ?, trace_id = '', expires_ms = ?, updated_ms = ?
                    WHERE owner = 'user' AND owner_id = ? AND state <> ?";
    /// What a mini-program told of in words; where it came from, and who it was, are named by nothing any more.
    BLANK_EVENTS = "UPDATE event_log SET source = CASE WHEN source = 'server' THEN source ELSE ? END, name = '', detail = ''
                    WHERE partition_no = ? AND position > ? AND position <= ? AND visitor = ?";
}

/// Ids as one statement takes them, filled up to a power of two with the last: so there are few statements to prepare.
fn filled<T: Clone>(piece: &[T]) -> Vec<(T,)> {
    let fill = piece.len().next_power_of_two() - piece.len();
    let last = piece.last().cloned().into_iter().cycle().take(fill);
    piece.iter().cloned().chain(last).map(|id| (id,)).collect()
}

/// The person is one no more; `false` when it was not before. Whoever places an order of it waits for this session, or this one
/// for it.
pub async fn bury(session: &mut Session, user: UserId, now: Timestamp) -> Result<bool, Error> {
    let gone = UserState::Deleted;
    Ok(session.execute(BURY, (gone, now, now, user, gone)).await? == 1)
}

/// Whether something is under way that still needs the person: an order, a refund, money that waits, or word to WeChat of what
/// was sent.
pub async fn has_open(session: &mut Session, user: UserId) -> Result<bool, Error> {
    for statement in [OPEN_ORDERS, OPEN_REFUNDS, OPEN_SUSPENSE, OPEN_UPLOADS] {
        if session.number(statement, (user,)).await? > 0 {
            return Ok(true);
        }
    }
    let orders = orders(session, user).await?;
    for piece in numbers(session, &orders).await?.chunks(PIECE_MAX) {
        if session.number(OPEN_NOTICES, Each(filled(piece))).await? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The person's orders.
pub async fn orders(session: &mut Session, user: UserId) -> Result<Vec<OrderId>, Error> {
    Ok(session.all::<(OrderId,)>(ORDERS, (user,)).await?.into_iter().map(|(id,)| id).collect())
}

/// What WeChat calls the person, here and there.
pub async fn openids(session: &mut Session, user: UserId) -> Result<Vec<String>, Error> {
    Ok(session.all::<(String,)>(OPENIDS, (user, user)).await?.into_iter().map(|(openid,)| openid).collect())
}

/// The numbers of orders' attempts and refunds at WeChat.
async fn numbers(session: &mut Session, orders: &[OrderId]) -> Result<Vec<String>, Error> {
    let mut numbers = Vec::new();
    for piece in orders.chunks(PIECE_MAX) {
        for statement in [ATTEMPTS, REFUNDS] {
            let rows: Vec<(String,)> = session.all(statement, Each(filled(piece))).await?;
            numbers.extend(rows.into_iter().map(|(number,)| number));
        }
    }
    Ok(numbers)
}

/// Forget what only the person needs: accounts, devices, cart, addresses, and what was answered to its requests.
pub async fn forget(session: &mut Session, user: UserId) -> Result<(), Error> {
    for statement in [FORGET_IDENTITIES, FORGET_SIGN_INS, FORGET_CART, FORGET_ADDRESSES, FORGET_MESSAGES] {
        session.execute(statement, (user,)).await?;
    }
    session.execute(FORGET_REPLIES, (format!("buyer:{user}"),)).await.map(drop)
}

/// Forget what the person agreed to be told, while its accounts are there to say who that is.
pub async fn forget_consents(session: &mut Session, user: UserId) -> Result<(), Error> {
    session.execute(HOLD_IDENTITIES, (user,)).await?;
    for account in super::user::list_seen(session, user).await? {
        session.execute(FORGET_CONSENTS, (account.appid.as_str(), account.openid.as_str())).await?;
    }
    Ok(())
}

/// Blank what is personal in the books: they keep their numbers, states, amounts and times.
pub async fn blank(session: &mut Session, user: UserId, orders: &[OrderId]) -> Result<(), Error> {
    session.execute(BLANK_ORDERS, (Vec::<u8>::new(), user)).await?;
    for piece in orders.chunks(PIECE_MAX) {
        for statement in [BLANK_ATTEMPTS, BLANK_PAYMENTS, BLANK_REFUNDS, BLANK_PARCELS, BLANK_CALLS] {
            session.execute(statement, Each(filled(piece))).await?;
        }
    }
    for piece in numbers(session, orders).await?.chunks(PIECE_MAX) {
        for statement in [BLANK_NOTICES, BLANK_REFUSED_NOTICES] {
            session.execute(statement, Each(filled(piece))).await?;
        }
    }
    Ok(())
}

/// Blank messages of WeChat that name the person so.
pub async fn blank_pushes(session: &mut Session, openid: &str) -> Result<u64, Error> {
    session.execute(BLANK_PUSHES, (openid,)).await
}

/// Money in suspense in whose fact this text occurs: its number and the fact.
pub async fn suspense(session: &mut Session, openid: &str) -> Result<Vec<(String, String)>, Error> {
    session.all(SUSPENSE, (openid,)).await
}

/// What WeChat said of money in suspense, without its payer; also where staff have booked it since.
pub async fn blank_suspense(
    session: &mut Session,
    transaction_id: &str,
    fact: &str,
    openid: &str,
) -> Result<(), Error> {
    session.execute(BLANK_SUSPENSE, (fact, transaction_id)).await?;
    session.execute(BLANK_PAYER, (transaction_id, openid)).await.map(drop)
}

/// Which of these orders staff gave money back for.
pub async fn refunded_by_staff(session: &mut Session, orders: &[OrderId]) -> Result<Vec<OrderId>, Error> {
    let mut found = Vec::new();
    for piece in orders.chunks(PIECE_MAX) {
        found.extend(session.all::<(OrderId,)>(STAFF_REFUNDS, Each(filled(piece))).await?);
    }
    Ok(found.into_iter().map(|(id,)| id).collect())
}

/// What was answered to staff with this text in it: scope, key and reply.
pub async fn replies(session: &mut Session, text: &str) -> Result<Vec<(String, String, String)>, Error> {
    session.all(REPLIES, (text,)).await
}

/// Flags in whose rule this text occurs: name, version and rule; those of the present, or those of the history.
pub async fn flags(session: &mut Session, past: bool, text: &str) -> Result<Vec<(String, i64, String)>, Error> {
    session.all(if past { FLAG_CHANGES } else { FLAGS }, (text,)).await
}

/// Another rule of a flag, in the present or in its history.
pub async fn blank_flag(
    session: &mut Session,
    past: bool,
    (name, version): (&str, i64),
    rule: &str,
) -> Result<(), Error> {
    if past {
        session.execute(BLANK_FLAG_CHANGE, (rule, name, version)).await.map(drop)
    } else {
        session.execute(BLANK_FLAG, (rule, name)).await.map(drop)
    }
}

/// All the person's pictures are gone; until when their objects are looked for.
pub async fn drop_uploads(session: &mut Session, user: UserId, until: Timestamp, now: Timestamp) -> Result<u64, Error> {
    let gone = UploadState::Gone;
    session.execute(DROP_UPLOADS, (gone, false, until, now, user, gone)).await
}

/// Blank what is free text, and the name of the installation, in the events of a visitor behind one place of a partition and
/// up to another; how many there were.
pub async fn blank_events(
    session: &mut Session,
    visitor: &str,
    partition: i64,
    (after, to): (i64, i64),
) -> Result<u64, Error> {
    let places = (faceless(partition), partition, after, to);
    session.execute(BLANK_EVENTS, Then(places, (visitor,))).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_filled_up() {
        assert_eq!(filled(&[1, 2, 3]), [(1,), (2,), (3,), (3,)]);
        assert_eq!(filled(&[7; PIECE_MAX]).len(), PIECE_MAX);
    }
}
