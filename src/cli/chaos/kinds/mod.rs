//! The kinds of faults, by name. Each is a function that disturbs one thing on purpose and says at once what must hold
//! meanwhile; what must hold afterwards is the same for all and stands in `books`.
//!
//! **How to add one:** a function here in the file of its family, and its line in [`KINDS`].

mod forged;
mod late;
mod notice;
mod race;
mod refund;
mod reply;
mod shop;
mod storm;

use super::scene::Scene;
use std::{future::Future, pin::Pin};

type Played<'a> = Pin<Box<dyn Future<Output = anyhow::Result<()>> + 'a>>;

/// What a kind cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// Any backend will do.
    Nothing,
    /// A clock that can be moved: half an hour has to pass.
    Clock,
    /// A backend that was opened here: it is killed, held up, or set up in a certain way.
    House,
}

/// A kind of fault.
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// What is done, for the report.
    pub(super) what: &'static str,
    pub(super) needs: Needs,
    pub(super) play: for<'a> fn(&'a mut Scene<'_>) -> Played<'a>,
}

macro_rules! kinds {
    ($($name:literal, $what:literal, $needs:ident, $play:path $(, $extra:expr)*;)*) => {
        /// Every kind, in the order they run.
        pub(super) const KINDS: &[Kind] = &[$(Kind {
            name: $name,
            what: $what,
            needs: Needs::$needs,
            play: |scene| Box::pin($play(scene $(, $extra)*)),
        }),*];
    };
}

kinds! {
    "callback_lost", "WeChat never calls; a query must find the payment", Nothing, notice::lost;
    "callback_duplicated", "the same callback 15 times at once", Nothing, notice::duplicated;
    "callback_delayed", "no callback and no query until the order's time is over", Clock, notice::delayed;
    "callback_reordered", "the refund's callback comes before the payment's", Nothing, notice::reordered;
    "callback_before_prepay_reply", "paid although the prepay reply was lost", Nothing, notice::before_reply;
    "callback_alone", "WeChat cannot be asked: only the callback brings the money", Nothing, notice::alone;
    "callback_and_query", "15 callbacks, \"I paid\" and the query job at once", Nothing, notice::and_query;
    "callback_reformatted", "a genuine callback whose JSON is written otherwise", Nothing, notice::reformatted;
    "keys_mixed", "public key and platform certificate sign in turns", House, notice::keys_mixed;
    "api_v3_key_changed", "sealed with the key before, and with nobody's", House, notice::old_key;
    "forged_foreign_key", "signed by a stranger", Nothing, forged::trick, "foreign_key";
    "forged_tampered", "changed after signing", Nothing, forged::trick, "tampered";
    "forged_stale", "a genuine callback ten minutes later", Nothing, forged::trick, "stale";
    "forged_unknown_serial", "signed under a serial nobody knows", Nothing, forged::trick, "unknown_serial";
    "forged_unsigned", "no signature at all", Nothing, forged::trick, "unsigned";
    "callback_probe", "WeChat's SIGNTEST probe, then the callback", Nothing, forged::probe;
    "wrong_amount", "rightly signed, one fen more than the order", Nothing, forged::lie, "wrong_amount";
    "wrong_merchant", "rightly signed, for another merchant", Nothing, forged::lie, "wrong_merchant";
    "wrong_app", "rightly signed, for another mini-program", Nothing, forged::lie, "wrong_app";
    "wrong_payer", "rightly signed, paid by somebody else", Nothing, forged::lie, "wrong_payer";
    "wrong_currency", "rightly signed, in another currency", Nothing, forged::lie, "wrong_currency";
    "callback_misplaced", "a payment's callback at the refunds' address", Nothing, forged::misplaced;
    "prepay_reply_lost", "the prepay reply is lost; the buyer tries again", Nothing, reply::prepay_lost;
    "prepay_refused", "500, 429 and 202 at prepay", Nothing, reply::prepay_refused;
    "query_refused", "500, 429 and 202 at the query, and no callback", Nothing, reply::query_refused;
    "close_refused", "500, 429 and 202 at close; the buyer pays after all", Nothing, reply::close_refused;
    "close_reply_lost", "WeChat closes and the reply is lost", Nothing, reply::close_lost;
    "refund_reply_lost", "WeChat refunds and the reply is lost, twice", Nothing, reply::refund_lost;
    "refund_refused", "500, 429 and 202 at refund", Nothing, reply::refund_refused;
    "refund_without_funds", "the merchant's balance is empty for a while", Nothing, reply::not_enough;
    "replies_probed", "SIGNTEST on replies to prepay, query and close", Nothing, reply::probed;
    "replies_unsigned", "replies without a signature", Nothing, reply::unsigned;
    "wechat_slow", "every call takes a third of a second", Nothing, reply::slow;
    "close_says_paid", "paid in the moment before the close", Nothing, race::paid_at_close;
    "pay_cancel_race", "the buyer pays and cancels at once", Nothing, race::pay_and_cancel;
    "pay_timeout_race", "the buyer pays when the time to pay ends", Clock, race::pay_and_timeout;
    "cancel_repeated", "five cancels at once", Nothing, race::cancel_repeated;
    "order_repeated", "five orders at once with one key", Nothing, race::order_repeated;
    "refund_repeated", "five refunds at once with one key", Nothing, race::refund_repeated;
    "refund_race", "two refunds of the whole at once", Nothing, race::refund_race;
    "order_unpaid", "nobody pays; the stock comes back and WeChat takes no money", Clock, late::unpaid;
    "money_late", "money for an order that was cancelled", Nothing, late::cancelled;
    "money_twice", "two payments of one order", Nothing, late::twice;
    "odd_amounts", "orders of 19.90, 0.29, 1.15, 0.57 and 2.01 yuan", Nothing, refund::odd_amounts;
    "partial_refunds", "19.90 yuan go back in odd parts", Clock, refund::partial;
    "refund_callback_lost", "no refund callback; polling must find it", Nothing, refund::callback_lost;
    "refund_callback_duplicated", "the refund's callback 15 times at once", Nothing, refund::duplicated;
    "refund_callback_forged", "forged callbacks of a refund that WeChat still works on", Nothing, refund::forged;
    "refund_abnormal", "WeChat cannot hand the money over", Nothing, refund::abnormal;
    "refund_closed", "WeChat closes the refund; another one succeeds", Clock, refund::closed;
    "shop_away", "the shop is down when WeChat calls", House, shop::away;
    "shop_killed_at_callback", "killed while callbacks are answered", House, shop::killed_at_callback;
    "shop_killed_after_callback", "killed right after a callback was acknowledged", House, shop::killed_after_callback;
    "shop_killed_at_refund", "killed while a refund is sent", House, shop::killed_at_refund;
    "database_held", "the database has no connection when a callback comes", House, shop::database_held;
    "everything_at_once", "six orders, many faults, and the shop killed twice", House, storm::everything;
}

/// The kind of that name.
pub(super) fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_more_than_twenty_kinds_each_with_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> = KINDS.iter().map(|kind| kind.name).collect();
        assert!(names.len() == KINDS.len() && names.len() >= 50, "{}", names.len());
        let anywhere = KINDS.iter().filter(|kind| kind.needs == Needs::Nothing).count();
        assert!(anywhere >= 20, "{anywhere} run against any backend");
        assert!(find("callback_lost").is_some() && find("").is_none());
    }
}
