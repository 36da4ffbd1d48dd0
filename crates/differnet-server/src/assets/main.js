// The page: images in, verdicts out.

import * as api from "./api.js";
import * as camera from "./camera.js";
import { histogram, number, range } from "./histogram.js";
import * as table from "./results.js";

const part = (id) => document.getElementById(id);
// Images on their way at once: enough to keep the server busy, few enough to leave room for others.
const AT_ONCE = 2;
const STEPS = 1000;

// What the server says of the chosen model; `null` before it was asked.
let model = null;
// The name that was chosen last: what the server says of others comes too late.
let wanted = null;
// A threshold that is only tried; `null` for the model's.
let trial = null;
// What is shown, and what stops its map.
let shown = null;
let mapping = null;
// Files that wait, what stops sending, and how many were sent and done.
const waiting = [];
// Files that came before the page knew a model, or before it was let in again, each with the model that it is for, if known.
const early = [];
let locked = false;
let sending = null;
let [sent, done] = [0, 0];

const say = (text) => {
  part("status").textContent = text;
};

// Scores.

// Whether a result is the chosen model's, and not that of an earlier one of the same name.
const isOfModel = (result) =>
  !result.error && result.model === model?.name && result.answer.threshold === model.threshold;

const sessionScores = () => table.results.filter(isOfModel).map(({ answer }) => answer.score ?? Infinity);

const drawScores = () => {
  if (!model) return;
  const { good_scores: good, threshold } = model;
  const tried = trial ?? threshold;
  const room = part("histogram").clientWidth;
  part("histogram").replaceChildren(histogram({ good, session: sessionScores(), threshold, trial: tried, room }));
  const axis = range(good, sessionScores(), threshold);
  part("trial").value = Math.round(((tried - axis.low) / (axis.high - axis.low)) * STEPS);
  part("trial").setAttribute("aria-valuetext", number(tried));
  part("trial-value").textContent = number(tried);
  part("trial-reset").disabled = trial === null;
  const { judged, ok, defect } = table.tryThreshold(trial, isOfModel);
  const rejected = good.filter((score) => !(score < tried)).length;
  const known = good.length === 0 ? "" : ` It would reject ${rejected} of the ${good.length} good parts.`;
  part("trial-effect").textContent =
    trial === null
      ? "Nothing changes for anybody: move it to see what another threshold would do."
      : `${ok + defect} of ${judged} results would change: ${defect} to DEFECT, ${ok} to OK.${known}`;
};

part("trial").addEventListener("input", () => {
  if (!model) return;
  const axis = range(model.good_scores, sessionScores(), model.threshold);
  trial = axis.low + (part("trial").value / STEPS) * (axis.high - axis.low);
  drawScores();
});
part("trial-reset").addEventListener("click", () => {
  trial = null;
  drawScores();
  part("trial").focus();
});

// Its height is the drawing's own doing: only another width is a reason to draw again.
let widthDrawn = 0;
new ResizeObserver(([{ contentRect: { width } }]) => {
  if (width === widthDrawn) return;
  widthDrawn = width;
  drawScores();
}).observe(part("histogram"));

// The result.

// The address of the file that is shown, as long as it is.
let address = null;

const release = () => {
  if (address) URL.revokeObjectURL(address);
  address = null;
};

const showFile = (file) => {
  const image = part("image");
  release();
  part("layer").hidden = true;
  part("no-picture").hidden = true;
  image.hidden = false;
  image.src = address = URL.createObjectURL(file);
};

const showMap = async (result) => {
  mapping?.abort();
  part("blend-row").hidden = true;
  part("map-status").textContent = "";
  if (result.error || !model?.localizes || result.model !== model.name) return;
  const stop = (mapping = new AbortController());
  part("map-status").textContent = "Looking where …";
  try {
    const map = (result.map ??= await api.localize(result.model, result.file, stop.signal));
    if (shown !== result) return;
    part("image").src = map.picture;
    release();
    part("image").hidden = false;
    part("no-picture").hidden = true;
    part("layer").src = map.layer;
    part("layer").hidden = part("blend-row").hidden = false;
    const places = map.regions.length;
    part("map-status").textContent =
      places === 0 ? "No place stands out." : `${places} ${places === 1 ? "place stands" : "places stand"} out.`;
  } catch (error) {
    if (error.name !== "AbortError" && shown === result) part("map-status").textContent = error.message;
  }
};

const show = (result) => {
  shown = result;
  table.select(result);
  part("no-result").hidden = true;
  part("shown").hidden = false;
  table.badge(part("verdict"), result);
  part("name").textContent = result.name;
  part("image").alt = result.name;
  const { answer, error } = result;
  const said = error ?? answer.reason ?? "";
  part("error").textContent = said;
  part("error").hidden = said === "";
  document.querySelector(".facts dl").hidden = !answer;
  if (answer) {
    const unit = model?.unit ? ` ${model.unit}` : "";
    const shown = table.shownScore(answer);
    part("score").textContent = shown.startsWith(">") ? shown : shown + unit;
    part("score-threshold").textContent = number(answer.threshold) + unit;
    part("p-row").hidden = answer.p_value === null;
    part("p-value").textContent = answer.p_value === null ? "" : `${(100 * answer.p_value).toFixed(1)} %`;
  }
  showFile(result.file);
  showMap(result);
};

part("image").addEventListener("error", () => {
  part("image").hidden = true;
  part("no-picture").hidden = false;
});
part("blend").addEventListener("input", () => {
  part("layer").style.opacity = part("blend").value / 100;
});
part("layer").style.opacity = part("blend").value / 100;

