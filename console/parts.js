// The pieces views are made of: cards, numbers, tables, badges, and what stands there when there is nothing or something went wrong.

import { Refused, Unreachable } from './api.js';
import { h } from './dom.js';
import { ago, count, moment } from './format.js';
import { icon } from './icons.js';
import { t } from './words.js';

export function page(title, intro, ...content) {
  return [
    h('header', { class: 'page-head', key: 'head' }, h('h1', { tabindex: '-1', id: 'title' }, title), typeof intro === 'string' ? h('p', { class: 'intro' }, intro) : intro),
    ...content,
  ];
}

/** `{ key, title, note, actions, flush }`; flush for content that goes to the edges. */
export function card({ key, title, note, actions, flush, tone }, ...content) {
  return h('section', { class: `card${flush ? ' flush' : ''}${tone ? ` ${tone}` : ''}`, key, 'aria-label': title },
    title && h('header', { class: 'card-head' }, h('h2', {}, title), note && h('p', { class: 'note' }, note), actions && h('div', { class: 'actions' }, actions)),
    h('div', { class: 'card-body' }, content));
}

/** A number with its unit set smaller. */
function big(text) {
  const [, value, unit] = /^(\S+) (\S+)$/.exec(text) ?? [null, text, ''];
  return unit ? [value, h('small', {}, unit)] : text;
}

/** A number that is looked at from far. */
export function stat({ key, label, value, note, tone, href, trend }) {
  const inside = [
    h('span', { class: 'stat-label' }, label),
    h('span', { class: 'stat-value' }, big(value)),
    h('span', { class: 'stat-note' }, note ?? ''),
    trend ?? null,
  ];
  return href ? h('a', { class: `stat ${tone ?? ''}`, key, href }, inside) : h('div', { class: `stat ${tone ?? ''}`, key }, inside);
}

export function badge(tone, text, more = {}) {
  return h('span', { class: `badge ${tone}`, ...more }, h('span', { class: 'dot', 'aria-hidden': 'true' }), text);
}

/**
 * A table. `columns`: `{ name, class, label }`; `rows`: `{ key, cells, tone, chosen, onclick }`. On a narrow screen each row becomes a block and
 * each cell says its column.
 */
export function table({ key, label, columns, rows, stack = true }) {
  return h('div', { class: 'table-box', key, tabindex: rows.length && !stack ? '0' : null, role: stack ? null : 'region', 'aria-label': stack ? null : label },
    h('table', { class: stack ? 'stack' : '' },
      h('caption', { class: 'hidden' }, label),
      h('thead', {}, h('tr', {}, columns.map((column) => h('th', { scope: 'col', class: column.class ?? '' }, column.name)))),
      h('tbody', {}, rows.map((row) => h('tr', { key: row.key, class: `${row.tone ?? ''}${row.chosen ? ' chosen' : ''}` },
        row.cells.map((cell, at) => (at === 0
          ? h('th', { scope: 'row', class: columns[at].class ?? '' }, cell)
          : h('td', { class: columns[at].class ?? '', 'data-column': columns[at].name }, cell))))))));
}

/** Names with values. */
export function facts(key, list) {
  return h('dl', { class: 'facts', key }, list.filter(Boolean).map(([name, value, tone]) => h('div', { key: name, class: tone === 'wide' ? 'wide' : '' }, h('dt', {}, name), h('dd', { class: tone ?? '' }, value))));
}

export function empty(title, hint, name = 'check') {
  return h('div', { class: 'empty' }, icon(name), h('p', { class: 'empty-title' }, title), hint && h('p', {}, hint));
}

/** What is about to come, as large as what will be there. */
export function waiting(lines = 4) {
  return h('div', { class: 'waiting', 'aria-busy': 'true' }, Array.from({ length: lines }, (_, at) => h('span', { key: at })));
}

export function trouble(error, again) {
  const isRefused = error instanceof Refused;
  const isSilent = error instanceof Unreachable;
  const title = isSilent ? t('error.unreachable') : isRefused && error.status === 403 ? t('error.role') : t('error.title');
  return h('div', { class: 'trouble', role: 'alert' },
    h('p', { class: 'trouble-title' }, title),
    isRefused && h('p', {}, error.code && codeLink(error.code), ' ', error.message),
    h('p', { class: 'hint' }, isSilent ? t('error.unreachable.hint') : error.hint ?? (isRefused ? '' : String(error.message))),
    isRefused && error.requestId && h('p', { class: 'request' }, t('error.request', { id: error.requestId })),
    again && h('button', { class: 'button', onclick: again }, t('error.again')));
}

/** An error code, which leads to its page in the documentation that the node has with it. */
export function codeLink(code) {
  return h('a', { class: 'code', href: `/docs/errors/${code}` }, h('code', {}, code));
}

/** A moment, told by how long ago it was. */
export function when(ms) {
  return ms ? h('time', { datetime: new Date(ms).toISOString(), title: moment(ms) }, ago(ms)) : ago(ms);
}

/** A difference of accounts: nothing to see where it is 0. */
export function difference(value) {
  return h('span', { class: value === 0 ? 'zero' : 'differs' }, count(value));
}

/** How full something is. */
export function meter(value, max, label) {
  const share = max > 0 ? Math.min(1, value / max) : 0;
  return h('div', { class: `meter${share > 0.9 ? ' bad' : share > 0.75 ? ' warn' : ''}`, role: 'meter', 'aria-label': label, 'aria-valuemin': 0, 'aria-valuemax': max, 'aria-valuenow': Math.min(value, max) },
    h('span', { style: { width: `${(share * 100).toFixed(1)}%` } }));
}

/** Of an error that is told about something: its code and words. */
export function fault(error) {
  return error ? h('span', { class: 'fault' }, codeLink(error.code), h('span', { class: 'fault-words', title: error.message }, error.message), error.at_ms && h('span', { class: 'muted' }, when(error.at_ms))) : h('span', { class: 'muted' }, '–');
}

/** The state of a sink, worst first. */
export function sinkState(sink) {
  if (!sink.running) return { tone: 'bad', text: t('sink.stopped') };
  if (sink.breaker === 'open') return { tone: 'bad', text: t('sink.open') };
  if (sink.breaker === 'half-open') return { tone: 'warn', text: t('sink.half-open') };
  return sink.catching_up ? { tone: 'info', text: t('sink.catching') } : { tone: 'ok', text: t('sink.ok') };
}
