// The console: shows the ledger, asks for it again each second, and presses the buttons of the control interface.

import { button, call, make, time, yuan } from "./dom.js";
import { showFaults } from "./faults.js";
import { english, translate, word } from "./words.js";

const at = (id) => document.getElementById(id);
const TRICKS = ["foreign_key", "tampered", "stale", "unknown_serial", "unsigned", "wrong_amount"];
const STATES = {
  NOTPAY: "warn", PROCESSING: "warn", waiting: "warn", SUCCESS: "good", done: "good",
  to_ship: "warn", partly: "warn", shipped: "good", confirmed: "good", settled: "good",
  REFUND: "", CLOSED: "", dropped: "", ABNORMAL: "bad", given_up: "bad",
};
const shown = {};
const opened = new Set();
const chosen = new Map();

function say(error) {
  at("toast").textContent = error.message ?? error;
  at("toast").hidden = false;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => (at("toast").hidden = true), 4000);
}

/** Does something, then shows the state at once. */
async function attempt(act) {
  try {
    await act();
  } catch (error) {
    say(error);
  }
  await refresh();
}

const press = (name, path, className) =>
  button(word(name), () => attempt(() => call("POST", path)), className);

function badge(state) {
  const name = state === "done" ? "done_state" : state;
  return make("span", { className: `badge ${STATES[state] ?? ""}` }, word(name));
}

function table(heads, rows, empty = word("none")) {
  if (rows.length === 0) return make("p", { className: "empty" }, empty);
  const head = make("tr", {}, ...heads.map((name) => make("th", { scope: "col" }, word(name))));
  return make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows));
}

function line(...cells) {
  return make("tr", {}, ...cells.map((cell) => make("td", {}, ...[cell].flat())));
}

const code = (text) => make("code", {}, text);

function paymentActs(payment) {
  if (payment.state !== "NOTPAY") return "";
  const path = `payments/${encodeURIComponent(payment.out_trade_no)}`;
  const prepay = encodeURIComponent(payment.prepay_ids.at(-1).id);
  const href = `/cashier?prepay_id=${prepay}${english ? "&lang=en" : ""}`;
  return make("div", { className: "acts-row" },
    press("pay", `${path}/pay`, ""), press("fail", `${path}/fail`), press("cancel", `${path}/cancel`),
    make("a", { href, target: "_blank" }, word("cashier")));
}

function showPayments(payments) {
  const rows = payments.map((payment) =>
    line(code(payment.out_trade_no), payment.description, yuan(payment.total_fen), badge(payment.state),
      code(payment.openid), time(payment.created_ms), paymentActs(payment)));
  const heads = ["orderNumber", "description", "amountWord", "stateWord", "payer", "created", "act"];
  return table(heads, rows, word("emptyPayments"));
}

function showRefunds(refunds) {
  const rows = refunds.map((refund) =>
    line(code(refund.out_refund_no), code(refund.out_trade_no), `${yuan(refund.refund_fen)} / ${yuan(refund.total_fen)}`,
      badge(refund.status), time(refund.created_ms)));
  return table(["refundNumber", "orderNumber", "amountWord", "stateWord", "created"], rows);
}

function showAttempt(attempt) {
  const status = attempt.status ?? word("noAnswer");
  const well = attempt.status >= 200 && attempt.status < 300 && !attempt.fooled;
  return make("li", {},
    `${time(attempt.at_ms)} · ${word(`trick_${attempt.trick}`)} · `,
    make("span", { className: `badge ${well ? "good" : attempt.fooled ? "bad" : "warn"}` }, String(status)),
    ` ${attempt.ended_ms - attempt.at_ms} ms `,
    attempt.fooled && make("strong", { className: "badge bad" }, word("fooled")),
    attempt.answer ? code(` ${attempt.answer}`) : null);
}

function callbackActs(callback) {
  const path = `callbacks/${encodeURIComponent(callback.id)}`;
  const trick = make("select", { ariaLabel: word("forge") },
    ...TRICKS.map((name) => make("option", { value: name }, word(`trick_${name}`))));
  trick.value = chosen.get(callback.id) ?? TRICKS[0];
  trick.addEventListener("change", () => chosen.set(callback.id, trick.value));
  return make("div", { className: "acts-row" },
    press("resend", `${path}/resend`), press("duplicate", `${path}/duplicate`), press("delay", `${path}/delay`),
    press("drop", `${path}/drop`), press("probe", `${path}/probe`), trick,
    button(word("forge"), () => attempt(() => call("POST", `${path}/forge?trick=${trick.value}`))));
}

function showCallback(callback) {
  const details = make("details", { open: opened.has(callback.id) },
    make("summary", {}, `${callback.attempts.length} ${word("attempts")}`),
    make("ol", { className: "attempts" }, ...callback.attempts.map(showAttempt)));
  details.addEventListener("toggle", () => opened[details.open ? "add" : "delete"](callback.id));
  return make("article", { className: "callback" },
    make("div", { className: "head" },
      make("strong", {}, callback.event_type), code(callback.subject), badge(callback.state),
      callback.attempts.some((attempt) => attempt.fooled) && make("span", { className: "badge bad" }, word("fooled")),
      make("small", {}, callback.url),
      callback.due_ms !== null && make("small", {}, `${word("next")} ${time(callback.due_ms)}`)),
    callbackActs(callback), details);
}

function shipmentState(shipment) {
  if (shipment.settled_ms !== null) return "settled";
  if (shipment.confirmed_ms !== null) return "confirmed";
  if (shipment.finished) return "shipped";
  return shipment.uploads > 0 ? "partly" : "to_ship";
}

