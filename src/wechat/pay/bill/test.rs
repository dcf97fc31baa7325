//! Bills as WeChat writes them, and as it should not.

use super::{FundKind, Told, TradeBill, TradeRow, fund::FundBill, open, sheet::Unreadable};
use crate::{
    model::{money::Fen, time::Timestamp},
    wechat::{ErrorKind, desk::Desk},
};
use std::io::Write as _;

const ALL: &str = "\u{feff}交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,\
货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,\
费率,订单金额,申请退款金额,费率备注";
const SUCCESS: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,\
付款银行,货币种类,应结订单金额,代金券金额,商品名称,商户数据包,手续费,费率,订单金额,费率备注";
const REFUND: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,\
货币种类,应结订单金额,代金券金额,退款申请时间,退款成功时间,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,\
商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注";
const TOTALS: &str = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额";
const FUND: &str = "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号";
const FUND_TOTALS: &str = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额";

fn paid(name: &str) -> String {
    format!(
        "`2026-11-22 23:59:59,`wx1,`1900000001,`0,`,`42,`T1,`oA,`JSAPI,`SUCCESS,`OTHERS,`CNY,`9.50,`0.50,`0,`0,`0.00,`0.00,`,`,\
         `{name},`,`0.06000,`0.60%,`10.00,`0.00,`"
    )
}

const BACK: &str = "`2026-11-22 12:00:00,`wx1,`1900000001,`0,`,`41,`T0,`oB,`JSAPI,`REFUND,`OTHERS,`CNY,`0.00,`0.00,`50,`R0,`0.29,\
`0.00,`ORIGINAL,`PROCESSING,`茶,`,`0.00000,`0.60%,`0.00,`0.29,`";

fn bill(name: &str, end: &str) -> String {
    let totals = "`2,`9.50,`0.29,`0.00,`0.06000,`10.00,`0.29";
    [ALL, &paid(name), BACK, TOTALS, totals, ""].join(end)
}

fn fund(row: &str, totals: &str) -> Result<FundBill, Unreadable> {
    FundBill::read(&format!("\u{feff}{FUND}\r\n{row}\r\n{FUND_TOTALS}\r\n{totals}\r\n"))
}

#[test]
fn a_bill_is_read_to_the_fen() {
    let read = TradeBill::read(&bill("龙井", "\r\n")).expect("a bill");
    let [payment, back] = read.rows.as_slice() else { panic!("{read:?}") };
    assert_eq!(Some(payment.at), Timestamp::parse_rfc3339("2026-11-22T23:59:59+08:00"));
    assert_eq!((payment.transaction_id.as_str(), payment.out_trade_no.as_str()), ("42", "T1"));
    assert_eq!((payment.total, payment.settled, payment.refund.as_ref()), (Fen(1000), Fen(950), None));
    let refund = back.refund.as_ref().expect("a refund");
    assert_eq!((refund.refund_id.as_str(), refund.out_refund_no.as_str(), refund.amount), ("50", "R0", Fen(29)));
    assert_eq!((refund.state.as_str(), back.total), ("PROCESSING", Fen::ZERO));
}

#[test]
fn what_a_shop_calls_its_goods_shifts_no_column() {
    let plain = TradeBill::read(&bill("龙井", "\r\n")).expect("a bill");
    for name in [
        "a,b",
        "a\\,b",
        ",",
        "\"a\"",
        "\",\"\"",
        "a\nb,c",
        "\n",
        "总交易单数",
        "1.00",
        " ",
        "🧧",
        "a\r\n\r\nb",
        "a\n,b",
    ] {
        for end in ["\n", "\r\n"] {
            assert_eq!(TradeBill::read(&bill(name, end)), Ok(plain.clone()), "{name:?}");
        }
    }
    assert!(TradeBill::read(&bill("a,`b", "\n")).is_err(), "refused, rather than read with columns shifted");
}

