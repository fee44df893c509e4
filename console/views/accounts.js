// Where every reading is, as sums that close.

import { api } from '../api.js';
import { h } from '../dom.js';
import { bytes, count, exact, moment } from '../format.js';
import { card, codeLink, difference, empty, page, table, trouble, waiting } from '../parts.js';
import { named, t } from '../words.js';

/** `whole = part + part + ...`, and what does not fit. */
function sum(left, right, differs) {
  const term = ([name, value]) => h('span', { class: 'term', key: name }, h('b', {}, exact(value)), h('small', {}, name));
  const plus = (list) => list.flatMap((one, at) => (at === 0 ? [term(one)] : [h('span', { class: 'sign', key: `plus ${one[0]}`, 'aria-label': '+' }, '+'), term(one)]));
  return h('p', { class: 'sum' }, plus(left), h('span', { class: 'sign', key: 'is' }, '='), plus(right),
    h('span', { class: `term result ${differs === 0 ? 'ok' : 'bad'}`, key: 'differs' }, h('b', {}, exact(differs)), h('small', {}, t('acc.difference'))));
}

function reasons(admission) {
  const list = [...Object.entries(admission.malformed_by_code), ...Object.entries(admission.refused_by_reason)];
  return list.length > 0 && h('div', { class: 'reasons' }, h('h3', {}, t('acc.reasons')), h('ul', { class: 'tags' }, list.map(([code, many]) => h('li', { key: code }, code.startsWith('TG-') ? codeLink(code) : h('code', {}, code), ' ', count(many)))));
}

function sources(list) {
  const columns = [{ name: t('acc.source') }, { name: t('acc.class') }, { name: t('acc.accepted'), class: 'num' }, { name: t('acc.absorbed'), class: 'num' }];
  return card({ key: 'sources', title: t('acc.sources'), flush: true }, list.length
    ? table({ label: t('acc.sources'), columns, stack: false, rows: list.map((row) => ({ key: `${row.source} ${row.class}`, cells: [named('source', row.source), named('class', row.class), exact(row.accepted), exact(row.absorbed)] })) })
    : empty(t('acc.empty'), t('acc.empty.hint'), 'accounts'));
}

const WAYS = [['routed', 'acc.routed'], ['delivered', 'acc.delivered'], ['absorbed', 'acc.absorbed'], ['coalesced', 'acc.coalesced'], ['shed', 'acc.shed'], ['dead_lettered', 'acc.dead'], ['lag', 'acc.lag'], ['in_flight', 'acc.flight']];

function bySink(list) {
  const columns = [{ name: t('sink.sink') }, { name: t('acc.class') }, ...WAYS.map(([, key]) => ({ name: t(key), class: 'num' })), { name: t('acc.difference'), class: 'num' }];
  const rows = list.filter((row) => row.routed > 0 || row.difference !== 0);
  return card({ key: 'sinks', title: t('acc.sinks'), flush: true }, rows.length
    ? table({ label: t('acc.sinks'), columns, rows: rows.map((row) => ({ key: `${row.sink} ${row.class}`, tone: row.difference === 0 ? '' : 'differs', cells: [row.sink, named('class', row.class), ...WAYS.map(([name]) => exact(row[name])), difference(row.difference)] })) })
    : empty(t('acc.empty'), t('acc.empty.hint'), 'accounts'));
}

function crashes(admission) {
  const columns = [{ name: t('acc.crash.noticed') }, { name: t('acc.crash.lost'), class: 'num' }];
  return card({ key: 'crashes', title: t('acc.crashes'), note: admission.crashes ? `${count(admission.crashes)} · ${t('balance.crash', { count: count(admission.lost_at_crash_max) })}` : null, flush: true },
    admission.recent_crashes.length
      ? table({ label: t('acc.crashes'), columns, stack: false, rows: admission.recent_crashes.map((crash) => ({ key: crash.noticed_ms, cells: [moment(crash.noticed_ms), exact(crash.lost_max)] })) })
      : empty(t('acc.crashes.none')));
}

export const accounts = {
  fetch: () => api.get('/api/v1/ingest/accounts'),

  show({ open, refresh }) {
    const { data, error } = open;
    if (error && !data) return page(t('nav.accounts'), t('acc.intro'), trouble(error, refresh));
    if (!data) return page(t('nav.accounts'), t('acc.intro'), waiting());
    const { admission, routing } = data;
    return page(t('nav.accounts'), t('acc.intro'),
      card({ key: 'admission', title: t('acc.admission') },
        sum([[t('acc.received'), admission.received]], [[t('acc.accepted'), admission.accepted], [t('acc.quarantined'), admission.quarantined], [t('acc.malformed'), admission.malformed], [t('acc.refused'), admission.refused]], admission.difference),
        reasons(admission),
        admission.quarantine.readings > 0 && h('p', { class: 'muted' }, t('acc.quarantine', { count: count(admission.quarantine.readings), bytes: bytes(admission.quarantine.bytes) }))),
      card({ key: 'routing', title: t('acc.routing') },
        sum([[t('acc.accepted'), routing.accepted], [t('acc.derived'), routing.derived]], [[t('acc.routed'), routing.routed], [t('acc.unrouted'), routing.unrouted]], routing.difference)),
      bySink(data.sinks),
      h('div', { class: 'grid-2', key: 'low' }, sources(admission.sources), crashes(admission)));
  },
};
