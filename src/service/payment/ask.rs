//! Calls to WeChat Pay, each with its line in the time line of the order. The line is written after the answer, in no
//! transaction of its effect: it explains what happened and decides nothing.

use crate::{
    app::App,
    data,
    model::{
        call::{Call, Operation},
        id::{CallId, OrderId},
    },
    service::Error,
    wechat::{
        self,
        pay::{Closing, Prepay, RefundOrder, RefundState, Transaction},
    },
};
use std::time::Instant;

/// Ask for a payment to be taken.
pub(super) async fn prepay(app: &App, order: OrderId, wanted: &Prepay<'_>) -> Result<String, wechat::Error> {
    let call = Line::begin(app, order, Operation::Prepay, wanted.out_trade_no);
    call.end(app.wechat.prepay(wanted).await, |_| "ok".to_owned()).await
}
/// Ask whether an attempt was paid.
pub(in crate::service) async fn transaction(
    app: &App,
    order: OrderId,
    out_trade_no: &str,
) -> Result<Option<Transaction>, wechat::Error> {
    let call = Line::begin(app, order, Operation::Query, out_trade_no);
    let say = |found: &Option<Transaction>| {
        found.as_ref().map_or("ORDER_NOT_EXIST", |transaction| transaction.trade_state.as_str()).to_owned()
    };
    call.end(app.wechat.find_transaction(out_trade_no).await, say).await
}
/// Let an attempt not be paid any more.
pub(super) async fn close(app: &App, order: OrderId, out_trade_no: &str) -> Result<Closing, wechat::Error> {
    let call = Line::begin(app, order, Operation::Close, out_trade_no);
    let say = |closing: &Closing| match closing {
        Closing::Closed => "ok".to_owned(),
        Closing::AlreadyPaid => "ORDERPAID".to_owned(),
    };
    call.end(app.wechat.close(out_trade_no).await, say).await
}
/// Give money back.
pub(in crate::service) async fn refund(
    app: &App,
    order: OrderId,
    wanted: &RefundOrder<'_>,
) -> Result<RefundState, wechat::Error> {
    let call = Line::begin(app, order, Operation::Refund, wanted.out_refund_no);
    call.end(app.wechat.refund(wanted).await, |told| told.status.to_string()).await
}
/// Ask how a refund stands.
pub(in crate::service) async fn refund_state(
    app: &App,
    order: OrderId,
    out_refund_no: &str,
) -> Result<Option<RefundState>, wechat::Error> {
    let call = Line::begin(app, order, Operation::QueryRefund, out_refund_no);
    let say = |found: &Option<RefundState>| {
        found.as_ref().map_or_else(|| "RESOURCE_NOT_EXISTS".to_owned(), |told| told.status.to_string())
    };
    call.end(app.wechat.find_refund(out_refund_no).await, say).await
}

/// A line that is being written.
struct Line<'a> {
    app: &'a App,
    call: Call,
    started: Instant,
}

/// Most characters kept of WeChat's words.
const MESSAGE_CHARS_MAX: usize = 200;

impl<'a> Line<'a> {
    fn begin(app: &'a App, order_id: OrderId, operation: Operation, subject: &str) -> Self {
        let call = Call {
            id: app.ids.next(CallId),
            order_id,
            operation,
            subject: subject.to_owned(),
            answer: String::new(),
            message: String::new(),
            took_ms: 0,
            created_ms: app.now(),
        };
        Self { app, call, started: Instant::now() }
    }
    async fn end<T>(
        mut self,
        outcome: Result<T, wechat::Error>,
        say: impl FnOnce(&T) -> String,
    ) -> Result<T, wechat::Error> {
        self.call.took_ms = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        (self.call.answer, self.call.message) = match &outcome {
            Ok(answer) => (say(answer), String::new()),
            Err(error) => (error.code().to_owned(), error.message().to_owned()),
        };
        self.call.answer = self.call.answer.chars().take(64).collect();
        self.call.message = self.call.message.chars().take(MESSAGE_CHARS_MAX).collect();
        if let Err(error) = self.write().await {
            tracing::warn!(%error, "a call to WeChat was not written down");
        }
        outcome
    }
    async fn write(&self) -> Result<(), Error<crate::service::Never>> {
        let mut session = self.app.database.write().await?;
        data::call::insert(&mut session, &self.call).await?;
        session.commit().await?;
        Ok(())
    }
}
