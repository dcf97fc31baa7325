//! Money that comes in: what we asked WeChat for, what WeChat says arrived, and what that means.

use crate::model::{
    id::{OrderId, PaymentId, PrepayId},
    money::Fen,
    order::{Order, OrderState},
    time::Timestamp,
};
use std::time::Duration;

word_enum! {
    /// Where an attempt to be paid stands.
    pub enum PrepayState {
        /// The buyer can pay it.
        Open = "open",
        /// WeChat has closed it: it can never be paid any more.
        Closed = "closed",
        /// It was paid.
        Paid = "paid",
    }
}

word_enum! {
    /// How we learned of money.
    pub enum FactSource {
        /// WeChat called us.
        Notice = "notice",
        /// We asked WeChat.
        Query = "query",
        /// The bill of the day had it; WeChat was asked again.
        Bill = "bill",
    }
}

word_enum! {
    /// Why money could not be put to an order: it waits for staff.
    pub enum SuspenseReason {
        /// We never asked for this number.
        OrderUnknown = "order_unknown",
        /// Another merchant's.
        MerchantDiffers = "merchant_differs",
        /// Another mini-program's.
        AppDiffers = "app_differs",
        /// Not yuan.
        CurrencyDiffers = "currency_differs",
        /// More or less than was asked.
        AmountDiffers = "amount_differs",
        /// Somebody else paid.
        PayerDiffers = "payer_differs",
        /// WeChat told of this money before, with other figures.
        KnownDiffers = "known_differs",
    }
}

word_enum! {
    /// What becomes of money that arrives for an order which closed unpaid.
    pub enum LatePolicy {
        /// It goes back.
        Refund = "refund",
        /// The order is paid after all if all of its stock can be set aside again; otherwise it goes back.
        Reserve = "reserve",
    }
}

/// An attempt to be paid: one `out_trade_no` at WeChat.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Prepay {
    /// Which.
    pub id: PrepayId,
    /// For which order.
    pub order_id: OrderId,
    /// Our number at WeChat: unique, never used again, partly random.
    pub out_trade_no: String,
    /// The merchant.
    pub mchid: String,
    /// The mini-program.
    pub appid: String,
    /// Who may pay.
    pub openid: String,
    /// What was asked for, in fen.
    pub total_fen: Fen,
    /// Where it stands.
    pub state: PrepayState,
    /// WeChat's handle, once it gave one.
    pub prepay_id: Option<String>,
    /// When it gave it; it is good for two hours.
    pub prepaid_ms: Option<Timestamp>,
    /// When we decided to ask.
    pub created_ms: Timestamp,
}

impl Prepay {
    /// The handle, while the cashier would still take it. WeChat says two hours; ten minutes are left to pay in.
    pub fn usable_handle(&self, now: Timestamp) -> Option<&str> {
        let fresh = self.prepaid_ms.is_some_and(|at| now.since(at).as_secs() < 110 * 60);
        self.prepay_id.as_deref().filter(|_| fresh)
    }
}

/// Money that arrived for an order we know.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Payment {
    /// Which.
    pub id: PaymentId,
    /// WeChat's number of it: unique.
    pub transaction_id: String,
    /// For which order.
    pub order_id: OrderId,
    /// By which attempt.
    pub out_trade_no: String,
    /// How much, in fen.
    pub total_fen: Fen,
    /// Who paid.
    pub openid: String,
    /// Whether it paid the order; if not it came late or a second time and goes back.
    pub accepted: bool,
    /// How we learned of it first.
    pub source: FactSource,
    /// When the buyer paid, says WeChat.
    pub success_ms: Timestamp,
    /// When we stored it.
    pub created_ms: Timestamp,
}

/// A verified statement of WeChat that money arrived. Notices and queries all become this.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PaymentFact {
    /// How we learned of it.
    pub source: FactSource,
    /// The merchant.
    pub mchid: String,
    /// The mini-program.
    pub appid: String,
    /// Our number.
    pub out_trade_no: String,
    /// WeChat's number.
    pub transaction_id: String,
    /// How much, in fen.
    pub total_fen: Fen,
    /// `CNY`.
    pub currency: String,
    /// Who paid.
    pub openid: String,
    /// When.
    pub success_ms: Timestamp,
}

