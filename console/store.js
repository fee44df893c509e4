// What is known, and drawing it again when that changes: at most once a frame, whatever comes in.

import { api } from './api.js';

/** Seconds on a chart. */
export const SECONDS_MAX = 300;
/** Lines of the log and changes of alarms that are kept here. */
const KEPT_MAX = 200;

export const state = {
  /** `wait`, `live`, or `lost` with the time of the last answer. */
  link: { state: 'wait', since: Date.now() },
  hello: null,
  me: null,
  /** The last beat, and the numbers of those before. */
  beat: null,
  trend: null,
  /** Changes of alarms and lines of the log, newest first. */
  changes: [],
  lines: [],
  missed: 0,
  /** Of the view that is shown: what it fetched, or why it could not. */
  view: { data: null, error: null },
  values: { device: null, tags: {} },
  demo: null,
  route: { name: 'overview', argument: null },
  /** Of a view: what is chosen and typed in it. */
  choice: {},
  dialog: null,
  toasts: [],
  login: false,
};

let draw = () => {};
let asked = false;

export function onChange(drawing) {
  draw = drawing;
}

/** Something has changed. */
export function changed() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    draw();
  });
}

/** Says something in passing. */
export function toast(kind, text) {
  const entry = { kind, text, id: crypto.getRandomValues(new Uint32Array(1))[0] };
  state.toasts = [...state.toasts.slice(-2), entry];
  changed();
  setTimeout(() => dismiss(entry.id), kind === 'bad' ? 12000 : 5000);
}

export function dismiss(id) {
  state.toasts = state.toasts.filter((entry) => entry.id !== id);
  changed();
}

/** The last minutes, for charts; asked for once and then carried on by beats. */
export async function fetchTrend() {
  const told = await api.get('/api/v1/pulse');
  const from = Math.max(0, told.at_ms.length - SECONDS_MAX);
  const cut = (columns) => Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, column.slice(from)]));
  state.trend = {
    at_ms: told.at_ms.slice(from),
    received: told.received.slice(from),
    resident_bytes: told.resident_bytes.slice(from),
    cpu_ms: told.cpu_ms.slice(from),
    taken: cut(told.taken),
    wait_us: cut(told.wait_us),
    lag: cut(told.lag),
    delivered: cut(told.delivered),
  };
  changed();
}

export function takeBeat(beat) {
  state.beat = beat;
  const trend = state.trend;
  if (trend && beat.at_ms > (trend.at_ms.at(-1) ?? 0)) {
    const length = trend.at_ms.length;
    push(trend.at_ms, beat.at_ms);
    for (const name of ['received', 'resident_bytes', 'cpu_ms']) push(trend[name], beat[name]);
    grow(trend.taken, beat.taken, length);
    grow(trend.wait_us, beat.wait_us, length);
    grow(trend.lag, Object.fromEntries(beat.sinks.map((sink) => [sink.sink, sink.lag + sink.in_flight])), length);
    grow(trend.delivered, Object.fromEntries(beat.sinks.map((sink) => [sink.sink, sink.delivered])), length);
  }
  changed();
}

function push(column, value) {
  column.push(value);
  if (column.length > SECONDS_MAX) column.shift();
}

function grow(columns, values, length) {
  for (const name of new Set([...Object.keys(columns), ...Object.keys(values)])) {
    columns[name] ??= new Array(length).fill(null);
    push(columns[name], values[name] ?? null);
  }
}

export function takeChange(change) {
  state.changes = [change, ...state.changes].slice(0, KEPT_MAX);
  changed();
}

export function takeLine(line) {
  if (state.lines.some((known) => known.number === line.number)) return;
  state.lines = [line, ...state.lines].slice(0, KEPT_MAX);
  changed();
}

export function takeValues({ device, tags }) {
  if (device !== state.values.device) return;
  state.values = { device, tags: { ...state.values.tags, ...tags } };
  changed();
}

/** Of a column of counts that only rise: how much a second, from each to the next. */
export function rates(column, times) {
  return (column ?? []).map((value, at) => {
    const before = column[at - 1];
    const seconds = (times[at] - times[at - 1]) / 1000;
    return at === 0 || value === null || before === null || before === undefined || value < before || seconds <= 0
      ? null : (value - before) / seconds;
  });
}

/** The mean of the last few that are known. */
export function recent(column, many = 5) {
  const known = column.slice(-many).filter((value) => value !== null && value !== undefined);
  return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
}

/** Whether whoever is here may do what takes this role. */
export const may = (role) => state.me?.roles.includes(role) ?? false;

/** A UUIDv7 by the clock of the node, which judges it. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  let ms = state.beat?.at_ms ?? Date.now();
  for (let at = 5; at >= 0; at -= 1) {
    bytes[at] = ms % 256;
    ms = Math.floor(ms / 256);
  }
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
