//! Our own codes: the reason stands with each noun (`CODES`) and in README; here is the same in Chinese, and what to do.

/// Code, reason in Chinese, what to do in Chinese and in English.
type Line = (&'static str, &'static str, &'static str, &'static str);

const LOAD: (&str, &str) = ("重新读取后再试", "load it again, then try");
const FIX: (&str, &str) = ("改正请求后再发", "correct the request");
const NAME: (&str, &str) = ("核对 id；别人的东西也显示为不存在", "check the id; somebody else's reads as missing too");
const SIGN_IN: (&str, &str) = ("重新登录", "sign in again");
const LATER: (&str, &str) = (
    "按 Retry-After 稍后重试，写请求用同一个 Idempotency-Key",
    "come back after Retry-After, a write with the same Idempotency-Key",
);
const STATE: (&str, &str) = ("看返回的 state，状态变了就按新状态处理", "see state in the answer, and act on that");

const fn line(code: &'static str, zh: &'static str, act: (&'static str, &'static str)) -> Line {
    (code, zh, act.0, act.1)
}

pub(super) const LINES: &[Line] = &[
    line("address.not_found", "没有这个地址", NAME),
    line("address.too_many", "已有 20 个地址", ("先删除一个", "remove one first")),
    line("cart.full", "购物车已满", ("先移除一些商品", "remove something first")),
    line("cart.sku_missing", "没有这个 SKU", NAME),
    line(
        "cloud.caller_missing",
        "云托管网关没有给出调用者",
        (
            "只在微信云托管里、通过 wx.cloud.callContainer 调用，并设 server.cloud_run = true；其他部署用 /v1/login",
            "call through wx.cloud.callContainer within Cloud Run, with server.cloud_run = true; elsewhere use /v1/login",
        ),
    ),
    line("difference.not_confirmed", "微信不确认账单所说", ("在商户平台核对", "compare in the merchant's console")),
    line("difference.not_found", "没有这条差异", NAME),
    line(
        "difference.not_repairable",
        "这种差异不能靠查询修复",
        ("人工核对后忽略并写明原因", "look at it, then dismiss it with a note"),
    ),
    line("difference.remains", "微信现在的回答也消不掉差异", ("人工核对", "a person must look")),
    line("difference.state_forbids", "差异的状态不允许", STATE),
    line("figure.grain_wrong", "人数只按天统计", FIX),
    line("figure.period_wrong", "from 晚于 to，或天数太多", FIX),
    line("event.consumer_missing", "没有这个消费者，或它没读过这个分区", ("weizhan events lag", "weizhan events lag")),
    line("event.place_missing", "日志里没有这个位置（已删除或还没有）", FIX),
    line(
        "event.too_many",
        "事件来得比写得快，这个请求一条也没收",
        (
            "按 Retry-After 稍后原样再发；一直如此就看数据库",
            "send the same again later; if it stays so, look at the database",
        ),
    ),
    line("flag.changed", "开关刚被改过", LOAD),
    line("flag.not_found", "没有这个开关", NAME),
    line("flag.range_empty", "version_min 大于 version_max", FIX),
    line("flag.too_many", "已有 200 个开关", ("删除不再需要的", "remove one that is not needed any more")),
    line("http.body_timeout", "请求体到得太慢", ("检查网络；上传小一些", "look at the network; send less")),
    line(
        "http.body_too_large",
        "请求体过大",
        ("缩小请求；上限 server.body_bytes_max", "send less; the limit is server.body_bytes_max"),
    ),
    line("http.body_unreadable", "请求体中断", ("重发", "send it again")),
    line("http.invalid", "字段不合要求", ("看 errors 里的 pointer", "see the pointers in errors")),
    line("http.json_malformed", "不是 JSON", FIX),
    line(
        "http.method_not_allowed",
        "地址不支持该方法",
        ("看 Allow 头；wx.request 没有 PATCH，用 PUT", "see the header Allow; updates are PUT"),
    ),
    line("http.not_found", "地址不存在", ("对照 /docs", "compare with /docs")),
    line("http.not_json", "Content-Type 不是 application/json", ("设置 content-type", "set content-type")),
    line(
        "idempotency.key_missing",
        "缺少 Idempotency-Key",
        ("每个意图生成一个 16 到 255 个可见字符的键", "make a key of 16 to 255 visible characters for each intention"),
    ),
    line("idempotency.key_reused", "同一个键用于不同的请求", ("新意图用新键", "a new intention needs a new key")),
    line("job.not_found", "没有这个任务", NAME),
    line("job.state_forbids", "任务状态不允许", STATE),
    line(
        "limit.too_many",
        "请求过于频繁",
        (
            "按 Retry-After 稍后再来；限额在 [limits]；前面有代理时检查 server.trusted_proxies",
            "come back after Retry-After; limits stand in [limits]; behind a proxy check server.trusted_proxies",
        ),
    ),
    line("notice.not_found", "没有这个回调", NAME),
    line(
        "notice.sealed",
        "新旧 APIv3 密钥都解不开",
        ("把旧密钥放进 pay.previous_api_v3_key", "put the old key into pay.previous_api_v3_key"),
    ),
    line("object.not_found", "没有这个文件", NAME),
    line("order.address_missing", "没有这个地址", NAME),
    line("order.changed", "订单刚被改过", LOAD),
    line("order.empty", "订单没有商品", FIX),
    line("order.expired", "支付时间已过", ("重新下单", "place another order")),
    line("order.not_found", "没有这个订单", NAME),
    line("order.not_on_sale", "商品已下架", ("从购物车移除", "take it out of the cart")),
    line(
        "order.out_of_stock",
        "库存不足",
        ("减少数量；员工可在后台调整库存", "order fewer; staff can adjust the stock"),
    ),
    line(
        "order.price_changed",
        "价格变了",
        ("显示新总价让用户确认后再下单", "show the new total and let the buyer confirm"),
    ),
    line("order.quantity_invalid", "数量超出范围", FIX),
    line("order.sku_missing", "没有这个 SKU", NAME),
    line("order.state_forbids", "订单状态不允许", STATE),
    line("order.too_many_lines", "订单行数过多", ("分成几单", "make several orders")),
    line("order.total_invalid", "总价超出范围", FIX),
    line("page.cursor_invalid", "游标不是这个列表的", ("从第一页重新开始", "begin with the first page")),
    line("payment.expired", "支付时间已过", ("重新下单", "place another order")),
    line("payment.order_not_found", "没有这个订单", NAME),
    line(
        "payment.payer_differs",
        "订单是另一个小程序账号下的",
        ("用下单的账号支付", "pay with the account that ordered"),
    ),
    line("payment.state_forbids", "订单状态不允许支付", STATE),
    line(
        "payment.wechat_refused",
        "微信支付拒绝",
        ("对 reason 里的码再运行 weizhan explain", "run weizhan explain with the code in reason"),
    ),
    line("product.category_missing", "没有这个分类", NAME),
    line("product.changed", "商品刚被改过", LOAD),
    line("product.not_found", "没有这个商品", NAME),
    line("product.sku_missing", "商品没有这个 SKU", NAME),
    line("reconciliation.day_invalid", "只能对账到昨天，最多往前 90 天", FIX),
    line("refund.not_found", "没有这个退款", NAME),
    line("refund.order_not_found", "没有这个订单", NAME),
    line("refund.order_state_forbids", "订单状态不允许退款", STATE),
    line("refund.retried", "已用新单号重试过", ("看新的退款", "see the new refund")),
    line("refund.state_forbids", "退款状态不允许", STATE),
    line("refund.too_many", "一笔支付最多 50 次退款", ("合并退款", "refund more at once")),
    line("refund.too_much", "超过可退金额", ("不超过 left", "no more than is left")),
    line("refund.too_old", "支付已超过 365 天", ("线下处理", "settle it outside of WeChat")),
    line("server.busy", "正忙，或数据库暂不可用", LATER),
    line("server.fault", "程序内部错误", ("用 request_id 查日志并报告", "find request_id in the log and report it")),
    line("server.timeout", "处理超时，可能仍会完成", LATER),
    line("setting.changed", "设置刚被改过", LOAD),
    line(
        "setting.not_found",
        "运行中不能改这个设置",
        (
            "改配置文件并重启；可改的见 GET /admin/v1/settings",
            "change the file and restart; GET /admin/v1/settings lists what can be changed",
        ),
    ),
    line("setting.unfit", "值不合要求", FIX),
    line("shipment.logistics_differs", "后续包裹的方式与第一个不同", FIX),
    line("shipment.not_split", "只有快递能分次发货", FIX),
    line("shipment.nothing_sent", "还没有发过货", ("先发货", "send it first")),
    line("shipment.parcel_missing", "快递要填公司和单号", FIX),
    line("shipment.parcel_twice", "包裹写了两遍", FIX),
    line("shipment.parcel_unwanted", "非快递不要填包裹", FIX),
    line("shipment.too_many_parcels", "最多 15 个包裹", ("合并包裹", "join some")),
    line(
        "staff.forbidden",
        "缺少权限",
        ("让有权限的同事处理，或新建带该权限的账号", "ask somebody who may, or make an account that has it"),
    ),
    line("staff.name_taken", "名字已被占用", ("换一个", "take another")),
    line(
        "staff.sign_in_wrong",
        "名字或密码错误",
        ("重试；忘记时用 weizhan admin 新建账号", "try again; weizhan admin makes another account"),
    ),
    line("stock.not_enough", "库存不够扣", FIX),
    line("stock.not_found", "没有这个 SKU", NAME),
    line("suspense.booked", "这笔钱已在订单账上", ("重试或忽略", "retry or dismiss")),
    line("suspense.not_found", "没有这笔挂账", NAME),
    line(
        "suspense.not_ours",
        "单号不是本店的",
        ("在收款的系统退款，或忽略并写明", "refund it where it was sold, or dismiss it with a note"),
    ),
    line("suspense.ours", "微信确认这笔钱属于本店", ("退款或重试，不能忽略", "send it back or retry")),
    line("suspense.resolved", "这笔钱已处理", STATE),
    line("suspense.unconfirmed", "微信不确认这笔支付", ("在商户平台核对", "compare in the merchant's console")),
    line("token.expired", "令牌过期", ("用 refresh_token 换新", "exchange the refresh token")),
    line("token.invalid", "令牌无效", SIGN_IN),
    line("token.missing", "没有令牌", SIGN_IN),
    line(
        "token.reused",
        "刷新令牌被重复使用，登录已结束",
        ("重新登录；若不是自己所为，说明令牌泄露", "sign in again; if it was not you, the token leaked"),
    ),
    line("token.revoked", "登录已结束", SIGN_IN),
    line("user.app_unknown", "服务器没有配置这个 appid", ("加进 wechat.apps", "add it to wechat.apps")),
    line("user.disabled", "账号已停用", ("联系店铺", "speak to the shop")),
    line("user.not_found", "没有这个用户", NAME),
    line("user.phone_taken", "手机号属于别的账号", ("用那个账号登录", "sign in with that account")),
    line("wechat.busy", "微信没有回答", LATER),
    line(
        "wechat.code_invalid",
        "微信不接受 code",
        ("重新调用 wx.login；详见 weizhan explain 40029", "call wx.login again; see weizhan explain 40029"),
    ),
    line("wechat.too_many", "微信要求放慢", LATER),
    line(
        "wechat.user_blocked",
        "微信拦截了该用户",
        ("不要重试；详见 weizhan explain 40226", "do not try again; see weizhan explain 40226"),
    ),
];
