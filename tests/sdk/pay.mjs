// A merchant in JavaScript, with an SDK that knows nothing of us, against the simulator: prepay, query, close, refund,
// callbacks and bills, once with the WeChat Pay public key and once with platform certificates.
//
// Usage: node pay.mjs BASE, the address of a running simulator; the SDK is installed beside this file.

import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { gunzipSync } from "node:zlib";

const { Wechatpay, Rsa, Aes, Formatter } = createRequire(import.meta.url)("wechatpay-axios-plugin");
const base = process.argv[2].replace(/\/$/, "");
const PATIENCE_MS = 30_000;
const EVENTS = { payment: "TRANSACTION.SUCCESS", refund: "REFUND.SUCCESS" };

// Press a button of the simulator, or look at it.
async function simulator(path, method = "GET", body) {
  const options = { method, headers: { "content-type": "application/json" }, body: body && JSON.stringify(body) };
  const answer = await fetch(`${base}/_simulator/api/${path}`, options);
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  return answer.json();
}

// Where WeChat calls back. Takes everything, and keeps it.
class Notices {
  constructor() {
    this.arrived = [];
    this.server = createServer(async (request, response) => {
      const pieces = [];
      for await (const piece of request) pieces.push(piece);
      this.arrived.push({ headers: request.headers, body: Buffer.concat(pieces).toString() });
      this.wake?.();
      response.writeHead(204).end();
    });
  }
  async open() {
    await new Promise((done) => this.server.listen(0, "127.0.0.1", done));
    this.url = `http://127.0.0.1:${this.server.address().port}/notice`;
    return this;
  }
  async next() {
    if (this.arrived.length === 0) {
      await new Promise((done, give_up) => {
        const timer = setTimeout(() => give_up(new Error("no notice came")), PATIENCE_MS);
        this.wake = () => (clearTimeout(timer), done());
      });
    }
    return this.arrived.shift();
  }
}

// One merchant in one of the two ways of trusting WeChat.
class Shop {
  static async open(materials, notices, byPublicKey) {
    const shop = Object.assign(new Shop(), { materials, notices, byPublicKey, appid: materials.apps[0].appid });
    await simulator("faults", "PUT", { callback_key: byPublicKey ? "public_key" : "certificate", bill: [{ trick: "at_once" }] });
    const sdk = (certs, headers) =>
      new Wechatpay({
        baseURL: `${base}/`,
        mchid: materials.mchid,
        serial: materials.merchant_serial,
        privateKey: materials.merchant_key_pem,
        certs,
        headers,
      });
    if (byPublicKey) {
      shop.certs = { [materials.public_key_id]: materials.public_key_pem };
      shop.sdk = sdk(shop.certs, { "Wechatpay-Serial": materials.public_key_id });
    } else {
      // The first list of certificates proves itself: only who has the APIv3 key can have sealed it.
      const first = sdk({ none: materials.public_key_pem });
      const unverified = [(text) => JSON.parse(text)];
      const { data } = await first.v3.certificates.get({ transformResponse: unverified });
      shop.certs = {};
      for (const { serial_no: serial, encrypt_certificate: sealed } of data.data) {
        shop.certs[serial] = shop.unseal(sealed);
      }
      shop.sdk = sdk(shop.certs);
    }
    const user = (await simulator("users", "POST", { name: "小明" })).id;
    const { code } = await simulator(`users/${user}/js_code`, "POST", { appid: shop.appid });
    const query = new URLSearchParams({
      appid: shop.appid,
      secret: materials.apps[0].secret,
      js_code: code,
      grant_type: "authorization_code",
    });
    shop.openid = (await (await fetch(`${base}/sns/jscode2session?${query}`)).json()).openid;
    return shop;
  }

  unseal({ ciphertext, nonce, associated_data: data }) {
    return Aes.AesGcm.decrypt(ciphertext, this.materials.api_v3_key, nonce, data);
  }

  async order() {
    const number = randomUUID().replaceAll("-", "");
    const { data } = await this.sdk.v3.pay.transactions.jsapi.post({
      appid: this.appid,
      mchid: this.materials.mchid,
      description: "龙井 50 克",
      out_trade_no: number,
      notify_url: this.notices.url,
      amount: { total: 1990, currency: "CNY" },
      payer: { openid: this.openid },
    });
    return [number, data.prepay_id];
  }

  async query(number) {
    const params = { mchid: this.materials.mchid };
    const { data } = await this.sdk.v3.pay.transactions.outTradeNo.$out_trade_no$.get({ params, out_trade_no: number });
    return data;
  }

  // Wait for a notice about this; opened by the SDK.
  async notice(event, subject) {
    for (;;) {
      const { headers, body } = await this.notices.next();
      const signed = (text) =>
        Rsa.verify(
          Formatter.response(headers["wechatpay-timestamp"], headers["wechatpay-nonce"], text),
          headers["wechatpay-signature"],
          this.certs[headers["wechatpay-serial"]],
        );
      assert.equal(headers["wechatpay-serial"].startsWith("PUB_KEY_ID_"), this.byPublicKey);
      assert.ok(signed(body), "the SDK refuses a notice");
      assert.ok(!signed(body.replace("TRANSACTION", "TRANSACTIOM").replace("REFUND", "REFUNT")), "a forgery passes");
      const told = JSON.parse(body);
      const resource = JSON.parse(this.unseal(told.resource));
      if (told.event_type === event && [resource.out_trade_no, resource.out_refund_no].includes(subject)) {
        return resource;
      }
    }
  }