// Sending.

const progress = (note) => {
  if (locked) {
    part("cancel").hidden = true;
    say("Waiting for the token …");
    return;
  }
  const left = sent - done;
  part("cancel").hidden = left === 0;
  const text = left === 0 ? `${done} ${done === 1 ? "image" : "images"} judged.` : `${done} of ${sent} judged …`;
  say(note ? `${text} ${note}` : text);
};

const judge = async (file, name, signal) => {
  const result = { file, name: file.name, model: name, time: new Date() };
  try {
    result.answer = await api.score(name, file, signal, progress);
  } catch (error) {
    if (error.name === "AbortError" || signal.aborted) return;
    if (error.status === 401) {
      // They wait for the token, this one and all behind it.
      const left = [[file, name], ...waiting.splice(0)];
      sent -= left.length;
      early.push(...left);
      askForToken(error.message);
      return;
    }
    result.error = error.message;
    result.verdict = error.verdict;
  }
  done += 1;
  table.add(result, show);
  // What was judged last is looked at, unless somebody looks at an earlier one.
  if (!shown || shown === table.results.at(-2) || sent === 1) show(result);
  drawScores();
};

const work = async (signal) => {
  while (waiting.length > 0 && !signal.aborted) {
    const [file, name] = waiting.shift();
    await judge(file, name, signal);
    progress();
  }
};

const accept = async (files) => {
  const chosen = [...files];
  if (chosen.length === 0) return;
  early.push(...chosen.map((file) => [file, model?.name]));
  await flush();
};

// Sends what waits, once it can be sent.
const flush = async () => {
  if (!model || locked) {
    if (early.length > 0) say(locked ? "Waiting for the token …" : "Waiting for the model …");
    return;
  }
  if (early.length === 0) return;
  if (sent === done) [sent, done] = [0, 0];
  sent += early.length;
  waiting.push(...early.splice(0).map(([file, name]) => [file, name ?? model.name]));
  progress();
  if (sending) return;
  sending = new AbortController();
  const { signal } = sending;
  await Promise.all(Array.from({ length: AT_ONCE }, () => work(signal)));
  sending = null;
  await lookAtLine();
};

part("cancel").addEventListener("click", () => {
  waiting.length = 0;
  sending?.abort();
  sent = done;
  progress("Stopped.");
});

const drop = part("drop");
for (const kind of ["dragover", "dragenter"]) {
  addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
addEventListener("dragleave", (event) => {
  if (event.relatedTarget === null) drop.classList.remove("over");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  accept(event.dataTransfer.files);
});
addEventListener("paste", (event) => accept(event.clipboardData.files));
part("files").addEventListener("change", () => {
  accept(part("files").files);
  part("files").value = "";
});
camera.connect(accept, say);

// The table.

part("export").addEventListener("click", () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([table.csv()], { type: "text/csv" }));
  link.download = "differnet-results.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
});
part("clear").addEventListener("click", () => {
  mapping?.abort();
  table.clear();
  shown = null;
  part("shown").hidden = true;
  part("no-result").hidden = false;
  drawScores();
  part("files").focus();
});

// Models and token.

const askForToken = (message) => {
  locked = true;
  part("token-form").hidden = false;
  part("token-error").textContent = message;
  part("token").focus();
};

const DRIFTS = {
  higher: "more good parts than promised are called defects, or many parts are defective",
  lower: "defects may stay below the threshold",
};

// Says whether what the server scored lately still looks like the good parts that the threshold was set by.
const sayDrift = ({ drift, recent }) => {
  part("drift").hidden = drift === null;
  if (!drift) return;
  const [share, good] = [drift.share, drift.good_share].map((value) => `${(100 * value).toFixed(0)} %`);
  part("drift").textContent =
    `The line has drifted: ${share} of the last ${recent} images reach a score of ${number(drift.score)}, ` +
    `which ${good} of the good parts did; ${DRIFTS[drift.direction]}. Look at light, focus and position.`;
};

const lookAtLine = async () => {
  if (!model) return;
  try {
    const found = await api.model(model.name);
    if (found.name !== model.name || found.name !== wanted) return;
    // Calibrated, updated or trained anew meanwhile.
    if (found.sha256 !== model.sha256) adopt(found);
    else sayDrift(found.line);
  } catch {
    // The next look may succeed; what is wrong with the server is told when an image is sent.
  }
};

const adopt = (found) => {
  model = found;
  sayDrift(model.line);
  trial = null;
  const { name, method, training_images: images } = model;
  part("about").textContent = `${name}: ${method}, knows ${images} good ${images === 1 ? "part" : "parts"}`;
  drawScores();
  flush();
};

const choose = async (name) => {
  wanted = name;
  try {
    const found = await api.model(name);
    if (wanted === name) adopt(found);
  } catch (error) {
    if (wanted === name && model) part("model").value = wanted = model.name;
    throw error;
  }
};

const begin = async () => {
  try {
    const list = await api.models();
    const options = list.map(({ name }) => new Option(name, name));
    const { name } = list.find(({ name }) => name === model?.name) ?? list[0];
    part("model").replaceChildren(...options);
    part("model").value = name;
    await choose(name);
    locked = false;
    part("token-form").hidden = true;
    flush();
  } catch (error) {
    if (error.status === 401) askForToken(error.message);
    else say(error.message);
  }
};

part("model").addEventListener("change", () => choose(part("model").value).catch((error) => say(error.message)));
part("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  api.setToken(part("token").value.trim());
  part("token").value = "";
  begin();
});
begin();
