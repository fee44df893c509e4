// This process: what it is, what it costs, and what it warned of.

import { api } from '../api.js';
import { byteCeiling } from '../chart.js';
import { h } from '../dom.js';
import { bytes, clock, count, millis, moment, number, span } from '../format.js';
import { badge, card, codeLink, empty, facts, page, trouble, waiting, when } from '../parts.js';
import { rates, state } from '../store.js';
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

function charts(trend) {
  const cpu = rates(trend.cpu_ms, trend.at_ms).map((value) => (value === null ? null : value / 10));
  return h('div', { class: 'grid-2', key: 'charts' },
    card({ key: 'cpu' }, trendChart('cpu', t('dia.cpu.chart'), t('dia.cpu.note'), [{ name: t('dia.cpu.chart'), color: 1, values: cpu }], (value) => (value === null ? '–' : `${number(value, 1)} %`), { filled: true, height: 110 })),
    card({ key: 'memory' }, trendChart('memory', t('dia.memory.chart'), null, [{ name: t('dia.memory.chart'), color: 3, values: trend.resident_bytes }], bytes, { filled: true, height: 110, upTo: byteCeiling })));
}

export const diagnostics = {
  async fetch() {
    const asked_ms = Date.now();
    const [node, told] = await Promise.all([api.get('/api/v1/node'), api.get('/api/v1/log').catch(() => ({ lines: [], last: 0 }))]);
    return { node: { ...node, asked_ms: (asked_ms + Date.now()) / 2 }, log: told };
  },

  show({ open, refresh }) {
    const { data, error } = open;
    if (error && !data) return page(t('nav.diagnostics'), t('dia.intro'), trouble(error, refresh));
    if (!data) return page(t('nav.diagnostics'), t('dia.intro'), waiting(8));
    return page(t('nav.diagnostics'), t('dia.intro'),
      state.trend && charts(state.trend),
      h('div', { class: 'grid-2', key: 'both' }, process(data.node), capabilities(data.node)),
      log(data.log),
      h('p', { key: 'links', class: 'muted' }, t('dia.links'), ': ', ['/docs', '/metrics', '/readyz', '/api/v1/routes'].map((path) => [h('a', { key: path, href: path }, path), ' '])));
  },
};
