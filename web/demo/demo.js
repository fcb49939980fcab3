// @ts-check
// The demo page. It calls /demo as an operator's page calls the operator's own server.

const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** Makes an element of HTML, or of SVG where a namespace is given.
 * @param {string} tag @param {Record<string, string | number>} [attributes] @param {(Node | string)[]} children */
function h(tag, attributes = {}, ...children) {
  const svg = ["svg", "rect", "line", "text", "path", "g", "title"].includes(tag);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

const mode = () => /** @type {HTMLInputElement} */ (document.querySelector("input[name=mode]:checked")).value;

/** @param {string} path @param {RequestInit} [init] */
async function ask(path, init) {
  const response = await fetch(path, init);
  const reply = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(reply.error ?? "The server does not answer.");
  return reply;
}

let transaction = "";

/** Starts a transaction and gives the component its token. */
async function begin() {
  const wanted = mode();
  const trouble = byId("trouble");
  trouble.hidden = true;
  try {
    const grant = await ask("/demo/tokens?mode=" + wanted, { method: "POST" });
    transaction = grant.transaction_id;
    const capture = h("bonafide-capture", {
      mode: wanted,
      token: grant.token,
      "data-transaction": transaction,
      file: "",
      lang: /** @type {HTMLSelectElement} */ (byId("language")).value,
    });
    capture.addEventListener("bonafide-result", (event) => void report(/** @type {CustomEvent} */ (event).detail));
    capture.addEventListener("bonafide-expired", () => againButton());
    byId("capture").replaceChildren(capture);
  } catch (error) {
    trouble.textContent = String(error instanceof Error ? error.message : error);
    trouble.hidden = false;
  }
}

function againButton() {
  const button = h("button", { type: "button" }, "Restart");
  button.addEventListener("click", () => void begin());
  byId("capture").append(button);
}

/** @param {{ result: string }} outcome */
async function report(outcome) {
  if (outcome.result !== "again") againButton();
  const result = await ask("/demo/results/" + transaction);
  if (result.check) byId("report").replaceChildren(...evidence(result));
}

/** @param {any} result */
function evidence(result) {
  const { check } = result;
  const parts = [
    h(
      "div",
      { class: "verdict" },
      h("span", { class: "badge " + check.outcome }, check.outcome),
      h("span", { class: "score" }, check.score === null ? "no score" : `score ${floor(check.score)}, threshold ${check.threshold}`),
    ),
  ];
  if (check.score !== null) parts.push(scale(check));
  if (check.advice) parts.push(h("p", {}, check.advice));
  if (result.phrase) parts.push(h("p", {}, "The phrase was ", h("strong", { dir: "ltr" }, result.phrase), "."));
  if (check.digits) parts.push(h("h3", {}, "Digit by digit"), timeline(check.digits));
  parts.push(h("h3", {}, "Gates"), scrolling("Gates", gates(check.gates)));
  return parts;
}

/** Lets wide content scroll on a phone, with the keyboard too.
 * @param {string} label @param {Node} content */
const scrolling = (label, content) => h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": label }, content);

/** Rounds down, so that a score below the threshold is never shown as equal to it. @param {number} score */
const floor = (score) => (Math.floor(score * 1000 + 1e-9) / 1000).toFixed(3);

/** @param {any} check */
function scale(check) {
  const x = (/** @type {number} */ p) => 4 + 392 * p;
  return h(
    "svg",
    { class: "scale", viewBox: "0 0 400 34", role: "img", "aria-label": `Score ${floor(check.score)} on a scale from 0 to 1, threshold ${check.threshold}` },
    h("rect", { class: "track", x: 4, y: 6, width: 392, height: 10, rx: 5 }),
    h("rect", { class: check.outcome, x: 4, y: 6, width: Math.max(4, x(check.score) - 4), height: 10, rx: 5 }),
    h("line", { class: "limit", x1: x(check.threshold), x2: x(check.threshold), y1: 2, y2: 20 }),
    h("text", { x: 4, y: 31 }, "0"),
    h("text", { x: 396, y: 31, "text-anchor": "end" }, "1"),
  );
}

/** @param {any[]} digits */
function timeline(digits) {
  const end = Math.max(...digits.map((d) => Math.max(d.end, (d.due ?? 0) + 1))) + 0.3;
  const x = (/** @type {number} */ t) => 60 + (530 * t) / end;
  const drawing = h("svg", { class: "timeline", viewBox: "0 0 600 128", role: "img", "aria-label": "When each digit was shown and when the mouth said it" });
  drawing.append(h("text", { class: "muted", x: 0, y: 37 }, "shown"), h("text", { class: "muted", x: 0, y: 79 }, "mouth"));
  for (let t = 0; t <= end; t += 1) {
    drawing.append(
      h("line", { class: "axis", x1: x(t), x2: x(t), y1: 12, y2: 106 }),
      h("text", { class: "muted", x: x(t), y: 122, "text-anchor": "middle" }, `${t} s`),
    );
  }
  for (const d of digits) {
    if (d.due !== undefined) {
      drawing.append(
        h("rect", { class: "due", x: x(d.due), y: 20, width: Math.max(4, x(d.due + 0.85) - x(d.due)), height: 26, rx: 4 }),
        h("text", { x: x(d.due + 0.425), y: 38, "text-anchor": "middle" }, d.digit),
      );
    }
    const kind = d.fit >= 0.5 ? "" : d.fit >= 0.2 ? " partial" : " bad";
    const width = Math.max(3, x(d.end) - x(d.start));
    drawing.append(
      h("rect", { class: "said" + kind, x: x(d.start), y: 62, width, height: 26, rx: 4 }, h("title", {}, `${d.digit}: ${d.start.toFixed(2)} to ${d.end.toFixed(2)} s, fit ${d.fit.toFixed(2)}`)),
      h("text", { x: x(d.start) + width / 2, y: 102, "text-anchor": "middle" }, d.digit),
    );
  }
  const note = h("p", { class: "note" }, "Mouth: green fits the digit well, amber partly, red poorly.");
  const table = h("table", {}, h("caption", {}, "In numbers"), head("digit", "shown", "said", "fit"));
  const body = h("tbody");
  for (const d of digits) {
    body.append(row(d.digit, d.due === undefined ? "" : `${d.due.toFixed(2)} s`, `${d.start.toFixed(2)} to ${d.end.toFixed(2)} s`, d.fit.toFixed(2)));
  }
  table.append(body);
  return h("div", {}, scrolling("Timeline", drawing), note, scrolling("Digits in numbers", table));
}

/** @param {string[]} names */
const head = (...names) => h("thead", {}, h("tr", {}, ...names.map((name, i) => h("th", { scope: "col", class: i ? "number" : "" }, name))));

/** @param {string[]} cells */
const row = (...cells) => h("tr", {}, ...cells.map((text, i) => h("td", i ? { class: "number" } : {}, text)));

/** @param {any[]} list */
function gates(list) {
  const table = h("table", {}, h("caption", {}, "In the order in which they ran"), head("gate", "result", "measured", "limit"));
  const body = h("tbody");
  for (const g of list) {
    const unit = g.unit && g.unit !== "p" ? " " + g.unit : "";
    const [text, kind] = g.passed ? ["passed", "pass"] : g.reason ? ["failed", "fail"] : ["information only", "only"];
    const line = row(g.name.replaceAll("_", " "), text, round(g.measure) + unit, (g.at_most ? "at most " : "at least ") + round(g.limit) + unit);
    line.children[1]?.classList.add(kind);
    body.append(line);
  }
  table.append(body);
  return table;
}

/** @param {number} x */
function round(x) {
  if (x !== 0 && Math.abs(x) < 0.001) return "under 0.001";
  return String(Math.abs(x) >= 100 ? Math.round(x) : Number(x.toPrecision(3)));
}

for (const input of document.querySelectorAll("input[name=mode]")) input.addEventListener("change", () => void begin());
byId("language").addEventListener("change", (event) => {
  const language = /** @type {HTMLSelectElement} */ (event.target).value;
  document.querySelector("bonafide-capture")?.setAttribute("lang", language);
});
void begin();
