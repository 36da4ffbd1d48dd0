// Scores of good parts upwards, of this session downwards, the threshold across.

const SVG = "http://www.w3.org/2000/svg";
const BINS = 32;
const [NARROWEST, HEIGHT, MIDDLE, LEFT] = [240, 240, 120, 12];
const HALF = 92;
// Width of a letter, at most.
const LETTER = 9;

const element = (name, attributes, text) => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
};

export const number = (value) => {
  if (value === null || !Number.isFinite(value)) return "∞";
  const digits = Math.abs(value) >= 1000 ? 0 : Math.abs(value) >= 10 ? 1 : 3;
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
};

// The part of the axis that is drawn: all good scores, and defects as far as they do not crowd them.
export const range = (good, session, threshold) => {
  const finite = session.filter(Number.isFinite);
  const low = Math.min(threshold, ...good, ...finite);
  const reach = Math.max(threshold - low, Math.abs(threshold) * 1e-3, 1e-9);
  const highest = Math.max(threshold + reach / 4, ...good, ...finite);
  const high = Math.min(highest, threshold + 3 * reach);
  const margin = (high - low) * 0.02;
  return { low: low - margin, high: high + margin, cut: highest > high };
};

const counts = (values, { low, high }) => {
  const bins = new Array(BINS).fill(0);
  for (const value of values) {
    const at = Math.floor(((value - low) / (high - low)) * BINS);
    bins[Number.isFinite(at) ? Math.min(BINS - 1, Math.max(0, at)) : BINS - 1] += 1;
  }
  return bins;
};

// The drawing, as an element as wide as `room`; `trial` is a threshold that is only tried.
export const histogram = ({ good, session, threshold, trial, room }) => {
  const width = Math.max(NARROWEST, Math.floor(room));
  const right = width - LEFT;
  const axis = range(good, session, threshold);
  const x = (value) => LEFT + ((Math.min(value, axis.high) - axis.low) / (axis.high - axis.low)) * (right - LEFT);
  const label = `Histogram: ${good.length} good parts, ${session.length} results, threshold ${number(threshold)}`;
  const svg = element("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": label });
  const bars = (bins, kind, up) => {
    const most = Math.max(1, ...bins);
    const wide = (right - LEFT) / BINS;
    bins.forEach((count, at) => {
      if (count === 0) return;
      const height = Math.max(2, (count / most) * HALF);
      const rect = { class: kind, x: LEFT + at * wide + 1, width: wide - 2, height, y: up ? MIDDLE - height - 1 : MIDDLE + 1 };
      const bar = element("rect", rect);
      const from = axis.low + (at / BINS) * (axis.high - axis.low);
      bar.append(element("title", {}, `${count} from ${number(from)}${axis.cut && at === BINS - 1 ? " up" : ""}`));
      svg.append(bar);
    });
  };
  bars(counts(good, axis), "bar-good", true);
  bars(counts(session, axis), "bar-session", false);
  svg.append(element("line", { class: "axis", x1: LEFT, x2: right, y1: MIDDLE, y2: MIDDLE }));
  const line = (value, kind, y) => {
    const at = x(value);
    svg.append(element("line", { class: kind, x1: at, x2: at, y1: 22, y2: HEIGHT - 22 }));
    const anchor = at > width * 0.75 ? "end" : at < width * 0.25 ? "start" : "middle";
    svg.append(element("text", { class: kind, x: at, y, "text-anchor": anchor }, number(value)));
  };
  line(threshold, "threshold", 15);
  if (trial !== threshold) line(trial, "trial", HEIGHT - 6);
  // The tried threshold's number has the place that it needs.
  const end = (text, at, anchor) => {
    if (trial !== threshold && Math.abs(x(trial) - at) < LETTER * (text.length + number(trial).length)) return;
    svg.append(element("text", { class: "end", x: at, y: HEIGHT - 6, "text-anchor": anchor }, text));
  };
  end(number(axis.low), LEFT, "start");
  end(axis.cut ? `${number(axis.high)} and more` : number(axis.high), right, "end");
  return svg;
};
