//! Callbacks of WeChat Pay: verified, stored and settled before they are answered.

use super::settle::{Ending, fact, settle};
use crate::{
    app::App,
    model::payment::FactSource,
    service::{Error, Never, refund},
    wechat::pay::{Notice, NoticeContent, NoticeRefusal},
};
use axum::http::HeaderMap;

/// Which address was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// That of payments.
    Payment,
    /// That of refunds.
    Refund,
}

/// What WeChat is to be told. Only [`NoticeAnswer::Stored`] makes it stop calling.
#[derive(Debug)]
pub enum NoticeAnswer {
    /// It is on the disk.
    Stored,
    /// It is not WeChat's, or cannot be read.
    Refused(NoticeRefusal),
    /// It came to the wrong address.
    Misplaced,
    /// It could not be stored now; WeChat will call again.
    Fault(Error<Never>),
}

/// Verify a callback and carry it out. The body is the raw bytes as they came.
pub async fn notice(app: &App, called: NoticeKind, headers: &HeaderMap, body: &[u8]) -> NoticeAnswer {
    let notice = match app.wechat.open_notice(headers, body).await {
        Ok(notice) => notice,
        Err(refusal) => return NoticeAnswer::Refused(refusal),
    };
    let is_refund = matches!(notice.content, NoticeContent::Refund(_));
    let is_payment = matches!(notice.content, NoticeContent::Payment(_));
    if (is_refund && called == NoticeKind::Payment) || (is_payment && called == NoticeKind::Refund) {
        return NoticeAnswer::Misplaced;
    }
    match carry_out(app, notice).await {
        Ok(()) => NoticeAnswer::Stored,
        Err(fault) => NoticeAnswer::Fault(fault),
    }
}

async fn carry_out(app: &App, notice: Notice) -> Result<(), Error<Never>> {
    let Notice { id, event_type, body_sha256, content } = notice;
    let ending = Ending::Notice { id, kind: event_type.clone(), body_sha256 };
    match content {
        NoticeContent::Payment(transaction) if transaction.is_paid() => {
            let fact = fact(&transaction, FactSource::Notice)?;
            settle(app, &fact, &ending).await.map(drop)
        }
        NoticeContent::Refund(state) => refund::learn(app, &refund::fact(&state), &ending).await.map(drop),
        NoticeContent::Payment(_) | NoticeContent::Other(_) => {
            tracing::warn!(event_type, "a notice that asks for nothing was stored");
            let mut session = app.database.write().await?;
            ending.end(app, &mut session, "ignored").await?;
            session.commit().await?;
            Ok(())
        }
    }
}
