//! The ledger: every record in memory, each change appended to a journal before anything is answered.
//!
//! One line a record, the record whole, the last line of a name wins. `write(2)` before the answer is enough to
//! survive `kill -9`; a power cut may take the last lines, which a development tool can afford. The journal is
//! written anew at each start, without what is superseded or long expired.

use super::{
    Error,
    record::{Callback, Code, Message, Payment, Refund, RefundStatus, Scene, Subscription, Token, User},
    trade::Shipment,
};
use crate::model::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeSet, HashMap},
    fs::File,
    io::Write,
    path::Path,
};

/// One changed record.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Record {
    User(User),
    Code(Code),
    Token(Token),
    Payment(Box<Payment>),
    Refund(Box<Refund>),
    Callback(Box<Callback>),
    Message(Box<Message>),
    Subscription(Subscription),
    Scene(Scene),
    Shipment(Box<Shipment>),
}

/// Rows by name, in the order they came.
#[derive(Debug)]
pub(super) struct Table<T> {
    rows: HashMap<String, T>,
    order: Vec<String>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { rows: HashMap::new(), order: Vec::new() }
    }
}

impl<T> Table<T> {
    /// The row of that name.
    pub(super) fn get(&self, name: &str) -> Option<&T> {
        self.rows.get(name)
    }
    /// Every row, the oldest first; reversible for "the newest".
    pub(super) fn rows(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.order.iter().filter_map(|name| self.rows.get(name))
    }
    /// How many.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }
    fn put(&mut self, name: &str, row: T) {
        if self.rows.insert(name.to_owned(), row).is_none() {
            self.order.push(name.to_owned());
        }
    }
}

/// All that this WeChat knows.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) users: Table<User>,
    pub(super) codes: Table<Code>,
    pub(super) tokens: Table<Token>,
    pub(super) payments: Table<Payment>,
    pub(super) refunds: Table<Refund>,
    pub(super) callbacks: Table<Callback>,
    pub(super) messages: Table<Message>,
    pub(super) subscriptions: Table<Subscription>,
    pub(super) scenes: Table<Scene>,
    pub(super) shipments: Table<Shipment>,
    /// Callbacks by the time of their next attempt.
    due: BTreeSet<(Timestamp, String)>,
    /// Refunds by the time they leave `PROCESSING`.
    settling: BTreeSet<(Timestamp, String)>,
    /// Orders by the time when something happens to them by itself.
    trading: BTreeSet<(Timestamp, String)>,
    by_prepay: HashMap<String, String>,
    by_transaction: HashMap<String, String>,
    by_openid: HashMap<String, String>,
    refunds_of: HashMap<String, Vec<String>>,
    journal: Option<File>,
}

impl Ledger {
    /// Reads the journal, if there is one, and writes it anew without what is no longer needed at `now`.
    pub(super) fn open(path: Option<&Path>, now: Timestamp) -> Result<Self, Error> {
        let mut ledger = Self::default();
        let Some(path) = path else { return Ok(ledger) };
        ledger.replay(path)?;
        let fresh = path.with_extension("new");
        let mut file = File::create(&fresh).map_err(Error::file(&fresh))?;
        file.write_all(&ledger.everything(now)?).map_err(Error::file(&fresh))?;
        file.sync_all().map_err(Error::file(&fresh))?;
        std::fs::rename(&fresh, path).map_err(Error::file(path))?;
        ledger.journal = Some(file);
        Ok(ledger)
    }

