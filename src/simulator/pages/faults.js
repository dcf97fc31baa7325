// The switches of the faults: one control a field, applied as soon as it is changed.

import { make } from "./dom.js";
import { word } from "./words.js";

const TRICKS = ["foreign_key", "tampered", "stale", "unknown_serial", "unsigned", "sign_test", "wrong_amount",
  "wrong_merchant", "wrong_app", "wrong_payer", "wrong_currency", "reformatted"];
const CHOICES = {
  forge: [["", "normal"], ...TRICKS.map((name) => [name, `trick_${name}`])],
  refund_result: [["", "normal"], ["ABNORMAL", "ABNORMAL"], ["CLOSED", "CLOSED"]],
  picture_suggest: [["", "normal"], ["review", "suggest_review"], ["risky", "suggest_risky"]],
  callback_key: ["public_key", "certificate", "mixed"].map((name) => [name, `key_${name}`]),
  rotation: ["before", "listed", "signing", "over"].map((name) => [name, `rotation_${name}`]),
};
const LISTS = {
  fail: '[{"path":"/v3/pay/transactions/jsapi","count":1,"status":500,"code":"SYSTEM_ERROR"}]',
  silent: '["/sns/jscode2session"]',
  reply_lost: '[{"path":"/v3/refund/domestic/refunds","method":"POST","count":1}]',
  bill: '[{"trick":"drop_payment","out_trade_no":"…"},{"trick":"wrong_hash"}]',
};

function control(name, value, change) {
  if (name in CHOICES) {
    const node = make("select", {}, ...CHOICES[name].map(([key, text]) => make("option", { value: key }, word(text))));
    node.value = value ?? "";
    node.addEventListener("change", () => change(node.value === "" ? null : node.value));
    return node;
  }
  if (name in LISTS) {
    const text = value.length === 0 ? "" : JSON.stringify(value, null, 1);
    const node = make("textarea", { value: text, placeholder: LISTS[name], spellcheck: false });
    node.addEventListener("change", () => {
      try {
        change(node.value.trim() === "" ? [] : JSON.parse(node.value));
        node.setCustomValidity("");
      } catch (error) {
        node.setCustomValidity(error.message);
        node.reportValidity();
      }
    });
    return node;
  }
  if (typeof value === "boolean") {
    const node = make("input", { type: "checkbox", checked: value });
    node.addEventListener("change", () => change(node.checked));
    return node;
  }
  const node = make("input", { type: "number", min: 0, step: 1, value: String(value) });
  node.addEventListener("change", () => change(Math.max(0, Math.trunc(Number(node.value) || 0))));
  return node;
}

function isSet(name, value) {
  if (name === "callback_key") return value !== "public_key";
  if (name === "rotation") return value !== "before";
  return Array.isArray(value) ? value.length > 0 : Boolean(value);
}

/** One labelled control for every fault; `apply` receives the whole set with one field changed. */
export function showFaults(faults, apply) {
  // The two lists last: they take the whole width.
  const fields = Object.entries(faults).sort(([one], [other]) => (one in LISTS) - (other in LISTS));
  return fields.map(([name, value]) => {
    const text = make("span", { className: isSet(name, value) ? "set" : "" }, word(`fault_${name}`));
    const node = control(name, value, (changed) => apply({ ...faults, [name]: changed }));
    return make("label", { className: name in LISTS ? "whole" : "" }, text, node);
  });
}
