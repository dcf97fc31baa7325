//! Callbacks: what WeChat Pay tells the merchant, and how often it tries.

use super::{
    Error, Simulator,
    keys::digits,
    ledger::Record,
    notice::{Manner, Trick},
    pay,
    record::{Attempt, Callback, CallbackState, Payment, Refund, RefundStatus},
    trade,
};
use crate::model::time::Timestamp;
use crate::wechat::pay::sign::random_text;
use serde_json::{Value, json};
use std::sync::PoisonError;

/// Seconds between attempts: 15 repetitions within 24 hours and 4 minutes.
const RETRY_SECONDS: [u32; 15] =
    [15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10_800, 10_800, 10_800, 21_600, 21_600];
/// The same for a pushed message, which is sent three times in all.
const PUSH_RETRY_SECONDS: [u32; 2] = [5, 5];
/// How much of an answer is kept, in characters.
const ANSWER_LENGTH: usize = 500;

/// The callback of a payment.
pub(super) fn for_payment(simulator: &Simulator, payment: &Payment, now: Timestamp) -> Record {
    let resource = pay::transaction_view(payment, &simulator.options().mchid);
    new(simulator, "TRANSACTION.SUCCESS", &payment.out_trade_no, &payment.notify_url, resource, now)
}

/// The callback of a refund that ended, if the merchant wants one.
pub(super) fn for_refund(simulator: &Simulator, refund: &Refund, now: Timestamp) -> Option<Record> {
    let url = refund.notify_url.as_ref()?;
    let event = match refund.status {
        RefundStatus::Processing => return None,
        RefundStatus::Success => "REFUND.SUCCESS",
        RefundStatus::Abnormal => "REFUND.ABNORMAL",
        RefundStatus::Closed => "REFUND.CLOSED",
    };
    let (total, part) = (refund.total_fen.0, refund.refund_fen.0);
    let mut resource = json!({
        "mchid": simulator.options().mchid,
        "out_trade_no": refund.out_trade_no,
        "transaction_id": refund.transaction_id,
        "out_refund_no": refund.out_refund_no,
        "refund_id": refund.refund_id,
        "refund_status": refund.status,
        "user_received_account": "支付用户零钱",
        "amount": { "total": total, "refund": part, "payer_total": total, "payer_refund": part },
    });
    if let Some(success) = refund.success_ms {
        resource["success_time"] = json!(success.rfc3339());
    }
    Some(new(simulator, event, &refund.out_refund_no, url, resource, now))
}

fn new(simulator: &Simulator, event: &str, subject: &str, url: &str, resource: Value, now: Timestamp) -> Record {
    Record::Callback(Box::new(planned(simulator, event, subject, url, resource, now)))
}

/// One that is to be delivered, as the faults of the moment say.
pub(super) fn planned(
    simulator: &Simulator,
    event: &str,
    subject: &str,
    url: &str,
    resource: Value,
    now: Timestamp,
) -> Callback {
    let faults = simulator.faults().get();
    let (state, due_ms) = if faults.drop {
        (CallbackState::Dropped, None)
    } else {
        (CallbackState::Waiting, Some(Timestamp(now.0 + i64::from(faults.delay_ms))))
    };
    Callback {
        id: format!("{}-{}-5{}", digits(8), random_text(12).to_lowercase(), digits(13)),
        event_type: event.to_owned(),
        subject: subject.to_owned(),
        url: url.to_owned(),
        appid: None,
        resource,
        created_ms: now,
        due_ms,
        rounds: 0,
        state,
        attempts: Vec::new(),
    }
}

/// When the attempt after so many rounds is due, or `None` after the last.
fn next_due(simulator: &Simulator, callback: &Callback, now: Timestamp) -> Option<Timestamp> {
    let (schedule, rounds): (&[u32], u32) = if callback.appid.is_some() {
        (&PUSH_RETRY_SECONDS, callback.rounds)
    } else {
        (&RETRY_SECONDS, callback.rounds)
    };
    let seconds = schedule.get(usize::try_from(rounds).ok()?.checked_sub(1)?)?;
    Some(Timestamp(now.0 + simulator.options().wait_ms(*seconds)))
}

