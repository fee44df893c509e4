// This process: what it is, what it costs, and what it warned of.

import { api, part } from '../api.js';
import { byteCeiling } from '../chart.js';
import { h } from '../dom.js';
import { bytes, clock, count, millis, moment, number, span } from '../format.js';
import { badge, card, codeLink, empty, facts, page, table, trouble, waiting, when } from '../parts.js';
import { changed, rates, state, toast } from '../store.js';
import { t } from '../words.js';
import { trendChart } from './overview.js';

function process(node) {
  const files = node.open_files === null ? '–' : node.open_files_max === null ? count(node.open_files) : t('dia.of', { count: count(node.open_files), max: count(node.open_files_max) });
  return card({ key: 'process', title: t('dia.process') }, facts('facts', [
    [t('dia.version'), node.version], [t('dia.uptime'), span(node.now_ms - node.started_ms)], [t('dia.started'), moment(node.started_ms)], [t('dia.pid'), String(node.pid)],
    [t('dia.memory'), bytes(node.resident_bytes)], [t('dia.cpu'), millis(node.cpu_ms)], [t('dia.threads'), count(node.threads)], [t('dia.files'), files],
    [t('dia.streams'), t('dia.of', { count: count(node.event_streams), max: count(node.event_streams_max) })], [t('dia.clock'), `${number((node.now_ms - node.asked_ms) / 1000)} s`]]));
}

function capabilities(node) {
  const reasons = new Map((state.beat?.reasons ?? []).map(({ capability, reason }) => [capability, reason]));
  return card({ key: 'capabilities', title: t('dia.capabilities'), flush: true }, h('ul', { class: 'lines' }, [...new Set(node.capabilities)].map((name) => h('li', { key: name }, h('div', {}, h('b', { class: 'grow' }, name), reasons.has(name) ? badge('bad', reasons.get(name)) : badge('ok', t('dia.ready')))))));
}

function log(told) {
  const known = new Map([...told.lines, ...state.lines].map((line) => [line.number, line]));
  const lines = [...known.values()].sort((one, other) => other.number - one.number);
  return card({ key: 'log', title: t('dia.log'), note: t('dia.log.note', { count: count(told.last) }), flush: true },
    lines.length
      ? h('ul', { class: 'log' }, lines.map((line) => h('li', { key: line.number, class: line.level }, h('span', { class: 'num muted', title: moment(line.at_ms) }, clock(line.at_ms)), badge(line.level === 'error' ? 'bad' : 'warn', line.code ? codeLink(line.code) : line.level), h('span', { class: 'log-words' }, line.message, h('small', { class: 'muted block' }, line.part, ' · ', when(line.at_ms))))))
      : empty(t('dia.log.none'), t('dia.log.none.hint')));
}

/** A folder's name begins with when it was made, in UTC. */
const madeAt = (name) => Date.parse(name.replace(/^(....)(..)(..)T(..)(..)(..)Z.*$/, '$1-$2-$3T$4:$5:$6Z'));

function dumps(told) {
  const file = (dump, { name, bytes: size }) => {
    const href = `/debug/dumps/${part(dump.name)}/${part(name)}`;
    const onclick = (event) => {
      event.preventDefault();
      api.save(href, `${dump.name}-${name}`).catch((error) => {
        toast('bad', [error.code, error.message].filter(Boolean).join(' · '));
        changed();
      });
    };
    return h('a', { key: name, href, onclick, title: bytes(size) }, name);
  };
  return card({ key: 'dumps', title: t('dia.dumps'), note: t('dia.dumps.note'), flush: true },
    told.length
      ? h('ul', { class: 'lines' }, told.map((dump) => h('li', { key: dump.name }, h('div', {}, badge('bad', t(`dia.cause.${dump.name.split('-')[1]}`)), h('b', { class: 'grow' }, when(madeAt(dump.name))), h('small', { class: 'muted num' }, bytes(dump.bytes))), h('p', { class: 'muted' }, dump.files.map((entry) => [file(dump, entry), ' '])))))
      : empty(t('dia.dumps.none'), t('dia.dumps.none.hint')));
}

/** A task that keeps its thread so long is worth a look. */
const LONG_MS = 1000;

function tasks(told) {
  const stuck = told.runtimes.filter((runtime) => runtime.stuck_s > 0).map((runtime) => badge('bad', t('dia.stuck', { runtime: runtime.runtime, seconds: count(runtime.stuck_s) }), { key: runtime.runtime }));
  const state = (task) => (task.state === 'polled' ? badge(task.state_ms > LONG_MS ? 'bad' : 'ok', t('dia.task.polled')) : task.waits_on ?? t(`dia.task.${task.state}`));
  const columns = [{ name: t('dia.task') }, { name: t('dia.task.state') }, { name: t('dia.task.since'), class: 'num' }, { name: t('dia.task.polls'), class: 'num' }, { name: t('dia.cpu'), class: 'num' }];
  const rows = told.tasks.map((task, at) => ({ key: `${at} ${task.name}`, cells: [`${task.capability} / ${task.name}`, state(task), millis(task.state_ms), count(task.polls), millis(task.busy_us / 1000)] }));
  return card({ key: 'tasks', title: t('dia.tasks'), note: t('dia.tasks.note'), actions: stuck.length ? stuck : null, flush: true }, table({ key: 'tasks', label: t('dia.tasks'), columns, rows }));
}

function charts(trend) {
  const cpu = rates(trend.cpu_ms, trend.at_ms).map((value) => (value === null ? null : value / 10));
  return h('div', { class: 'grid-2', key: 'charts' },
    card({ key: 'cpu' }, trendChart('cpu', t('dia.cpu.chart'), t('dia.cpu.note'), [{ name: t('dia.cpu.chart'), color: 1, values: cpu }], (value) => (value === null ? '–' : `${number(value, 1)} %`), { filled: true, height: 110 })),
    card({ key: 'memory' }, trendChart('memory', t('dia.memory.chart'), null, [{ name: t('dia.memory.chart'), color: 3, values: trend.resident_bytes }], bytes, { filled: true, height: 110, upTo: byteCeiling })));
}

export const diagnostics = {
  async fetch() {
    const asked_ms = Date.now();
    const [node, told, doing, kept] = await Promise.all([api.get('/api/v1/node'), api.get('/api/v1/log').catch(() => ({ lines: [], last: 0 })),
      api.get('/debug/tasks').catch(() => null), api.get('/debug/dumps').catch(() => null)]);
    return { node: { ...node, asked_ms: (asked_ms + Date.now()) / 2 }, log: told, doing, dumps: kept?.dumps };
  },

  show({ open, refresh }) {
    const { data, error } = open;
    if (error && !data) return page(t('nav.diagnostics'), t('dia.intro'), trouble(error, refresh));
    if (!data) return page(t('nav.diagnostics'), t('dia.intro'), waiting(8));
    return page(t('nav.diagnostics'), t('dia.intro'),
      state.trend && charts(state.trend),
      h('div', { class: 'grid-2', key: 'both' }, process(data.node), capabilities(data.node)),
      data.dumps && dumps(data.dumps),
      log(data.log),
      data.doing && tasks(data.doing),
      h('p', { key: 'links', class: 'muted' }, t('dia.links'), ': ', ['/docs', '/metrics', '/readyz', '/api/v1/routes'].map((path) => [h('a', { key: path, href: path }, path), ' '])));
  },
};
