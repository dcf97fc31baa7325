// The cashier: what the user's phone would show for one prepay id.

import { call, yuan } from "./dom.js";
import { english, translate, word } from "./words.js";

const at = (id) => document.getElementById(id);
const prepay = new URLSearchParams(location.search).get("prepay_id") ?? "";
let payment;

function show(found) {
  payment = found;
  at("merchant").textContent = `${word("toMerchant")} ${found.request.mchid}`;
  at("amount").textContent = yuan(found.total_fen);
  at("description").textContent = found.description;
  at("number").textContent = found.out_trade_no;
  at("payer").textContent = found.openid;
  at("state").textContent = word(found.state);
  at("acts").hidden = found.state !== "NOTPAY";
}

function say(text, bad) {
  at("result").textContent = text;
  at("result").className = bad ? "result bad" : "result";
  at("result").hidden = false;
}

/** Tells a page that opened this one how it ended, as wx.requestPayment tells its caller. */
function tell(message) {
  const target = window.opener ?? (window.parent === window ? null : window.parent);
  target?.postMessage({ type: "cashier", errMsg: message, out_trade_no: payment.out_trade_no }, "*");
}

async function act(name, done, message, bad) {
  try {
    show(await call("POST", `payments/${encodeURIComponent(payment.out_trade_no)}/${name}`));
    say(done, bad);
    tell(message);
  } catch (error) {
    say(error.message, true);
  }
}

translate();
document.title = word("cashier");
if (english) at("console").href = "/?lang=en";
at("pay").addEventListener("click", () => act("pay", word("done"), "requestPayment:ok", false));
at("fail").addEventListener("click", () => act("fail", word("failed"), "requestPayment:fail", true));
at("cancel").addEventListener("click", () => act("cancel", word("cancelled"), "requestPayment:fail cancel", true));
if (prepay === "") {
  at("acts").hidden = true;
  say(word("noPrepay"), true);
} else {
  call("GET", `cashier?prepay_id=${encodeURIComponent(prepay)}`).then(show, (error) => {
    at("acts").hidden = true;
    say(error.message, true);
  });
}