  // A bill as the SDK reads it.
  async bill(kind, query) {
    const day = new Date(Date.now() + 8 * 3600e3).toISOString().slice(0, 10);
    const { data: told } = await this.sdk.v3.bill[kind].get({ params: { bill_date: day, tar_type: "GZIP", ...query } });
    const params = Object.fromEntries(new URL(told.download_url).searchParams);
    const { data: zipped } = await this.sdk.v3.billdownload.file.get({ params, responseType: "arraybuffer" });
    const bill = gunzipSync(zipped);
    assert.equal(told.hash_value, createHash("sha1").update(bill).digest("hex"));
    return Formatter.castCsvBill(bill);
  }

  claims = {
    "an order is paid with what the SDK signs": async () => {
      let prepay;
      [this.number, prepay] = await this.order();
      assert.equal((await this.query(this.number)).trade_state, "NOTPAY");
      const call = {
        timeStamp: `${Formatter.timestamp()}`,
        nonceStr: Formatter.nonce(),
        package: `prepay_id=${prepay}`,
        signType: "RSA",
      };
      const message = [this.appid, call.timeStamp, call.nonceStr, call.package, ""].join("\n");
      call.paySign = Rsa.sign(message, this.materials.merchant_key_pem);
      assert.equal((await simulator("cashier", "POST", call)).total_fen, 1990);
      assert.equal((await simulator(`payments/${this.number}/pay`, "POST")).state, "SUCCESS");
    },
    "the SDK opens the callback": async () => {
      const resource = await this.notice(EVENTS.payment, this.number);
      assert.deepEqual([resource.trade_state, resource.amount.total], ["SUCCESS", 1990]);
      assert.equal(resource.payer.openid, this.openid);
    },
    "the SDK sees it paid": async () => {
      assert.equal((await this.query(this.number)).trade_state, "SUCCESS");
    },
    "an order is closed": async () => {
      const [number] = await this.order();
      const { status } = await this.sdk.v3.pay.transactions.outTradeNo.$out_trade_no$.close.post(
        { mchid: this.materials.mchid },
        { out_trade_no: number },
      );
      assert.equal(status, 204);
      assert.equal((await this.query(number)).trade_state, "CLOSED");
    },
    "a refund is asked for once": async () => {
      this.refund = randomUUID().replaceAll("-", "");
      for (let time = 0; time < 2; time += 1) {
        const { data } = await this.sdk.v3.refund.domestic.refunds.post({
          out_trade_no: this.number,
          out_refund_no: this.refund,
          reason: "少了一包",
          notify_url: this.notices.url,
          amount: { refund: 500, total: 1990, currency: "CNY" },
        });
        assert.equal(data.amount.refund, 500);
      }
    },
    "the SDK opens the callback of the refund": async () => {
      const resource = await this.notice(EVENTS.refund, this.refund);
      assert.deepEqual([resource.refund_status, resource.amount.refund], ["SUCCESS", 500]);
    },
    "the SDK sees it refunded": async () => {
      const { data } = await this.sdk.v3.refund.domestic.refunds.$out_refund_no$.get({ out_refund_no: this.refund });
      assert.equal(data.status, "SUCCESS");
    },
    "the SDK reads the trade bill": async () => {
      const { rows, summary } = await this.bill("tradebill", { bill_type: "ALL" });
      const ours = rows.filter((row) => row["商户订单号"] === this.number);
      assert.deepEqual(ours.map((row) => [row["交易状态"], row["订单金额"], row["申请退款金额"]]).sort(), [
        ["REFUND", "0.00", "5.00"],
        ["SUCCESS", "19.90", "0.00"],
      ]);
      assert.equal(Number(summary["总交易单数"]), rows.length);
    },
    "the SDK reads the fund-flow bill": async () => {
      const { rows, summary } = await this.bill("fundflowbill", { account_type: "BASIC" });
      assert.ok(rows.some((row) => row["收支类型"] === "收入" && row["收支金额(元)"] === "19.90"), "no income");
      assert.ok(rows.some((row) => row["收支类型"] === "支出" && row["收支金额(元)"] === "5.00"), "no refund");
      assert.equal(Number(summary["资金流水总笔数"]), rows.length);
    },
    "a refusal is one": async () => {
      await assert.rejects(this.query("never-ordered"), ({ response }) => {
        assert.deepEqual([response.status, response.data.code], [404, "ORDER_NOT_EXIST"]);
        return true;
      });
    },
  };
}

const [materials, notices] = [await simulator("materials"), await new Notices().open()];
let [passed, failed] = [0, 0];
for (const byPublicKey of [true, false]) {
  const mode = byPublicKey ? "public key" : "certificates";
  let shop;
  // Trusting WeChat is part of what is tried: certificates are fetched here.
  const names = Object.keys(new Shop().claims);
  for (const name of names) {
    try {
      shop ??= await Shop.open(materials, notices, byPublicKey);
      await shop.claims[name]();
      passed += 1;
      console.log(`✓ ${mode}: ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`✗ ${mode}: ${name}\n${error.stack}`);
    }
  }
}
notices.server.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
