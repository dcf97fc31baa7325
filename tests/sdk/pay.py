"""A merchant in Python, with an SDK that knows nothing of us, against the simulator: prepay, query, close, refund,
callbacks and bills, once with the WeChat Pay public key and once with platform certificates.

Usage: pay.py SETTINGS, the file that `weizhan simulator` writes.
"""

import gzip
import hashlib
import http.server
import json
import queue
import sys
import threading
import time
import tomllib
import traceback
import uuid

import requests
from wechatpayv3 import WeChatPay, WeChatPayType

GATEWAY = "https://api.mch.weixin.qq.com"
PATIENCE_S = 30


class Notices(http.server.ThreadingHTTPServer):
    """Where WeChat calls back. Takes everything, and keeps it."""

    def __init__(self):
        self.arrived = queue.Queue()
        notices = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                notices.arrived.put((dict(self.headers), body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/notice"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Shop:
    """One merchant in one of the two ways of trusting WeChat."""

    def __init__(self, settings, notices, by_public_key):
        self.notices, self.by_public_key, pay = notices, by_public_key, settings["pay"]
        self.base, app = pay["base_url"].rstrip("/"), settings["wechat"]["apps"][0]
        self.appid, self.secret = app["appid"], read(app["secret_file"])
        faults = {"callback_key": "public_key" if by_public_key else "certificate"}
        requests.put(f"{self.base}/_simulator/api/faults", json=faults).raise_for_status()
        trust = {"public_key": read(pay["public_key_file"]), "public_key_id": pay["public_key_id"]}
        self.sdk = WeChatPay(
            wechatpay_type=WeChatPayType.MINIPROG,
            mchid=pay["mchid"],
            private_key=read(pay["merchant_key_file"]),
            cert_serial_no=pay["merchant_serial"],
            appid=self.appid,
            apiv3_key=read(pay["api_v3_key_file"]),
            notify_url=notices.url,
            **(trust if by_public_key else {}),
        )
        self.openid = self.log_in()

    def wechat(self, path, body=None):
        """Press a button of the simulator."""
        answer = requests.post(f"{self.base}/_simulator/api/{path}", json=body)
        assert answer.ok, f"{path}: {answer.text}"
        return answer.json()

    def log_in(self):
        user = self.wechat("users", {"name": "小明"})["id"]
        code = self.wechat(f"users/{user}/js_code", {"appid": self.appid})["code"]
        query = {"appid": self.appid, "secret": self.secret, "js_code": code, "grant_type": "authorization_code"}
        return requests.get(f"{self.base}/sns/jscode2session", params=query).json()["openid"]

    def order(self):
        """A new order; its number and the handle to pay it."""
        number = uuid.uuid4().hex
        code, body = self.sdk.pay(
            description="龙井 50 克", out_trade_no=number, amount={"total": 1990}, payer={"openid": self.openid}
        )
        assert code == 200, body
        return number, json.loads(body)["prepay_id"]

    def query(self, number):
        code, body = self.sdk.query(out_trade_no=number)
        assert code == 200, body
        return json.loads(body)

    def notice(self, event, subject):
        """Wait for a notice about this; as the SDK opens it, and as it came."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            headers, body = self.notices.arrived.get(timeout=max(0.01, deadline - time.monotonic()))
            opened = self.sdk.callback(headers, body)
            assert opened, f"the SDK refuses {body}"
            resource = opened["resource"]
            if opened["event_type"] == event and subject in (resource.get("out_trade_no"), resource.get("out_refund_no")):
                return resource, headers, body

    # What is claimed, in the order in which it happens.

    def an_order_is_paid_with_what_the_sdk_signs(self):
        self.number, prepay = self.order()
        assert self.query(self.number)["trade_state"] == "NOTPAY"
        stamp, nonce, package = str(int(time.time())), uuid.uuid4().hex, f"prepay_id={prepay}"
        sign = self.sdk.sign([self.appid, stamp, nonce, package])
        call = {"timeStamp": stamp, "nonceStr": nonce, "package": package, "signType": "RSA", "paySign": sign}
        assert self.wechat("cashier", call)["total_fen"] == 1990
        assert self.wechat(f"payments/{self.number}/pay")["state"] == "SUCCESS"

    def the_sdk_opens_the_callback(self):
        resource, headers, body = self.notice("TRANSACTION.SUCCESS", self.number)
        assert resource["trade_state"] == "SUCCESS" and resource["amount"]["total"] == 1990, resource
        assert resource["payer"]["openid"] == self.openid
        serial = {name.lower(): value for name, value in headers.items()}["wechatpay-serial"]
        assert serial.startswith("PUB_KEY_ID_") == self.by_public_key, f"signed by {serial}"
        assert self.sdk.callback(headers, body.replace(b"TRANSACTION", b"TRANSACTIOM")) is None, "a forgery"

    def the_sdk_sees_it_paid(self):
        paid = self.query(self.number)
        assert paid["trade_state"] == "SUCCESS" and paid["amount"]["payer_total"] == 1990, paid
        code, body = self.sdk.query(transaction_id=paid["transaction_id"])
        assert code == 200 and json.loads(body)["out_trade_no"] == self.number

    def an_order_is_closed(self):
        number, _ = self.order()
        code, body = self.sdk.close(out_trade_no=number)
        assert code == 204, body
        assert self.query(number)["trade_state"] == "CLOSED"

    def a_refund_is_asked_for_once(self):
        self.refund = uuid.uuid4().hex
        ask = {"out_refund_no": self.refund, "out_trade_no": self.number, "reason": "少了一包"}
        for _ in range(2):
            code, body = self.sdk.refund(amount={"refund": 500, "total": 1990, "currency": "CNY"}, **ask)
            assert code == 200 and json.loads(body)["amount"]["refund"] == 500, body

    def the_sdk_opens_the_callback_of_the_refund(self):
        resource, _, _ = self.notice("REFUND.SUCCESS", self.refund)
        assert resource["refund_status"] == "SUCCESS" and resource["amount"]["refund"] == 500, resource

    def the_sdk_sees_it_refunded(self):
        code, body = self.sdk.query_refund(out_refund_no=self.refund)
        assert code == 200 and json.loads(body)["status"] == "SUCCESS", body
        assert self.query(self.number)["trade_state"] == "REFUND"

    def bill(self, code, told):
        """A bill as it was signed for; its lines as lists of what follows each backtick."""
        assert code == 200, told
        told = json.loads(told)
        code, zipped = self.sdk.download_bill(told["download_url"].replace(self.base, GATEWAY))
        assert code == 200, zipped
        bill = gzip.decompress(zipped)
        assert hashlib.sha1(bill).hexdigest() == told["hash_value"]
        return [line.split(",") for line in bill.decode("utf-8-sig").replace("`", "").splitlines()]

    def the_trade_bill_tells_the_payment_and_the_refund(self):
        today = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 8 * 3600))
        head, *rows = self.bill(*self.sdk.trade_bill(today))
        ours = [dict(zip(head, row)) for row in rows if self.number in row]
        told = sorted((row["交易状态"], row["订单金额"], row["申请退款金额"]) for row in ours)
        assert told == [("REFUND", "0.00", "5.00"), ("SUCCESS", "19.90", "0.00")], told

    def the_fund_flow_bill_tells_them_too(self):
        today = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 8 * 3600))
        head, *rows = self.bill(*self.sdk.fundflow_bill(today))
        told = {(row["收支类型"], row["收支金额(元)"]) for row in (dict(zip(head, row)) for row in rows[:-2])}
        assert {("收入", "19.90"), ("支出", "5.00")} <= told, told

    def a_refusal_is_one(self):
        code, body = self.sdk.query(out_trade_no="never-ordered")
        assert code == 404 and json.loads(body)["code"] == "ORDER_NOT_EXIST", body

    CLAIMS = (
        an_order_is_paid_with_what_the_sdk_signs,
        the_sdk_opens_the_callback,
        the_sdk_sees_it_paid,
        an_order_is_closed,
        a_refund_is_asked_for_once,
        the_sdk_opens_the_callback_of_the_refund,
        the_sdk_sees_it_refunded,
        the_trade_bill_tells_the_payment_and_the_refund,
        the_fund_flow_bill_tells_them_too,
        a_refusal_is_one,
    )


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read().strip()


def redirect_to(base):
    """The SDK has the address of WeChat Pay built in: send what goes there to the simulator, and nothing else."""
    request = requests.Session.request

    def redirected(session, method, url, **options):
        session.trust_env = False
        return request(session, method, url.replace(GATEWAY, base.rstrip("/")), **options)

    requests.Session.request = redirected


def main():
    with open(sys.argv[1], "rb") as file:
        settings = tomllib.load(file)
    redirect_to(settings["pay"]["base_url"])
    notices, passed, failed = Notices(), 0, 0
    for by_public_key in (True, False):
        mode, shop = "public key" if by_public_key else "certificates", None
        for claim in Shop.CLAIMS:
            name = f"{mode}: {claim.__name__}"
            try:
                # Trusting WeChat is part of what is tried: certificates are fetched here.
                shop = shop or Shop(settings, notices, by_public_key)
                claim(shop)
            except Exception:
                failed += 1
                print(f"✗ {name}\n{traceback.format_exc()}")
            else:
                passed += 1
                print(f"✓ {name}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