impl PaymentFact {
    /// The same of another payer. Where the payer is not known any more, because the person has gone, it is the empty text
    /// in our rows, and what WeChat still says is held against that.
    #[must_use]
    pub fn of_payer(&self, openid: &str) -> Self {
        Self { openid: openid.to_owned(), ..self.clone() }
    }
    /// The same as the rows know it: of nobody, where they know no payer any more.
    #[must_use]
    pub fn known_to(&self, openid: &str) -> Self {
        if openid.is_empty() { self.of_payer("") } else { self.clone() }
    }
    /// Whether two statements speak of the same money; how we learned of it, and when, does not matter.
    pub fn same_figures(&self, other: &Self) -> bool {
        let figures = |fact: &Self| {
            let Self { mchid, appid, out_trade_no, transaction_id, total_fen, currency, openid, .. } = fact.clone();
            (mchid, appid, out_trade_no, transaction_id, total_fen, currency, openid)
        };
        figures(self) == figures(other)
    }
    /// Whether it says of money that is stored what it said the first time. What the payment's row does not hold stands
    /// in the attempt that it was made for.
    pub fn repeats(&self, payment: &Payment, prepay: &Prepay) -> bool {
        let said = (&self.out_trade_no, self.total_fen, &self.openid, &self.transaction_id);
        said == (&payment.out_trade_no, payment.total_fen, &payment.openid, &payment.transaction_id)
            && (&self.mchid, &self.appid, self.currency.as_str()) == (&prepay.mchid, &prepay.appid, "CNY")
    }
}

/// What a statement about money means for its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// It pays the order.
    Accept,
    /// The order ended unpaid before: the money goes back.
    Late,
    /// The order was paid by other money: this goes back.
    Second,
    /// It does not fit what we asked for: staff look at it.
    Suspend(SuspenseReason),
}

/// Judge money that no payment row holds yet.
pub fn judge(fact: &PaymentFact, prepay: &Prepay, order: &Order) -> Judgement {
    let differs = [
        (fact.mchid != prepay.mchid, SuspenseReason::MerchantDiffers),
        (fact.appid != prepay.appid, SuspenseReason::AppDiffers),
        (fact.currency != "CNY", SuspenseReason::CurrencyDiffers),
        (fact.total_fen != prepay.total_fen || fact.total_fen != order.total_fen, SuspenseReason::AmountDiffers),
        (fact.openid != prepay.openid, SuspenseReason::PayerDiffers),
    ];
    if let Some((_, reason)) = differs.into_iter().find(|(differs, _)| *differs) {
        return Judgement::Suspend(reason);
    }
    match order.state {
        OrderState::Pending => Judgement::Accept,
        OrderState::Closed => Judgement::Late,
        OrderState::Paid | OrderState::Shipped | OrderState::Received | OrderState::Refunded => Judgement::Second,
    }
}

/// Seconds after the prepay at which WeChat is first asked whether it was paid, should no notice come. Then it is asked at
/// each whole multiple of `pay.query_every_seconds`.
const FIRST_QUERIES_SECONDS: [u64; 2] = [5, 30];

/// How long after the prepay the next question comes, when `since` has passed: the first moment of the plan that is not
/// over, however many were missed.
///
/// WeChat's page proposes 5 s, 30 s, 1, 3, 5, 10 and 30 min. All of these are asked at, but its later gaps would leave
/// somebody who has paid looking at an unpaid order for up to twenty minutes; so no gap is longer than a minute.
pub fn next_query(since: Duration, every: Duration) -> Duration {
    let first = FIRST_QUERIES_SECONDS.map(Duration::from_secs).into_iter().find(|moment| *moment > since);
    let every = every.max(Duration::from_secs(1));
    let rounds = u32::try_from(since.as_millis() / every.as_millis()).unwrap_or(u32::MAX - 1);
    let regular = every.saturating_mul(rounds + 1);
    first.map_or(regular, |first| first.min(regular))
}

refusals! {
    /// Why paying could not begin.
    pub enum PaymentRefusal {
        /// No such order of this buyer.
        NotFound = Missing, "payment.order_not_found", "no such order";
        /// The order does not wait for money.
        StateForbids { state: OrderState } = Conflict, "payment.state_forbids", "the order is {state}";
        /// The time to pay is over.
        Expired = Conflict, "payment.expired", "the time to pay this order is over";
        /// Signed in with another account of the mini-program than the one that ordered.
        PayerDiffers = Conflict, "payment.payer_differs", "this order was placed from another mini-program account";
        /// WeChat Pay does not take this payment.
        Refused { reason: String } = Conflict, "payment.wechat_refused", "WeChat Pay refused: {reason}";
    }
}

