// The two journals: what they hold of what they may, how long a write and a sync take, and who reads how far.

import { api } from '../api.js';
import { h } from '../dom.js';
import { bytes, count, exact, micros } from '../format.js';
import { badge, card, facts, meter, page, table, trouble, waiting, when } from '../parts.js';
import { t } from '../words.js';

function standing(journal) {
  if (journal.stopped) return badge('bad', t('jou.stopped'));
  return journal.read_only ? badge('warn', t('jou.readonly')) : badge('ok', t('jou.ok'));
}

const spread = ({ count: many, p50, p99 }) => (many ? t('jou.p', { p50: micros(p50), p99: micros(p99) }) : '–');

function used(journal) {
  const { log_bytes: now, bytes_max: max, keep_bytes: keep } = journal;
  if (max === null) return h('p', { class: 'used' }, t('jou.unlimited', { bytes: bytes(now) }));
  return h('div', { class: 'used' }, h('p', {}, h('b', {}, t('jou.of', { bytes: bytes(now), max: bytes(max) })), h('span', { class: 'muted' }, t('jou.keep', { bytes: bytes(keep) }))), meter(now, max, t('jou.used')));
}

function one(journal) {
  const why = journal.stopped ?? journal.read_only;
  const columns = [{ name: t('jou.cursor') }, { name: t('jou.position'), class: 'num' }, { name: t('sink.lag'), class: 'num' }, { name: t('sink.flight'), class: 'num' }];
  const rows = journal.cursors.map((cursor) => ({ key: cursor.cursor, cells: [cursor.cursor, exact(cursor.position), count(cursor.lag), count(cursor.in_flight)] }));
  return card({ key: journal.journal, title: journal.journal, actions: standing(journal) },
    why && h('p', { class: 'fault' }, why),
    used(journal),
    facts('facts', [
      [t('jou.records'), exact(journal.head_seq)], [t('jou.unsynced'), count(journal.head_seq - journal.synced_seq)], [t('jou.segments'), count(journal.segments)], [t('jou.oldest'), when(journal.oldest_ms)],
      [t('jou.sync'), spread(journal.sync_us)], [t('jou.written'), spread(journal.until_written_us)], [t('jou.synced'), spread(journal.until_synced_us)], [t('jou.batches'), count(journal.batches)],
      journal.bytes_max !== null && [t('jou.shed'), count(journal.segments_shed), journal.segments_shed ? 'warn' : ''], journal.bytes_max !== null && [t('jou.carried'), count(journal.records_carried)],
      [t('jou.cut'), bytes(journal.cut_bytes)], [t('jou.window'), count(journal.window_ids)]]),
    rows.length > 0 && [h('h3', {}, t('jou.cursors')), table({ label: t('jou.cursors'), columns, rows, stack: false })]);
}

export const journal = {
  fetch: () => api.get('/api/v1/journals'),

  show({ open, refresh }) {
    const { data, error } = open;
    if (error && !data) return page(t('nav.journal'), t('jou.intro'), trouble(error, refresh));
    if (!data) return page(t('nav.journal'), t('jou.intro'), waiting());
    return page(t('nav.journal'), t('jou.intro'), h('div', { class: 'grid-2', key: 'both' }, [...data.journals].reverse().map(one)));
  },
};
