// Everything at a glance: whether the node does its work, what comes in and what waits, and what needs a person.

import { api } from '../api.js';
import { chart, spark } from '../chart.js';
import { h } from '../dom.js';
import { bytes, count, micros, number, rate, span } from '../format.js';
import { badge, card, empty, page, sinkState, stat, table, waiting, when } from '../parts.js';
import { rates, recent, SECONDS_MAX, state } from '../store.js';
import { named, t } from '../words.js';
import { demo } from './demo.js';

const CLASSES = [['critical', 2], ['process', 1], ['telemetry', 3]];
const NONE = [];
/** Seconds from edge to edge of a chart that has begun just now. */
const SHORTEST = 60;

function hero(beat) {
  if (!beat) return h('section', { class: 'hero', key: 'hero' }, h('div', { class: 'hero-main' }, h('h2', {}, t('ready.wait')), h('p', {}, '\u00a0')));
  const up = state.hello ? t('ready.up', { span: span(beat.at_ms - state.hello.started_ms) }) : '';
  const facts = [state.hello && `tidegate ${state.hello.version}`, up, t('ready.generation', { count: beat.generation })].filter(Boolean).join(' · ');
  const closes = beat.difference === 0;
  return h('section', { class: `hero ${beat.ready ? 'ok' : 'bad'}`, key: 'hero', 'aria-live': 'polite' },
    h('div', { class: 'hero-main' },
      h('h2', {}, h('span', { class: 'dot big', 'aria-hidden': 'true' }), t(beat.ready ? 'ready.yes' : 'ready.no')),
      beat.reasons.map(({ capability, reason }) => h('p', { class: 'reason', key: capability }, h('b', {}, capability), ' ', reason)),
      h('p', { class: 'muted' }, facts)),
    h('a', { class: `hero-balance ${closes ? '' : 'bad'}`, href: '#/accounts' },
      h('span', { class: 'balance-number' }, count(beat.difference)),
      h('span', {}, h('b', {}, t(closes ? 'balance.ok' : 'balance.bad')),
        h('small', {}, t(closes ? 'balance.ok.long' : 'balance.bad.long', { count: count(beat.difference) })),
        beat.lost_at_crash_max > 0 && h('small', {}, t('balance.crash', { count: count(beat.lost_at_crash_max) })))));
}

/** Of the processor, over the last seconds. */
function cpu(trend) {
  const percent = recent(rates(trend.cpu_ms, trend.at_ms));
  return percent === null ? null : percent / 10;
}

function stats(beat, trend) {
  const received = rates(trend.received, trend.at_ms);
  const lag = beat.sinks.reduce((sum, sink) => sum + sink.lag + sink.in_flight, 0);
  const lags = trend.at_ms.map((_, at) => Object.values(trend.lag).reduce((sum, column) => sum + (column[at] ?? 0), 0));
  const load = cpu(trend);
  return h('section', { class: 'stats', key: 'stats', 'aria-label': t('nav.overview') },
    stat({ key: 'rate', label: t('over.rate'), value: rate(recent(received, 3) ?? 0), note: t('over.total', { count: count(beat.received) }), trend: spark(received.slice(-60), t('over.rate')) }),
    stat({ key: 'lag', label: t('over.lag'), value: count(lag), note: t('over.lag.note', { count: beat.sinks.length }), href: '#/sinks', tone: beat.sinks.some((sink) => sink.breaker !== 'closed') ? 'bad' : '', trend: spark(lags.slice(-60), t('over.lag'), { color: 4 }) }),
    stat({ key: 'alarms', label: t('over.alarms'), value: count(beat.alarms.unacknowledged), note: t('over.alarms.note', { count: count(beat.alarms.active) }), href: '#/alarms', tone: beat.alarms.unacknowledged ? 'bad' : '' }),
    stat({ key: 'letters', label: t('over.letters'), value: count(beat.dead_letters), note: t('over.letters.note'), href: '#/letters', tone: beat.dead_letters ? 'warn' : '' }),
    stat({ key: 'connections', label: t('over.connections'), value: count(beat.connections), note: t('over.connections.note') }),
    stat({ key: 'memory', label: t('over.memory'), value: bytes(beat.resident_bytes), note: load === null ? '\u00a0' : t('over.memory.note', { percent: number(load, 1) }), href: '#/diagnostics' }));
}

