// Asking the node, as whoever looks at this page. A refusal becomes an error that has its code and hint.

const TOKEN = 'tidegate.token';
const SHEET = 'text/csv';

/** Why the node did not do as it was asked. */
export class Refused extends Error {
  constructor(status, { code, message, hint } = {}, requestId) {
    super(message ?? `HTTP ${status}`);
    Object.assign(this, { status, code: code ?? null, hint: hint ?? null, requestId: requestId ?? null });
  }
}

/** The node did not answer at all. */
export class Unreachable extends Error {}

let token = read();

function read() {
  try { return sessionStorage.getItem(TOKEN); } catch { return null; }
}

/** Kept for this tab alone, until it is closed; nothing forgets it. */
export function setToken(text) {
  token = text || null;
  try {
    if (token) sessionStorage.setItem(TOKEN, token);
    else sessionStorage.removeItem(TOKEN);
  } catch { /* a tab that keeps nothing asks again */ }
}

export function headers(more = {}) {
  return token ? { authorization: `Bearer ${token}`, ...more } : more;
}

async function reach(path, options) {
  try {
    return await fetch(path, { ...options, credentials: 'same-origin' });
  } catch {
    throw new Unreachable(path);
  }
}

async function ask(method, path, body, kind = 'application/json') {
  const options = { method, headers: headers(body === undefined ? {} : { 'content-type': kind }) };
  if (body !== undefined) options.body = kind === SHEET ? body : JSON.stringify(body);
  const answer = await reach(path, options);
  const text = await answer.text();
  const json = parsed(text);
  if (answer.ok || (path === '/readyz' && json) || (kind === SHEET && json?.outcome)) return json ?? text;
  throw new Refused(answer.status, json?.error, json?.request_id ?? answer.headers.get('x-request-id'));
}

/** A file of the node under this name: a link alone would not bring the token along. */
async function save(path, name) {
  const answer = await reach(path, { headers: headers() });
  if (!answer.ok) {
    const json = parsed(await answer.text());
    throw new Refused(answer.status, json?.error, json?.request_id);
  }
  const link = document.createElement('a');
  link.href = URL.createObjectURL(await answer.blob());
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

function parsed(text) {
  try { return JSON.parse(text); } catch { return null; }
}

export const api = {
  get: (path) => ask('GET', path),
  post: (path, body) => ask('POST', path, body),
  delete: (path) => ask('DELETE', path),
  /** Rows of a spreadsheet; what is wrong with them is an answer as well. */
  sheet: (path, rows) => ask('POST', path, rows, SHEET),
  save,
  /** The same where the node has such a route; else nothing, without asking. */
  async find(path) {
    return (await hasRoute(path)) ? ask('GET', path) : null;
  },
};

let routes = null;

/** Whether the node answers to this path: what it can do depends on how it is built and started. */
export async function hasRoute(path) {
  routes ??= ask('GET', '/api/v1/routes').then((told) => new Set(told.routes.map((route) => route.path)));
  try {
    return (await routes).has(path.split('?')[0]);
  } catch (error) {
    routes = null;
    throw error;
  }
}

/** Asks anew which routes there are: the node is another one than before. */
export function forgetRoutes() {
  routes = null;
}

/** One step of a path. */
export const part = (text) => encodeURIComponent(text);
