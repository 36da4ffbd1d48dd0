// Requests to the server that this page came from.

const KEY = "differnet-token";
let token = sessionStorage.getItem(KEY);

export const setToken = (text) => {
  token = text;
  sessionStorage.setItem(KEY, text);
};

// What the server refused, with its message; `verdict` is that on an image which cannot be scored, if there is one.
export class Refused extends Error {
  constructor(status, message, retryAfter, verdict = null) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
    this.verdict = verdict;
  }
}

const request = async (path, options = {}) => {
  const headers = { ...options.headers };
  if (token) headers.Authorization = `Bearer ${token}`;
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "The server does not answer. Is it still running?", 0);
  }
  const body = await response.json().catch(() => ({}));
  if (response.ok) return body;
  const retryAfter = Number(response.headers.get("Retry-After")) || 0;
  throw new Refused(response.status, body.error ?? `The server answered ${response.status}.`, retryAfter, body.verdict);
};

export const models = async () => (await request("/v1/models")).models;

export const model = (name) => request(`/v1/models/${encodeURIComponent(name)}`);

const wait = (seconds, signal) =>
  new Promise((done, stopped) => {
    const timer = setTimeout(done, seconds * 1000);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      stopped(signal.reason);
    });
  });

// Sends an image; when the server is full, comes again as it asks. `waiting` hears of it.
const send = async (path, file, signal, waiting) => {
  for (;;) {
    try {
      const type = file.type || "application/octet-stream";
      return await request(path, { method: "POST", body: file, headers: { "Content-Type": type }, signal });
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 429) throw error;
      waiting?.(error.message);
      await wait(Math.max(1, error.retryAfter), signal);
    }
  }
};

const address = (model, task, name) =>
  `/v1/models/${encodeURIComponent(model)}/${task}?name=${encodeURIComponent(name)}`;

export const score = (model, file, signal, waiting) =>
  send(address(model, "score", file.name), file, signal, waiting);

export const localize = (model, file, signal) =>
  send(`${address(model, "localize", file.name)}&include=pictures`, file, signal);
