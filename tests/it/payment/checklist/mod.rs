//! WeChat Pay's own checklists for merchants (接入质量检查清单, 回调通知处理, 签名与验签规则, 订单状态流转, 排障手册), line by line,
//! in our words: which tests show it, or why it does not concern a shop of one merchant in a mini-program. A test that
//! is named here and does not exist fails the suite. `shown` holds the tests that no other file had a place for.

use std::{collections::BTreeSet, path::Path};

mod shown;

const CALLBACK: &str = "src/wechat/pay/callback.rs";
const CLIENT: &str = "src/wechat/pay/client.rs";
const HERE: &str = "tests/it/payment/checklist/shown.rs";
const LOST: &str = "tests/it/payment/lost.rs";
const MISMATCH: &str = "tests/it/payment/mismatch.rs";
const ONCE: &str = "tests/it/payment/once.rs";
const SEND: &str = "tests/it/refund/send.rs";

/// What a line asks for, and the tests that show it.
type Line = (&'static str, &'static [(&'static str, &'static str)]);

/// Signing and verifying.
const SIGNATURES: &[Line] = &[
    (
        "Requests are signed over five lines, each ended by a line feed, the body exactly as it is sent",
        &[
            ("src/wechat/pay/sign/mod.rs", "every_line_ends_with_a_line_feed"),
            (CLIENT, "a_request_is_signed_as_it_goes_on_the_wire"),
        ],
    ),
    (
        "What the mini-program hands to the cashier is signed over prepay_id=…, not over the bare id",
        &[("src/wechat/pay/order.rs", "the_client_gets_what_it_hands_to_request_payment")],
    ),
    (
        "The order and the call of the cashier are signed by one key",
        &[(HERE, "the_cashier_opens_with_the_key_that_signed_the_order")],
    ),
    (
        "Replies are believed only if WeChat Pay signed them",
        &[(CLIENT, "only_a_reply_that_wechat_pay_signed_is_believed")],
    ),
    (
        "Callbacks are verified before they are read, on the raw bytes, and refused when older than five minutes",
        &[
            (CALLBACK, "headers_are_judged_before_the_body"),
            ("tests/it/payment/forged.rs", "what_is_not_wechats_is_refused_in_its_form_and_changes_nothing"),
            ("tests/it/payment/mutated.rs", "no_mutated_notice_is_taken_or_changes_a_row"),
        ],
    ),
    (
        "A wrong clock is noticed",
        &[
            (
                "src/wechat/pay/skew.rs",
                "genuine_notices_from_another_time_raise_the_clock_alarm_and_forged_ones_do_not",
            ),
            ("src/wechat/pay/skew.rs", "more_than_a_fifth_of_old_notices_is_an_alarm_once_in_ten_minutes"),
        ],
    ),
    (
        "Deliberately wrong signatures (WECHATPAY/SIGNTEST/) are refused with 4xx, and the right ones after them taken",
        &[(ONCE, "wechat_is_told_once_and_stops_calling"), (CLIENT, "a_probe_is_asked_again_once")],
    ),
    (
        "While a merchant is moved from platform certificates to the public key, both are believed",
        &[
            (MISMATCH, "each_mode_of_keys_believes_its_own_and_no_other"),
            (ONCE, "repeated_and_shuffled_notices_have_one_effect_each"),
        ],
    ),
    (
        "Platform certificates are fetched anew within twelve hours and replaced without a gap; an unknown serial costs one \
         question a minute",
        &[
            (HERE, "a_new_platform_certificate_signs_without_a_gap"),
            ("src/wechat/pay/certificate.rs", "the_list_is_downloaded_when_needed_and_once_a_minute_at_most"),
        ],
    ),
    (
        "After the APIv3 key was changed the one before still opens",
        &[(MISMATCH, "the_api_v3_key_before_the_last_change_still_opens")],
    ),
    (
        "Private keys come from files or the environment and are never in the sources or in the log",
        &[("src/config/tests.rs", "a_secret_comes_from_its_file"), ("src/config/tests.rs", "nothing_shows_a_secret")],
    ),
];