    fn replay(&mut self, path: &Path) -> Result<(), Error> {
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Error::file(path)(error)),
        };
        let mut lines = text.split(|byte| *byte == b'\n').enumerate().peekable();
        while let Some((place, line)) = lines.next() {
            match serde_json::from_slice(line) {
                Ok(record) => self.index(record),
                // What a kill cut off in mid-line was never answered.
                Err(_) if lines.peek().is_none() => {}
                Err(source) => return Err(Error::Journal { line: place + 1, source }),
            }
        }
        Ok(())
    }

    fn everything(&self, now: Timestamp) -> Result<Vec<u8>, Error> {
        let records = (self.users.rows().cloned().map(Record::User))
            .chain(self.codes.rows().filter(|code| code.expires_ms > now).cloned().map(Record::Code))
            .chain(self.tokens.rows().filter(|token| token.expires_ms > now).cloned().map(Record::Token))
            .chain(self.payments.rows().cloned().map(Box::new).map(Record::Payment))
            .chain(self.refunds.rows().cloned().map(Box::new).map(Record::Refund))
            .chain(self.callbacks.rows().cloned().map(Box::new).map(Record::Callback))
            .chain(self.messages.rows().cloned().map(Box::new).map(Record::Message))
            .chain(self.subscriptions.rows().cloned().map(Record::Subscription))
            .chain(self.scenes.rows().cloned().map(Record::Scene))
            .chain(self.shipments.rows().cloned().map(Box::new).map(Record::Shipment));
        lines(records)
    }

    /// Keeps records: in the journal first, all at once, then in memory.
    pub(super) fn put(&mut self, records: impl IntoIterator<Item = Record>) -> Result<(), Error> {
        let records: Vec<Record> = records.into_iter().collect();
        if let Some(journal) = &mut self.journal {
            let text = lines(records.iter().cloned())?;
            journal.write_all(&text).map_err(Error::file(Path::new("journal")))?;
        }
        for record in records {
            self.index(record);
        }
        Ok(())
    }

    fn index(&mut self, record: Record) {
        match record {
            Record::Code(code) => self.codes.put(&code.text.clone(), code),
            Record::Subscription(row) => {
                self.subscriptions.put(&subscription_name(&row.appid, &row.openid, &row.template_id), row);
            }
            Record::Scene(row) => self.scenes.put(&format!("{}/{}", row.appid, row.scene), row),
            Record::Message(message) => self.messages.put(&message.id.clone(), *message),
            Record::Shipment(shipment) => {
                let number = shipment.out_trade_no.clone();
                if let Some(due) = self.shipments.get(&number).and_then(|old| old.due_ms) {
                    self.trading.remove(&(due, number.clone()));
                }
                self.trading.extend(shipment.due_ms.map(|due| (due, number.clone())));
                self.shipments.put(&number, *shipment);
            }
            Record::Token(token) => self.tokens.put(&token.text.clone(), token),
            Record::User(user) => {
                for account in user.accounts.values() {
                    self.by_openid.insert(account.openid.clone(), user.id.clone());
                }
                self.users.put(&user.id.clone(), user);
            }
            Record::Payment(payment) => {
                let number = payment.out_trade_no.clone();
                for prepay in &payment.prepay_ids {
                    self.by_prepay.insert(prepay.id.clone(), number.clone());
                }
                if let Some(transaction) = &payment.transaction_id {
                    self.by_transaction.insert(transaction.clone(), number.clone());
                }
                self.payments.put(&number, *payment);
            }
            Record::Refund(refund) => self.index_refund(*refund),
            Record::Callback(callback) => {
                if let Some(due) = self.callbacks.get(&callback.id).and_then(|old| old.due_ms) {
                    self.due.remove(&(due, callback.id.clone()));
                }
                if let Some(due) = callback.due_ms {
                    self.due.insert((due, callback.id.clone()));
                }
                self.callbacks.put(&callback.id.clone(), *callback);
            }
        }
    }

    fn index_refund(&mut self, refund: Refund) {
        let number = refund.out_refund_no.clone();
        if self.refunds.get(&number).is_none() {
            self.refunds_of.entry(refund.out_trade_no.clone()).or_default().push(number.clone());
        }
        let place = (refund.settles_ms, number.clone());
        if refund.status == RefundStatus::Processing {
            self.settling.insert(place);
        } else {
            self.settling.remove(&place);
        }
        self.refunds.put(&number, refund);
    }

    /// The order of a prepay id.
    pub(super) fn payment_of_prepay(&self, prepay_id: &str) -> Option<&Payment> {
        self.payments.get(self.by_prepay.get(prepay_id)?)
    }
    /// The order of WeChat's number.
    pub(super) fn payment_of_transaction(&self, transaction_id: &str) -> Option<&Payment> {
        self.payments.get(self.by_transaction.get(transaction_id)?)
    }
    /// Who has that openid.
    pub(super) fn user_of_openid(&self, openid: &str) -> Option<&User> {
        self.users.get(self.by_openid.get(openid)?)
    }
    /// How many messages of a template somebody agreed to, if they were ever asked.
    pub(super) fn subscription(&self, appid: &str, openid: &str, template_id: &str) -> Option<&Subscription> {
        self.subscriptions.get(&subscription_name(appid, openid, template_id))
    }
    /// The refunds of an order, the oldest first.
    pub(super) fn refunds_of(&self, out_trade_no: &str) -> Vec<&Refund> {
        let numbers = self.refunds_of.get(out_trade_no).map(Vec::as_slice).unwrap_or_default();
        numbers.iter().filter_map(|number| self.refunds.get(number)).collect()
    }
    /// Ids of the callbacks whose attempt is due, the longest due first.
    pub(super) fn due(&self, now: Timestamp) -> Vec<String> {
        self.due.iter().take_while(|(due, _)| *due <= now).map(|(_, id)| id.clone()).collect()
    }
    /// Refunds that leave `PROCESSING` by now.
    pub(super) fn settling(&self, now: Timestamp) -> Vec<Refund> {
        let numbers = self.settling.iter().take_while(|(due, _)| *due <= now);
        numbers.filter_map(|(_, number)| self.refunds.get(number)).cloned().collect()
    }
    /// Orders to which something happens by now.
    pub(super) fn trading(&self, now: Timestamp) -> Vec<Shipment> {
        let numbers = self.trading.iter().take_while(|(due, _)| *due <= now);
        numbers.filter_map(|(_, number)| self.shipments.get(number)).cloned().collect()
    }
    /// When something is due next.
    pub(super) fn next(&self) -> Option<Timestamp> {
        [self.due.first(), self.settling.first(), self.trading.first()].into_iter().flatten().map(|(due, _)| *due).min()
    }
}