impl Simulator {
    /// Callbacks for which an attempt is planned, the oldest first.
    pub fn pending_callbacks(&self) -> Vec<Callback> {
        self.lock().callbacks.rows().filter(|callback| callback.due_ms.is_some()).cloned().collect()
    }

    /// Every callback, the oldest first.
    pub fn callbacks(&self) -> Vec<Callback> {
        self.lock().callbacks.rows().cloned().collect()
    }

    /// The newest callback about this `out_trade_no` or `out_refund_no`.
    pub fn callback_about(&self, subject: &str) -> Option<Callback> {
        self.lock().callbacks.rows().rev().find(|callback| callback.subject == subject).cloned()
    }

    pub(super) fn callback(&self, id: &str) -> Result<Callback, Error> {
        self.lock().callbacks.get(id).cloned().ok_or_else(|| Error::missing("callback", id))
    }

    /// Sends one delivery and says how it went; nothing is recorded yet.
    async fn send(&self, callback: &Callback, manner: &Manner) -> Result<Attempt, Error> {
        let (at_ms, trick) = (self.now(), manner.trick);
        let notice = self.draw(callback, manner)?;
        let mut request = self.0.http.post(&notice.url).body(notice.body);
        for (name, value) in &notice.headers {
            request = request.header(name, value);
        }
        let (status, answer) = match request.send().await {
            Err(error) => (None, chain(&error)),
            Ok(response) => {
                let status = response.status().as_u16();
                match response.text().await {
                    Ok(text) => (Some(status), text.chars().take(ANSWER_LENGTH).collect()),
                    Err(error) => (None, chain(&error)),
                }
            }
        };
        let fooled = trick.must_fail() && status.is_some_and(|status| (200..300).contains(&status));
        if fooled {
            tracing::warn!(callback = callback.id, ?trick, "a forged callback was answered 2xx");
        }
        Ok(Attempt { at_ms, ended_ms: self.now(), trick, serial: notice.serial, status, answer, fooled })
    }

    /// Claims what is due now, so that no two callers deliver the same.
    pub(super) fn claim_due(&self) -> Result<Vec<String>, Error> {
        let now = self.now();
        let mut ledger = self.lock();
        pay::settle(self, &mut ledger, now)?;
        trade::advance(self, &mut ledger, now)?;
        let due = ledger.due(now);
        let mut in_flight = self.0.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(due.into_iter().filter(|id| in_flight.insert(id.clone())).collect())
    }

    /// One round of the schedule for a claimed callback.
    pub(super) async fn deliver(&self, id: &str) -> Result<(), Error> {
        let result = self.deliver_round(id).await;
        self.0.in_flight.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        result
    }

    async fn deliver_round(&self, id: &str) -> Result<(), Error> {
        let callback = self.callback(id)?;
        let faults = self.faults().get();
        let mut attempts = Vec::new();
        if let Some(trick) = faults.forge {
            attempts.push(self.send(&callback, &trick.into()).await?);
        } else {
            if faults.probe {
                attempts.push(self.send(&callback, &Trick::SignTest.into()).await?);
            }
            let plain = Manner::default();
            let copies = (0..=faults.duplicate.min(1000)).map(|_| self.send(&callback, &plain));
            attempts.extend(futures_util::future::try_join_all(copies).await?);
        }
        self.record(id, attempts, true)?;
        Ok(())
    }

    /// Sends extra deliveries at once, outside the schedule, all at the same time.
    pub(super) async fn send_now(&self, id: &str, manners: &[Manner]) -> Result<Callback, Error> {
        let callback = self.callback(id)?;
        let sent = futures_util::future::try_join_all(manners.iter().map(|manner| self.send(&callback, manner)));
        self.record(id, sent.await?, false)
    }