/// Orders, queries, closing.
const ORDERS: &[Line] = &[
    ("Numbers are unique; a repeated request is the same one", &[(LOST, "a_lost_reply_costs_nothing")]),
    (
        "Two taps make one order and one payment",
        &[
            ("tests/it/order.rs", "the_same_key_gives_the_same_order"),
            (LOST, "beginning_again_gives_the_same_handle_until_it_grows_old"),
        ],
    ),
    (
        "A prepay_id is good for two hours; a fresh one comes from the same number with the same parameters",
        &[(LOST, "beginning_again_gives_the_same_handle_until_it_grows_old")],
    ),
    (
        "A number that WeChat calls used, or closed, is replaced, one that it calls paid is settled",
        &[
            (LOST, "a_number_that_wechat_will_not_take_is_closed_and_replaced"),
            (LOST, "an_order_that_wechat_says_is_paid_is_paid"),
        ],
    ),
    (
        "No field that WeChat does not know, and no null",
        &[("src/wechat/pay/order.rs", "a_prepay_sends_these_fields_and_no_others")],
    ),
    (
        "The amount is computed on the server, in whole fen",
        &[
            ("src/model/order/test.rs", "a_total_is_computed_here_and_nowhere_else"),
            ("src/model/money.rs", "yuan_are_read_exactly"),
        ],
    ),
    ("The payer is whoever ordered, in that mini-program", &[(LOST, "only_the_account_that_ordered_may_pay")]),
    (
        "What the cashier tells the client proves nothing; WeChat is asked",
        &[(LOST, "the_buyer_who_says_paid_is_not_believed_but_wechat_is")],
    ),
    (
        "Callbacks are not relied on: WeChat is asked by a plan that holds the official moments",
        &[
            ("src/model/payment.rs", "the_plan_holds_all_official_moments_and_no_gap_above_a_minute"),
            (LOST, "a_lost_notice_is_found_by_asking_at_the_planned_times"),
            (LOST, "with_no_callback_ever_each_payment_is_found_within_a_minute"),
        ],
    ),
    (
        "202, 429 and 5xx are no answer: the same is asked again, later",
        &[(LOST, "a_busy_wechat_is_asked_again_with_the_same_number"), (CLIENT, "refusals_become_what_to_do")],
    ),
    (
        "Unpaid orders are closed at WeChat before their stock is given to others",
        &[
            ("tests/it/order.rs", "an_unpaid_order_frees_its_stock"),
            ("tests/it/payment/late.rs", "nothing_is_released_while_wechat_is_away"),
            ("src/wechat/pay/order.rs", "closing_tells_closed_from_paid_and_from_unknown"),
        ],
    ),
    (
        "A state of REFUND means that it was paid",
        &[
            ("src/wechat/pay/types.rs", "an_order_with_a_refund_was_paid"),
            (HERE, "money_that_was_refunded_elsewhere_still_pays"),
        ],
    ),
];

/// Callbacks.
const CALLBACKS: &[Line] = &[
    (
        "The address is https, without query string, and needs no sign-in",
        &[("src/config/tests.rs", "a_real_server_refuses_what_is_unfit"), (HERE, "a_callback_needs_no_sign_in")],
    ),
    (
        "WeChat is answered within its five seconds, whatever the database does",
        &[(HERE, "wechat_is_answered_in_time_though_the_database_is_not")],
    ),
    (
        "Answered first and carried out after, and not forgotten if the process dies between",
        &[("tests/it/payment/notice.rs", "a_callback_that_a_killed_process_acknowledged_is_carried_out")],
    ),
    (
        "The same callback many times, also at once and on several nodes, has one effect",
        &[
            (ONCE, "repeated_and_shuffled_notices_have_one_effect_each"),
            ("tests/it/payment/storm.rs", "a_storm_of_callbacks_on_nodes_that_die_has_each_effect_once"),
        ],
    ),
    (
        "Merchant, mini-program, amount, currency and payer are compared with the order",
        &[(MISMATCH, "money_that_fits_no_order_waits_in_suspense")],
    ),
    (
        "Late or second money is given back",
        &[
            ("tests/it/payment/late.rs", "late_money_goes_back_once_and_the_order_stays_closed"),
            ("tests/it/payment/late.rs", "a_second_payment_of_one_order_goes_back"),
            ("tests/it/payment/matrix.rs", "whatever_races_an_order_has_one_legal_end"),
        ],
    ),
];