#[test]
fn each_kind_of_bill_has_columns_of_its_own() {
    let success = "`2026-11-22 10:00:00,`wx1,`1900000001,`0,`,`42,`T1,`oA,`JSAPI,`SUCCESS,`OTHERS,`CNY,`0.01,`0.00,`茶,`,`0.00000,\
                   `0.60%,`0.01,`";
    let totals = "总交易单数,应结订单总金额,手续费总金额,订单总金额\n`1,`0.01,`0.00000,`0.01\n";
    let read = TradeBill::read(&format!("{SUCCESS}\n{success}\n{totals}")).expect("payments alone");
    assert_eq!((read.rows[0].total, read.rows[0].refund.clone()), (Fen(1), None));
    let back = BACK.replace("`50,`R0", "`2026-11-22 12:00:00,`,`50,`R0");
    let read = TradeBill::read(&format!("{REFUND}\n{back}\n{TOTALS}\n`1,`0.00,`0.29,`0.00,`0.00000,`0.00,`0.29\n"));
    assert_eq!(read.expect("refunds alone").rows[0].refund.as_ref().map(|refund| refund.amount), Some(Fen(29)));
    let empty = TradeBill::read(&format!("{ALL}\n{TOTALS}\n`0,`0.00,`0.00,`0.00,`0.00000,`0.00,`0.00\n"));
    assert_eq!(empty, Ok(TradeBill::default()));
}

#[test]
fn a_bill_that_is_odd_anywhere_is_refused_whole() {
    let good = bill("茶", "\n");
    for (from, to, error) in [
        ("`2,`9.50", "`3,`9.50", Unreadable::Total("总交易单数")),
        ("`10.00,`0.29\n", "`10.01,`0.29\n", Unreadable::Total("订单总金额")),
        ("`10.00,`0.29\n", "`10.00,`0.30\n", Unreadable::Total("申请退款总金额")),
        ("`10.00,`0.00,`\n", "`10.001,`0.00,`\n", Unreadable::Cell { row: 1, column: "订单金额" }),
        ("`10.00,`0.00,`\n", "`1e1,`0.00,`\n", Unreadable::Cell { row: 1, column: "订单金额" }),
        ("`2026-11-22 23:59:59", "`2026-11-22 25:59:59", Unreadable::Cell { row: 1, column: "交易时间" }),
        ("`42,`T1", "`,`T1", Unreadable::Cell { row: 1, column: "微信订单号" }),
        ("`OTHERS,`CNY,`9.50", "`OTHERS,`USD,`9.50", Unreadable::Cell { row: 1, column: "货币种类" }),
        ("`0.29,`\n", "`0.29\n", Unreadable::Cell { row: 2, column: "number of columns" }),
        ("订单金额,申请退款金额", "订单价,申请退款金额", Unreadable::Missing("订单金额")),
        ("商户订单号", "订单号", Unreadable::Missing("商户订单号")),
    ] {
        let odd = good.replacen(from, to, 1);
        assert_ne!(odd, good, "{from}");
        assert_eq!(TradeBill::read(&odd), Err(error), "{from} → {to}");
    }
    assert_eq!(TradeBill::read(""), Err(Unreadable::Missing("header")));
    // Whatever is cut off, at whatever place, what is left is no bill, nor does it break anything.
    let (whole, lines) = (good.trim_end(), good.lines().count());
    for end in whole.char_indices().map(|(at, _)| at) {
        let cut = &whole[..end];
        assert!(TradeBill::read(cut).is_err(), "{} of {lines} lines", cut.lines().count());
    }
}

