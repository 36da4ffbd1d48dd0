// The results of this session: a table, and a file of them.

import { number } from "./histogram.js";

const part = (id) => document.getElementById(id);
// More would slow the page down; a server keeps what it has to keep elsewhere.
const MOST = 1000;
const WORDS = { ok: "OK", unsure: "UNSURE", defect: "DEFECT", invalid: "INVALID" };
// Beyond so many thresholds a score is only said to be more.
const MOST_MULTIPLES = 100;

// Each: { file, name, model, time, answer } or { …, error, verdict }; the oldest first.
export const results = [];
let selected = null;

// The verdict; none on what is no image that could be judged.
const verdictOf = (result) => (result.error ? result.verdict : result.answer.verdict);

export const word = (result) => WORDS[verdictOf(result)] ?? "ERROR";

export const badge = (element, result) => {
  element.textContent = word(result);
  element.className = `badge ${verdictOf(result) ?? "none"}`;
};

// The score for people; a file of results has it in full.
export const shownScore = ({ score, threshold }) =>
  threshold > 0 && (score === null || score > MOST_MULTIPLES * threshold) ? `> ${MOST_MULTIPLES} × threshold` : number(score);

// The verdict that another threshold would give; doubt belongs to the model's own.
export const verdictAt = (threshold, { score, verdict }) => {
  if (verdict === "invalid") return verdict;
  return score === null || !(score < threshold) ? "defect" : "ok";
};

const clock = (time) => time.toLocaleTimeString("en-GB");

const row = (result, show) => {
  const line = document.createElement("tr");
  const cell = (name, kind) => {
    const made = document.createElement(name);
    if (kind) made.className = kind;
    line.append(made);
    return made;
  };
  const button = document.createElement("button");
  button.type = "button";
  button.className = "link";
  button.textContent = result.name;
  button.addEventListener("click", () => show(result));
  const head = cell("th");
  head.scope = "row";
  head.append(button);
  const verdict = cell("td");
  const mark = document.createElement("span");
  badge(mark, result);
  result.change = document.createElement("span");
  result.change.className = "change";
  verdict.append(mark, result.change);
  cell("td", "number").textContent = result.error ? "" : shownScore(result.answer);
  cell("td", "time").textContent = clock(result.time);
  line.title = result.error ?? result.answer.reason ?? "";
  result.row = line;
  return line;
};

const count = () => {
  const of = (wanted) => results.filter((result) => word(result) === wanted).length;
  const parts = ["OK", "UNSURE", "DEFECT", "INVALID", "ERROR"].map((wanted) => [of(wanted), wanted]);
  const told = parts.filter(([found]) => found > 0).map(([found, wanted]) => `${found} ${wanted}`);
  part("counts").textContent = results.length === 0 ? "None yet." : `${results.length}: ${told.join(", ")}`;
  part("table").hidden = results.length === 0;
  part("export").disabled = part("clear").disabled = results.length === 0;
};

export const add = (result, show) => {
  results.push(result);
  part("rows").prepend(row(result, show));
  if (results.length > MOST) results.shift().row.remove();
  count();
};

export const clear = () => {
  results.length = 0;
  selected = null;
  part("rows").replaceChildren();
  count();
};

export const select = (result) => {
  selected?.row.classList.remove("selected");
  selected = result;
  result.row.classList.add("selected");
};

// Says what would change with the threshold `trial`, `null` for none, of the results that `counts` says count.
export const tryThreshold = (trial, counts) => {
  const changed = { ok: 0, defect: 0 };
  let judged = 0;
  for (const result of results) {
    let text = "";
    if (counts(result)) {
      judged += 1;
      const verdict = trial === null ? result.answer.verdict : verdictAt(trial, result.answer);
      if (verdict !== result.answer.verdict) {
        changed[verdict] += 1;
        text = ` → ${WORDS[verdict]}`;
      }
    }
    result.change.textContent = text;
  }
  return { judged, ...changed };
};

// A field of a CSV file; what a spreadsheet would take for a formula is made text.
const field = (value) => {
  const text = value === null || value === undefined ? "" : String(value);
  const plain = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
};

export const csv = () => {
  const lines = [["time", "model", "image", "verdict", "score", "threshold", "p_value", "reason", "error"]];
  for (const result of results) {
    const { time, model, name, answer, error } = result;
    const verdict = verdictOf(result);
    const { score, threshold, p_value, reason = verdict && error } = answer ?? {};
    const told = answer && score === null ? "inf" : score;
    lines.push([time.toISOString(), model, name, verdict, told, threshold, p_value, reason, error]);
  }
  return lines.map((line) => `${line.map(field).join(",")}\r\n`).join("");
};

// Arrow keys move from row to row.
part("rows").addEventListener("keydown", (event) => {
  const next = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  const target = next && event.target.closest("tr")?.[next]?.querySelector("button");
  if (target) {
    event.preventDefault();
    target.focus();
  }
});