fn subscription_name(appid: &str, openid: &str, template_id: &str) -> String {
    format!("{appid}/{openid}/{template_id}")
}

fn lines(records: impl Iterator<Item = Record>) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    for record in records {
        serde_json::to_writer(&mut text, &record).map_err(|source| Error::Journal { line: 0, source })?;
        text.push(b'\n');
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::super::test::Merchant;
    use std::{fs::OpenOptions, io::Write as _, path::PathBuf};

    fn opened(journal: &std::path::Path) -> Merchant {
        Merchant::with(|options| options.journal = Some(PathBuf::from(journal)))
    }

    #[tokio::test]
    async fn the_journal_gives_the_same_ledger_again() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("ledger.jsonl");
        let merchant = opened(&path);
        merchant.prepay("order-1", 100).await;
        merchant.paid("order-2", 200).await;
        merchant.simulator.deliver_due().await.expect("delivered");
        let refund = serde_json::json!({ "out_trade_no": "order-2", "out_refund_no": "r1",
            "amount": { "refund": 50, "total": 200, "currency": "CNY" } });
        assert!(merchant.post("/v3/refund/domestic/refunds", refund).await.status.is_success());
        let code = merchant.simulator.js_code(super::super::test::APPID, "amy").expect("code");
        // A kill in the middle of a write leaves half a line, which was never answered.
        let mut file = OpenOptions::new().append(true).open(&path).expect("journal");
        file.write_all(b"{\"payment\":{\"out_trade_no\":\"order-3").expect("torn");

        for _ in 0..2 {
            let again = opened(&path);
            assert_eq!(again.simulator.ledger(), merchant.simulator.ledger());
            assert_eq!(again.simulator.callbacks(), merchant.simulator.callbacks());
            assert_eq!(again.openid, merchant.openid);
            let (before, after) = (merchant.simulator.lock(), again.simulator.lock());
            assert_eq!((after.next(), after.codes.len()), (before.next(), before.codes.len()));
            assert!(after.codes.get(&code).is_some());
            assert_eq!(after.refunds_of("order-2").len(), 1);
        }
        let lines = std::fs::read_to_string(&path).expect("journal").lines().count();
        let merchant = merchant.simulator.lock();
        let records = merchant.payments.len() + merchant.refunds.len() + merchant.callbacks.len();
        let records = records + merchant.shipments.len();
        assert_eq!(lines, records + merchant.users.len() + merchant.codes.len(), "each record once");
    }

    #[test]
    fn a_damaged_journal_is_not_passed_over() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("ledger.jsonl");
        std::fs::write(&path, "{\"payment\":{}}\n{\"user\":{}}\n").expect("written");
        let opened = super::Ledger::open(Some(&path), super::Timestamp(0));
        assert!(matches!(opened, Err(super::Error::Journal { line: 1, .. })));
    }
}