impl crate::model::refusal::Refusal for PaymentRefusal {
    fn kind(&self) -> crate::model::refusal::Kind {
        self.kind_of()
    }
    fn code(&self) -> &'static str {
        self.code_of()
    }
    fn state(&self) -> Option<&'static str> {
        match self {
            Self::StateForbids { state } => Some(state.word()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::UserId;

    fn case() -> (PaymentFact, Prepay, Order) {
        let order = Order {
            id: OrderId(1),
            number: "1".into(),
            user_id: UserId(1),
            appid: "wx1".into(),
            openid: "oA".into(),
            state: OrderState::Pending,
            version: 1,
            goods_fen: Fen(500),
            freight_fen: Fen::ZERO,
            adjustment_fen: Fen::ZERO,
            total_fen: Fen(500),
            refund_held_fen: Fen::ZERO,
            refunded_fen: Fen::ZERO,
            address_sealed: vec![],
            remark: String::new(),
            expires_ms: Timestamp(9),
            created_ms: Timestamp(1),
            paid_ms: None,
        };
        let prepay = Prepay {
            id: PrepayId(1),
            order_id: order.id,
            out_trade_no: "n".into(),
            mchid: "m".into(),
            appid: "wx1".into(),
            openid: "oA".into(),
            total_fen: Fen(500),
            state: PrepayState::Open,
            prepay_id: None,
            prepaid_ms: None,
            created_ms: Timestamp(1),
        };
        let fact = PaymentFact {
            source: FactSource::Notice,
            mchid: "m".into(),
            appid: "wx1".into(),
            out_trade_no: "n".into(),
            transaction_id: "t".into(),
            total_fen: Fen(500),
            currency: "CNY".into(),
            openid: "oA".into(),
            success_ms: Timestamp(5),
        };
        (fact, prepay, order)
    }

    #[test]
    fn every_difference_is_suspended() {
        let (fact, prepay, order) = case();
        assert_eq!(judge(&fact, &prepay, &order), Judgement::Accept);
        let text = |text: &str| text.to_owned();
        for (altered, reason) in [
            (PaymentFact { mchid: text("x"), ..fact.clone() }, SuspenseReason::MerchantDiffers),
            (PaymentFact { appid: text("wx2"), ..fact.clone() }, SuspenseReason::AppDiffers),
            (PaymentFact { currency: text("USD"), ..fact.clone() }, SuspenseReason::CurrencyDiffers),
            (PaymentFact { total_fen: Fen(499), ..fact.clone() }, SuspenseReason::AmountDiffers),
            (PaymentFact { openid: text("oa"), ..fact.clone() }, SuspenseReason::PayerDiffers),
        ] {
            assert_eq!(judge(&altered, &prepay, &order), Judgement::Suspend(reason));
        }
    }

    #[test]
    fn known_money_is_told_in_the_same_figures() {
        let (fact, prepay, order) = case();
        let payment = Payment {
            id: PaymentId(1),
            transaction_id: fact.transaction_id.clone(),
            order_id: order.id,
            out_trade_no: fact.out_trade_no.clone(),
            total_fen: fact.total_fen,
            openid: fact.openid.clone(),
            accepted: true,
            source: FactSource::Notice,
            success_ms: fact.success_ms,
            created_ms: Timestamp(6),
        };
        let again = PaymentFact { source: FactSource::Query, success_ms: Timestamp(7), ..fact.clone() };
        assert!(again.repeats(&payment, &prepay) && again.same_figures(&fact));
        for altered in [
            PaymentFact { mchid: "x".into(), ..fact.clone() },
            PaymentFact { appid: "x".into(), ..fact.clone() },
            PaymentFact { out_trade_no: "x".into(), ..fact.clone() },
            PaymentFact { transaction_id: "x".into(), ..fact.clone() },
            PaymentFact { total_fen: Fen(501), ..fact.clone() },
            PaymentFact { currency: "USD".into(), ..fact.clone() },
            PaymentFact { openid: "x".into(), ..fact.clone() },
        ] {
            assert!(!altered.repeats(&payment, &prepay) && !altered.same_figures(&fact), "{altered:?}");
        }
    }

    #[test]
    fn the_plan_holds_all_official_moments_and_no_gap_above_a_minute() {
        let (every, mut moments) = (Duration::from_mins(1), vec![Duration::ZERO]);
        while moments.last().is_some_and(|last| *last < Duration::from_hours(1)) {
            let last = moments[moments.len() - 1];
            let next = next_query(last, every);
            assert!(last < next && next <= last + every, "{last:?} {next:?}");
            moments.push(next);
        }
        for official in [5, 30, 60, 180, 300, 600, 1800] {
            assert!(moments.contains(&Duration::from_secs(official)), "{official}");
        }
        assert_eq!(next_query(Duration::from_millis(61_500), every), Duration::from_mins(2), "late: the plan stays");
        assert_eq!(next_query(Duration::from_hours(9), every), Duration::from_mins(541), "very late: one question");
        assert_eq!(next_query(Duration::ZERO, Duration::from_secs(2)), Duration::from_secs(2));
    }

    #[test]
    fn late_and_second_money_goes_back() {
        let (fact, prepay, order) = case();
        for state in OrderState::ALL {
            let order = Order { state: *state, ..order.clone() };
            let expected = match state {
                OrderState::Pending => Judgement::Accept,
                OrderState::Closed => Judgement::Late,
                _ => Judgement::Second,
            };
            assert_eq!(judge(&fact, &prepay, &order), expected);
        }
    }
}