    /// Keeps what happened and plans what comes next.
    fn record(&self, id: &str, attempts: Vec<Attempt>, scheduled: bool) -> Result<Callback, Error> {
        let now = self.now();
        let mut ledger = self.lock();
        let mut callback = ledger.callbacks.get(id).cloned().ok_or_else(|| Error::missing("callback", id))?;
        let told = |attempt: &Attempt| !attempt.trick.must_fail() && matches!(attempt.status, Some(200 | 204));
        let told = attempts.iter().any(told);
        callback.attempts.extend(attempts);
        callback.rounds += u32::from(scheduled);
        if told {
            callback.state = CallbackState::Done;
            callback.due_ms = None;
        } else if scheduled && callback.state == CallbackState::Waiting {
            callback.due_ms = next_due(self, &callback, now);
            if callback.due_ms.is_none() {
                callback.state = CallbackState::GivenUp;
            }
        }
        ledger.put([Record::Callback(Box::new(callback.clone()))])?;
        drop(ledger);
        self.0.bell.notify_one();
        Ok(callback)
    }

    /// Plans the next attempt so long from now, or none at all.
    pub(super) fn plan(&self, id: &str, delay_ms: Option<u32>) -> Result<Callback, Error> {
        let now = self.now();
        let mut ledger = self.lock();
        let mut callback = ledger.callbacks.get(id).cloned().ok_or_else(|| Error::missing("callback", id))?;
        callback.due_ms = delay_ms.map(|delay| Timestamp(now.0 + i64::from(delay)));
        callback.state = if delay_ms.is_some() { CallbackState::Waiting } else { CallbackState::Dropped };
        ledger.put([Record::Callback(Box::new(callback.clone()))])?;
        drop(ledger);
        self.0.bell.notify_one();
        Ok(callback)
    }

    /// Settles refunds whose time has come and delivers every callback that is due, each once, all at the same
    /// time; gives how many callbacks were delivered, well or not. A refusal plans the next attempt of the schedule.
    pub async fn deliver_due(&self) -> Result<usize, Error> {
        let claimed = self.claim_due()?;
        let rounds = futures_util::future::join_all(claimed.iter().map(|id| self.deliver(id))).await;
        rounds.into_iter().collect::<Result<Vec<()>, Error>>()?;
        Ok(claimed.len())
    }
}

/// An error with its causes: `reqwest` alone says only "error sending request".
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |cause| cause.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::super::test::Merchant;
    use super::*;
    use crate::model::time::minutes;
    use std::time::Duration;

    #[tokio::test]
    async fn a_merchant_who_never_answers_is_told_sixteen_times_in_a_day() {
        let merchant = Merchant::new();
        merchant.paid("order-1", 100).await;
        let start = merchant.simulator.now();
        assert_eq!(merchant.simulator.deliver_due().await.expect("delivered"), 1);
        for seconds in RETRY_SECONDS {
            merchant.clock.advance(Duration::from_secs(u64::from(seconds) - 1));
            assert_eq!(merchant.simulator.deliver_due().await.expect("too early"), 0);
            merchant.clock.advance(Duration::from_secs(1));
            assert_eq!(merchant.simulator.deliver_due().await.expect("delivered"), 1);
        }
        let callback = &merchant.simulator.callbacks()[0];
        assert_eq!((callback.attempts.len(), callback.state, callback.due_ms), (16, CallbackState::GivenUp, None));
        assert_eq!(merchant.simulator.now().since(start), minutes(24 * 60 + 4));
        assert!(callback.attempts.iter().all(|attempt| attempt.status.is_none() && !attempt.answer.is_empty()));
        assert!(merchant.simulator.pending_callbacks().is_empty());
    }

    #[tokio::test]
    async fn waits_shrink_with_speed_and_faults_drop_or_delay() {
        let merchant = Merchant::with(|options| options.speed = 60.0);
        merchant.paid("order-1", 100).await;
        merchant.simulator.deliver_due().await.expect("delivered");
        let due = merchant.simulator.pending_callbacks()[0].due_ms.expect("planned");
        assert_eq!(due.since(merchant.simulator.now()), Duration::from_millis(250));
        merchant.simulator.faults().change(|faults| faults.drop = true);
        merchant.paid("order-2", 100).await;
        assert_eq!(merchant.simulator.callbacks()[1].state, CallbackState::Dropped);
        merchant.simulator.faults().change(|faults| (faults.drop, faults.delay_ms) = (false, 5000));
        merchant.paid("order-3", 100).await;
        let due = merchant.simulator.pending_callbacks()[1].due_ms.expect("planned");
        assert_eq!(due.since(merchant.simulator.now()), Duration::from_secs(5));
    }
}