/** Lines of the last minutes; what each of them is follows from the trend. */
export function trendChart(id, title, note, series, show, more = {}) {
  const times = state.trend?.at_ms ?? NONE;
  return chart({ id, title, note, series, times, length: Math.min(SECONDS_MAX, Math.max(SHORTEST, times.length)), show, ...more });
}

export const lagSeries = (trend) => Object.entries(trend.lag).map(([name, values], at) => ({ name, color: (at % 6) + 1, values }));

function charts(trend) {
  const taken = CLASSES.map(([name, color]) => ({ name: t(`class.${name}`), color, values: rates(trend.taken[name], trend.at_ms) }));
  const waits = CLASSES.slice(0, 2).map(([name, color]) => ({ name: t(`class.${name}`), color, values: trend.wait_us[name] ?? NONE }));
  return h('div', { class: 'grid-2', key: 'charts' },
    card({ key: 'rate' }, trendChart('rate', t('over.chart.rate'), t('over.chart.rate.note'), taken, rate, { filled: true })),
    card({ key: 'wait' }, trendChart('wait', t('over.chart.wait'), t('over.chart.wait.note'), waits, micros)));
}

function sinkRow(sink, trend) {
  const { tone, text } = sinkState(sink);
  const out = recent(rates(trend.delivered[sink.sink], trend.at_ms), 3) ?? 0;
  return { key: sink.sink, cells: [h('a', { href: `#/sinks/${encodeURIComponent(sink.sink)}` }, sink.sink), badge(tone, text), rate(out), count(sink.lag + sink.in_flight)] };
}

function sinks(beat, trend) {
  const columns = [{ name: t('sink.sink') }, { name: t('sink.state') }, { name: t('sink.rate'), class: 'num' }, { name: t('sink.lag'), class: 'num' }];
  return card({ key: 'sinks', title: t('over.sinks'), flush: true, actions: h('a', { class: 'more', href: '#/sinks' }, t('over.all')) },
    beat.sinks.length
      ? table({ label: t('over.sinks'), columns, stack: false, rows: beat.sinks.map((sink) => sinkRow(sink, trend)) })
      : empty(t('sink.none'), t('sink.none.hint'), 'sinks'));
}

function alarmList(alarms) {
  const open = alarms.filter((alarm) => !alarm.acknowledged).slice(0, 6);
  return card({ key: 'alarms', title: t('over.alarms.list'), flush: true, actions: h('a', { class: 'more', href: '#/alarms' }, t('over.all')) },
    open.length
      ? h('ul', { class: 'lines' }, open.map((alarm) => h('li', { key: alarm.key }, h('a', { href: `#/alarms/${encodeURIComponent(alarm.key)}` },
        badge(alarm.severity, named('alarm.severity', alarm.severity)), h('span', { class: 'grow' }, h('b', {}, alarm.key), ' ', alarm.text), h('span', { class: 'muted' }, when(alarm.raised_ms))))))
      : empty(t('over.alarms.none'), t('over.alarms.none.hint')));
}

function log(lines) {
  return card({ key: 'log', title: t('over.log'), flush: true, actions: h('a', { class: 'more', href: '#/diagnostics' }, t('over.all')) },
    lines.length
      ? h('ul', { class: 'lines' }, lines.slice(0, 5).map((line) => h('li', { key: line.number }, h('div', {}, badge(line.level === 'error' ? 'bad' : 'warn', line.code ?? line.level), h('span', { class: 'grow clip', title: line.message }, line.message), h('span', { class: 'muted' }, when(line.at_ms))))))
      : empty(t('over.log.none')));
}

export const overview = {
  async fetch() {
    const [alarms, log] = await Promise.all([api.get('/api/v1/alarms'), api.get('/api/v1/log').catch(() => ({ lines: [] }))]);
    return { alarms, lines: log.lines.reverse() };
  },

  show({ open }) {
    const { beat, trend } = state;
    if (!beat || !trend) return page(t('nav.overview'), null, hero(beat), waiting(8));
    return page(t('nav.overview'), null,
      state.demo && demo(state.demo),
      hero(beat),
      stats(beat, trend),
      charts(trend),
      h('div', { class: 'grid-2', key: 'middle' },
        card({ key: 'lag' }, trendChart('lag', t('over.chart.lag'), t('over.chart.lag.note'), lagSeries(trend), count)),
        sinks(beat, trend)),
      h('div', { class: 'grid-2', key: 'low' }, alarmList(open.data?.alarms ?? []), log(open.data?.lines ?? [])));
  },
};