function showShipments(shipments) {
  const rows = shipments.map((shipment) => {
    const [state, path] = [shipmentState(shipment), `payments/${encodeURIComponent(shipment.out_trade_no)}`];
    const parcels = shipment.parcels.map(([number, carrier]) => make("div", {}, code(`${carrier} ${number}`)));
    const acts = state === "shipped" ? press("confirm", `${path}/confirm`, "")
      : state === "to_ship" || state === "partly" ? press("remind", `${path}/remind`) : "";
    return line(code(shipment.out_trade_no), parcels, badge(state),
      shipment.due_ms === null ? "" : time(shipment.due_ms), acts);
  });
  return table(["orderNumber", "parcels", "stateWord", "next_at", "act"], rows);
}

function showMessages(messages) {
  const content = (data) => Object.entries(data).map(([name, value]) => make("div", {}, code(name), ` ${value}`));
  const rows = messages.map((message) =>
    line(code(message.template_id), content(message.data), code(message.openid), time(message.created_ms)));
  return table(["template", "content", "openid", "created"], rows);
}

function showSubscriptions(subscriptions) {
  const rows = subscriptions.map((row) => line(code(row.template_id), code(row.openid), String(row.left)));
  return rows.length === 0 ? "" : table(["template", "openid", "sendable"], rows);
}

/** What a user gets who scans a code: the page, with the scene escaped as the client escapes it. */
function showScenes(scenes) {
  const rows = scenes.map((row) =>
    line(code(row.scene.includes("://") ? row.scene : "▦"),
      code(`${row.page}?${row.scene.includes("://") ? row.query : `scene=${encodeURIComponent(row.scene)}`}`), row.env_version, code(row.appid), time(row.created_ms)));
  return table(["link", "opens", "version", "appid", "created"], rows);
}

function showUsers(users, apps) {
  const give = (user, appid, kind, name) => button(word(name), () => attempt(async () => {
    const path = `users/${encodeURIComponent(user.id)}/${kind}`;
    at("code").textContent = (await call("POST", path, { appid })).code;
    at("code").hidden = false;
  }));
  const rows = users.map((user) => line(
    [user.name, make("br"), make("small", {}, user.id), user.risky ? badge("risky") : ""],
    user.phone,
    make("div", {}, ...apps.map((appid) => make("div", {},
      make("small", {}, appid), make("br"), code(user.accounts[appid]?.openid ?? "–")))),
    make("div", { className: "acts-row" }, ...apps.flatMap((appid) => [
      give(user, appid, "js_code", "loginCode"), give(user, appid, "phone_code", "phoneCode")]))));
  return table(["name", "phone", "openid", "codes"], rows);
}

function showMaterials(materials) {
  const plain = { ...materials, apps: materials.apps.map((app) => `${app.appid} ${app.secret}`).join("\n"), base_url: location.origin };
  const items = Object.entries(plain).flatMap(([name, value]) => [
    make("dt", {}, name),
    make("dd", {}, make("pre", {}, value), button(word("copy"), async (node) => {
      await navigator.clipboard.writeText(value).then(() => (node.textContent = word("copied")), say);
    })),
  ]);
  at("materials").replaceChildren(...items);
}

/** Draws a part again only when its data changed, so that focus and selections stay. */
function update(name, data, draw) {
  const text = JSON.stringify(data);
  if (shown[name] === text) return;
  shown[name] = text;
  at(name).replaceChildren(...[draw(data)].flat());
}

async function refresh() {
  let state;
  try {
    state = await call("GET", "state");
  } catch {
    at("link").textContent = word("lost");
    at("link").className = "badge bad";
    return;
  }
  at("link").textContent = word("live");
  at("link").className = "badge good";
  at("summary").textContent = `${word("merchant")} ${state.mchid} · ${state.apps.join(" ")} · ${word("speed")} ×${state.speed} · ${time(state.now_ms)}`;
  for (const [name, count] of Object.entries(state.counts)) at(`${name}-count`).textContent = count;
  update("payments", state.payments, showPayments);
  update("refunds", state.refunds, showRefunds);
  update("callbacks", state.callbacks, (list) =>
    list.length === 0 ? make("p", { className: "empty" }, word("none")) : list.map(showCallback));
  update("shipments", state.shipments, showShipments);
  update("subscriptions", state.subscriptions, showSubscriptions);
  update("messages", state.messages, showMessages);
  update("scenes", state.scenes, showScenes);
  update("users", state.users, (users) => showUsers(users, state.apps));
  update("faults", state.faults, (faults) => showFaults(faults, (changed) => attempt(() => call("PUT", "faults", changed))));
}

async function poll() {
  if (!document.hidden) await refresh();
  setTimeout(poll, 1000);
}

translate();
document.title = word("title");
at("language").href = english ? "/" : "?lang=en";
at("language").textContent = english ? "中文" : "English";
at("behave").addEventListener("click", () => attempt(() => call("PUT", "faults", {})));
at("new-user").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  const user = { risky: form.risky.checked };
  for (const name of ["name", "phone"]) if (form.elements[name].value.trim()) user[name] = form.elements[name].value.trim();
  attempt(async () => {
    await call("POST", "users", user);
    form.reset();
  });
});
at("subscribe").addEventListener("submit", (event) => {
  event.preventDefault();
  const [form, act] = [event.target, event.submitter?.value ?? "accept"];
  const template_ids = form.elements.template_id.value.trim().split(/[\s,]+/);
  attempt(async () => {
    const { apps } = await call("GET", "state?limit=1");
    const path = `users/${encodeURIComponent(form.elements.user.value.trim())}/subscriptions`;
    for (const appid of apps) await call("POST", path, { appid, template_ids, accept: act === "accept", in_settings: act === "off" });
  });
});
at("materials-details").addEventListener("toggle", () => {
  call("GET", "materials").then(showMaterials, say);
}, { once: true });
poll();
