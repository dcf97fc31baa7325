//! Books that agree, and one mutant for each thing they can say against each other.

use super::{
    books::{Order, examine},
    violation::Invariant,
};
use serde_json::{Value, json};

fn order() -> Order {
    Order { id: "7".into(), total_fen: 1990, token: String::new(), openid: "oA".into(), goods: 0, qty: 1 }
}

fn seen() -> Value {
    json!({
        "state": "paid", "total_fen": 1990, "refunded_fen": 29,
        "payments": [{ "transaction_id": "t1", "total_fen": 1990, "accepted": true }],
        "refunds": [{ "out_refund_no": "R1", "amount_fen": 29, "state": "succeeded", "cause": "staff" }],
        "history": [
            { "version": 1, "step": "place", "from_state": null, "to_state": "pending" },
            { "version": 2, "step": "pay", "from_state": "pending", "to_state": "paid" },
        ],
    })
}

fn truth() -> Value {
    json!({
        "payments": [{ "openid": "oA", "out_trade_no": "n1", "transaction_id": "t1", "total_fen": 1990, "state": "REFUND" }],
        "refunds": [{ "out_refund_no": "R1", "transaction_id": "t1", "refund_fen": 29, "status": "SUCCESS" }],
        "callbacks": [{ "subject": "n1", "attempts": [{ "status": 204, "trick": "none", "fooled": false }] }],
    })
}

#[test]
fn books_that_agree_say_nothing() {
    assert_eq!(examine(&order(), &seen(), &truth()), []);
}

#[test]
fn every_difference_is_seen() {
    let other =
        json!({ "openid": "oA", "out_trade_no": "n2", "transaction_id": "t2", "total_fen": 1990, "state": "SUCCESS" });
    let open =
        json!({ "openid": "oA", "out_trade_no": "n2", "transaction_id": null, "total_fen": 1990, "state": "NOTPAY" });
    let refund = json!({ "out_refund_no": "R2", "transaction_id": "t1", "refund_fen": 29, "status": "SUCCESS" });
    let step = json!({ "version": 3, "step": "pay", "from_state": "closed", "to_state": "paid" });
    let close = json!({ "version": 2, "step": "close", "from_state": "pending", "to_state": "closed" });
    // Whose document, the place in it, what stands there instead (appended to a list), what is said.
    let mutants: [(&str, &str, Value, Invariant); 17] = [
        ("seen", "/payments/0/accepted", json!(false), Invariant::Paid),
        ("seen", "/state", json!("pending"), Invariant::Paid),
        ("seen", "/payments/0/transaction_id", json!("t9"), Invariant::Paid),
        ("seen", "/payments/0/total_fen", json!(1991), Invariant::Amount),
        ("seen", "/total_fen", json!(1989), Invariant::Amount),
        ("truth", "/payments/0/total_fen", json!(1989), Invariant::Amount),
        ("truth", "/payments", other, Invariant::Money),
        ("truth", "/refunds", refund, Invariant::Refund),
        ("truth", "/refunds/0/status", json!("CLOSED"), Invariant::Refund),
        ("truth", "/refunds/0/refund_fen", json!(28), Invariant::Refund),
        ("truth", "/refunds/0/refund_fen", json!(2000), Invariant::Refund),
        ("seen", "/refunded_fen", json!(58), Invariant::Refund),
        ("seen", "/history", step, Invariant::History),
        ("seen", "/history/1/version", json!(3), Invariant::History),
        ("seen", "/history/1", close, Invariant::History),
        ("seen", "/history/1/from_state", json!("closed"), Invariant::History),
        ("truth", "/callbacks/0/attempts/0/fooled", json!(true), Invariant::Forged),
    ];
    for (whose, place, value, said) in mutants {
        let (mut seen, mut truth) = (seen(), truth());
        let document = if whose == "seen" { &mut seen } else { &mut truth };
        match document.pointer_mut(place) {
            Some(Value::Array(rows)) => rows.push(value),
            Some(old) => *old = value,
            None => panic!("{place} is not there"),
        }
        let breaks = examine(&order(), &seen, &truth);
        assert!(breaks.iter().any(|(invariant, ..)| *invariant == said), "{place}: {breaks:?}");
    }
    let (mut seen, mut truth) = (seen(), truth());
    seen["state"] = json!("closed");
    truth["payments"].as_array_mut().expect("a list").push(open);
    let breaks = examine(&order(), &seen, &truth);
    assert!(breaks.iter().any(|(invariant, ..)| *invariant == Invariant::Closed), "{breaks:?}");
}
