// What both pages share: building elements from data (always as text, never as markup) and calling the control interface.

/** An element with properties and children; strings become text. */
export function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** A button that does something. */
export function button(text, act, className = "plain") {
  const node = make("button", { type: "button", className }, text);
  node.addEventListener("click", async () => {
    node.disabled = true;
    try {
      await act(node);
    } finally {
      node.disabled = false;
    }
  });
  return node;
}

/** Calls the control interface; throws an Error with its message. */
export async function call(method, path, body) {
  const options = { method, headers: {} };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const response = await fetch(`/_simulator/api/${path}`, options);
  const text = await response.text();
  let answer;
  try {
    answer = JSON.parse(text);
  } catch {
    answer = { message: text };
  }
  if (!response.ok) throw new Error(answer.message || `HTTP ${response.status}`);
  return answer;
}

/** Fen as yuan, in whole numbers. */
export function yuan(fen) {
  return `¥ ${Math.floor(fen / 100)}.${String(fen % 100).padStart(2, "0")}`;
}

/** A moment as the browser's local time of day, with the date when it is another day. */
export function time(ms) {
  const moment = new Date(ms);
  const clock = moment.toLocaleTimeString("zh-CN", { hour12: false });
  return moment.toDateString() === new Date().toDateString() ? clock : `${moment.toLocaleDateString("zh-CN")} ${clock}`;
}