/// Refunds.
const REFUNDS: &[Line] = &[
    (
        "A retry carries the same out_refund_no: another number would be another refund",
        &[
            (SEND, "a_lost_reply_makes_no_second_refund"),
            (SEND, "a_request_that_never_arrived_is_sent_again_under_the_same_number"),
        ],
    ),
    (
        "All refunds together never exceed what was paid",
        &[("tests/it/refund/decide.rs", "twenty_requests_at_once_never_exceed_what_was_paid")],
    ),
    (
        "At most 50 refunds of a payment",
        &[("tests/it/refund/decide.rs", "the_fifty_first_refund_of_a_payment_is_refused")],
    ),
    ("A minute lies between two refunds of a payment", &[(SEND, "a_minute_lies_between_two_refunds_of_one_payment")]),
    (
        "Failing refund calls stay below six a second",
        &[
            ("src/wechat/pay/refund.rs", "failing_refunds_stay_below_six_a_second"),
            ("src/wechat/pay/brake.rs", "six_calls_fail_in_the_first_second_and_two_in_any_other"),
        ],
    ),
    (
        "The address of refund callbacks is always sent",
        &[("src/wechat/pay/refund.rs", "a_refund_always_names_its_notice_address")],
    ),
    (
        "200 means accepted, not paid out: refunds are followed by callback and by asking",
        &[
            (SEND, "a_lost_notice_is_found_by_polling"),
            (SEND, "a_notice_that_comes_before_the_reply_counts_and_the_reply_does_not_undo_it"),
        ],
    ),
    (
        "A refund that WeChat closed, or could not hand over, is seen and kept in the books",
        &[
            (SEND, "a_closed_refund_frees_its_amount"),
            (SEND, "what_could_not_be_handed_over_stays_set_aside_until_staff_mend_it"),
        ],
    ),
    ("An empty account is tried again under the same number", &[(SEND, "an_empty_account_is_tried_again")]),
];

/// Bills.
const BILLS: &[Line] = &[
    (
        "Each day is compared with WeChat's bills, fetched after ten the next morning; missed days are caught up",
        &[
            ("tests/it/reconcile/due.rs", "a_day_is_compared_at_half_past_ten_of_the_next"),
            ("tests/it/reconcile/due.rs", "missed_days_are_caught_up_and_only_those"),
        ],
    ),
    (
        "Every difference is found, and none on a day without; a bill's yuan become fen exactly",
        &[
            ("tests/it/reconcile/found.rs", "every_injected_difference_is_found_alone_and_by_its_name"),
            ("tests/it/reconcile/found.rs", "a_day_with_all_that_may_happen_has_no_difference"),
            ("src/model/money.rs", "yuan_are_read_exactly"),
        ],
    ),
];

/// What does not concern this shop, and why.
const ELSEWHERE: &[(&str, &str)] = &[
    ("App, H5 and Native payment, JSAPI in web pages", "the shop sells in mini-programs alone"),
    ("Payment codes (付款码, API v2)", "the shop has no till"),
    ("Combined orders (合单支付)", "one merchant, one order"),
    ("Profit sharing (分账)", "one merchant keeps its money; no order asks for sharing"),
    ("Onboarding of sub-merchants and confirmation of accounts (进件, 开户意愿确认)", "for service providers"),
    ("Query by transaction_id", "one of two ways is asked for; the other one works for unpaid orders too"),
    (
        "Allow lists of WeChat's addresses",
        "a firewall's affair: addresses change and authenticate nobody, signatures do",
    ),
    ("ICP filing and bindings of appid and mchid", "done in WeChat's consoles; a wrong binding is told by the refusal"),
];

const ALL: [&[Line]; 5] = [SIGNATURES, ORDERS, CALLBACKS, REFUNDS, BILLS];

#[test]
fn every_line_names_tests_that_exist() {
    let mut missing: Vec<&(&str, &str)> = Vec::new();
    let mut lines = BTreeSet::new();
    for (line, tests) in ALL.into_iter().flatten() {
        assert!(lines.insert(line), "{line}: twice");
        assert!(!tests.is_empty(), "{line}: shown by nothing");
        missing.extend(tests.iter().filter(|(file, name)| !is_test(file, name)));
    }
    assert!(missing.is_empty(), "no such tests: {missing:#?}");
    assert!(ELSEWHERE.iter().all(|(line, why)| lines.insert(line) && !why.is_empty()));
    assert!(!is_test(HERE, "begun") && !is_test(HERE, "no_such_test"), "a function is no test");
}

/// Whether this function of this file carries the attribute of a test.
fn is_test(file: &str, name: &str) -> bool {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let head = format!("fn {name}(");
    let place = lines.iter().position(|line| line.trim_start_matches("async ").starts_with(&head));
    place.is_some_and(|place| {
        let attributes = lines[..place].iter().rev().take_while(|line| line.starts_with("#["));
        attributes.into_iter().any(|line| line.starts_with("#[test") || line.starts_with("#[tokio::test"))
    })
}
