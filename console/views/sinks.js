// Sinks: how far each one is, whether it takes anything, and why not; and the channels that tell people of alarms.

import { api } from '../api.js';
import { h } from '../dom.js';
import { count, rate, span } from '../format.js';
import { badge, card, difference, empty, facts, fault, page, sinkState, table, trouble, waiting } from '../parts.js';
import { rates, recent, state } from '../store.js';
import { named, t } from '../words.js';
import { lagSeries, trendChart } from './overview.js';

/** How long until nothing waits, as it went in the last seconds. */
function emptyIn(sink) {
  const column = state.trend?.lag[sink];
  if (!column?.at(-1)) return null;
  const shrinks = recent(column.slice(-16).map((value, at, all) => (at === 0 || value === null || all[at - 1] === null ? null : all[at - 1] - value)), 15);
  return shrinks > 0 ? t('sink.drain', { span: span((column.at(-1) / shrinks) * 1000) }) : null;
}

function row(sink, chosen) {
  const beat = state.beat?.sinks.find((of) => of.sink === sink.sink);
  const { tone, text } = sinkState(sink);
  const out = recent(rates(state.trend?.delivered[sink.sink], state.trend?.at_ms ?? []), 3) ?? 0;
  const [lag, soon] = [beat ? beat.lag : 0, emptyIn(sink.sink)];
  return { key: sink.sink, chosen: sink.sink === chosen, cells: [
    h('a', { href: `#/sinks/${encodeURIComponent(sink.sink)}` }, sink.sink), badge(tone, text), rate(out),
    h('span', {}, count(lag), soon && h('small', { class: 'muted block' }, soon)), count(beat?.in_flight), count(sink.limit), count(sink.failures), fault(sink.last_error)] };
}

function detail(sink, accounts) {
  const rows = accounts.sinks.filter((account) => account.sink === sink.sink);
  const names = ['routed', 'delivered', 'absorbed', 'coalesced', 'shed', 'dead_lettered', 'lag', 'in_flight'];
  const words = { dead_lettered: 'acc.dead', lag: 'acc.lag', in_flight: 'acc.flight' };
  const columns = [{ name: t('acc.class') }, ...names.map((name) => ({ name: t(words[name] ?? `acc.${name}`), class: 'num' })), { name: t('acc.difference'), class: 'num' }];
  const { tone, text } = sinkState(sink);
  return card({ key: `sink ${sink.sink}`, title: sink.sink, flush: true },
    facts('facts', [[t('sink.state'), badge(tone, text)], [t('sink.breaker'), named('breaker', sink.breaker)], [t('sink.limit'), count(sink.limit)], [t('sink.failures'), count(sink.failures)], [t('sink.last'), fault(sink.last_error), 'wide']]),
    table({ label: sink.sink, columns, rows: rows.map((account) => ({ key: account.class, cells: [named('class', account.class), ...names.map((name) => count(account[name])), difference(account.difference)] })) }));
}

function channels(list) {
  const columns = [{ name: t('sink.channel') }, { name: t('sink.sent'), class: 'num' }, { name: t('sink.merged'), class: 'num' }, { name: t('sink.expired'), class: 'num' }, { name: t('sink.waiting'), class: 'num' }, { name: t('acc.difference'), class: 'num' }, { name: t('sink.last'), class: 'wide' }];
  const rows = list.map((channel) => ({ key: channel.channel, cells: [h('span', {}, channel.channel, h('small', { class: 'muted block' }, channel.type)), count(channel.sent), count(channel.merged), count(channel.expired), count(channel.waiting), difference(channel.difference), fault(channel.state?.failure)] }));
  return card({ key: 'channels', title: t('sink.channels'), flush: true }, rows.length ? table({ label: t('sink.channels'), columns, rows }) : empty(t('sink.channels.none'), t('sink.channels.none.hint'), 'alarms'));
}

export const sinks = {
  async fetch() {
    const [accounts, told] = await Promise.all([api.get('/api/v1/ingest/accounts'), api.get('/api/v1/notice/channels')]);
    return { accounts, channels: told.channels };
  },

  show({ open, refresh }) {
    const { data, error } = open;
    if (error && !data) return page(t('nav.sinks'), t('sink.intro'), trouble(error, refresh));
    if (!data) return page(t('nav.sinks'), t('sink.intro'), waiting());
    const states = data.accounts.sink_states;
    const chosen = states.find((sink) => sink.sink === state.route.argument);
    const columns = [{ name: t('sink.sink') }, { name: t('sink.state') }, { name: t('sink.rate'), class: 'num' }, { name: t('sink.lag'), class: 'num' }, { name: t('sink.flight'), class: 'num' }, { name: t('sink.limit'), class: 'num' }, { name: t('sink.failures'), class: 'num' }, { name: t('sink.last'), class: 'wide' }];
    return page(t('nav.sinks'), t('sink.intro'),
      card({ key: 'sinks', flush: true }, states.length ? table({ label: t('nav.sinks'), columns, rows: states.map((sink) => row(sink, chosen?.sink)) }) : empty(t('sink.none'), t('sink.none.hint'), 'sinks')),
      chosen && detail(chosen, data.accounts),
      state.trend && card({ key: 'lag' }, trendChart('lag', t('over.chart.lag'), t('over.chart.lag.note'), lagSeries(state.trend), count)),
      channels(data.channels));
  },

  key(key, { go }) {
    if (key !== 'Escape' || !state.route.argument) return false;
    go('sinks');
    return true;
  },
};