#[test]
fn entries_are_told_apart() {
    let row = |kind: &str, way: &str| {
        format!("`2026-11-22 04:21:23,`50000,`1900,`{kind},`{kind},`{way},`0.02,`0.17,`system,`缺货,,`REF4200")
    };
    for (word, kind) in [
        ("交易", FundKind::Trade),
        ("退款", FundKind::Refund),
        ("扣除交易手续费", FundKind::Fee),
        ("提现", FundKind::Other),
    ] {
        let read = fund(&row(word, "支出"), "`1,`0,`0.00,`1,`0.02").expect("a bill");
        let entry = &read.rows[0];
        assert_eq!((entry.kind, entry.income, entry.amount), (kind, false, Fen(2)));
        assert_eq!((entry.business_no.as_str(), entry.flow_no.as_str()), ("50000", "1900"));
    }
    assert!(fund(&row("交易", "收入"), "`1,`1,`0.02,`0,`0.00").expect("a bill").rows[0].income);
    assert_eq!(fund(&row("交易", "收入"), "`1,`0,`0.00,`1,`0.02"), Err(Unreadable::Total("收入笔数")));
    assert_eq!(fund(&row("交易", "收入"), "`1,`1,`0.03,`0,`0.00"), Err(Unreadable::Total("收入金额")));
    assert_eq!(
        fund(&row("交易", "转出"), "`1,`1,`0.02,`0,`0.00"),
        Err(Unreadable::Cell { row: 1, column: "收支类型" })
    );
}

fn packed(text: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(text).expect("packed");
    packer.finish().expect("packed")
}

#[test]
fn only_the_file_whose_hash_was_signed_is_opened() {
    let told = |hash_type: &str, hash: &str| Told {
        hash_type: hash_type.to_owned(),
        hash_value: hash.to_owned(),
        download_url: String::new(),
    };
    // The well-known hash of these three letters.
    let hash = "a9993e364706816aba3e25717850c26c9cd0d89d";
    let open = |packed: &[u8], told: &Told| open("bill", packed, told).map_err(|error| error.code().to_owned());
    assert_eq!(open(&packed(b"abc"), &told("SHA1", hash)), Ok("abc".to_owned()));
    assert_eq!(open(&packed(b"abc"), &told("sha1", &hash.to_uppercase())), Ok("abc".to_owned()));
    assert_eq!(open(&packed(b"abd"), &told("SHA1", hash)), Err("bill_hash".to_owned()));
    assert_eq!(open(&packed(b"abc"), &told("MD5", hash)), Err("bill_hash".to_owned()));
    assert_eq!(open(b"abc", &told("SHA1", hash)), Err("bill_unreadable".to_owned()));
    let torn = packed(b"abc");
    assert_eq!(open(&torn[..torn.len() - 1], &told("SHA1", hash)), Err("bill_unreadable".to_owned()));
}

#[tokio::test]
async fn our_signature_goes_to_wechat_pay_and_nowhere_else() {
    let desk = Desk::open(false).await;
    let base = desk.wechat.0.merchant.base.clone();
    for good in [
        base.join("/v3/billdownload/file?token=x").expect("url").as_str(),
        "https://api.mch.weixin.qq.com/v3/billdownload/file?token=x",
    ] {
        assert_eq!(desk.wechat.file_address("bill", good).expect("an address").as_str(), good);
    }
    for bad in [
        "http://api.mch.weixin.qq.com/v3/billdownload/file",
        "https://api.mch.weixin.qq.com:444/v3/billdownload/file",
        "https://api.mch.weixin.qq.com.evil.example/x",
        "https://api.mch.weixin.qq.com@evil.example/x",
        "http://127.0.0.1:1/x",
        "/v3/billdownload/file",
        "",
    ] {
        let error = desk.wechat.file_address("bill", bad).expect_err(bad);
        assert_eq!((error.kind(), error.code()), (ErrorKind::Forged, "bill_address"), "{bad}");
    }
}

#[test]
fn a_row_of_a_payment_taken_back_is_no_refund() {
    let text = bill("茶", "\n").replacen("`SUCCESS", "`REVOKED", 1);
    let TradeRow { state, refund, .. } = TradeBill::read(&text).expect("a bill").rows.remove(0);
    assert_eq!((state.as_str(), refund), ("REVOKED", None));
}
