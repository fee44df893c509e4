// The audit trail, where the node keeps one: who did what to it, and when.

import { api } from '../api.js';
import { h } from '../dom.js';
import { moment } from '../format.js';
import { card, empty, page, table, trouble, waiting } from '../parts.js';
import { t } from '../words.js';

const first = (entry, names) => names.map((name) => entry[name]).find((value) => value !== undefined && value !== null);
const text = (value) => (value === undefined ? '–' : typeof value === 'object' ? JSON.stringify(value) : String(value));

export const audit = {
  async fetch() {
    const told = await api.find('/api/v1/audit');
    return { entries: told === null ? null : [...(told.events ?? told.entries ?? told)].reverse() };
  },

  show({ open, refresh }) {
    const { data, error } = open;
    if (error && !data) return page(t('nav.audit'), t('aud.intro'), trouble(error, refresh));
    if (!data) return page(t('nav.audit'), t('aud.intro'), waiting());
    const { entries } = data;
    const columns = [{ name: t('aud.time') }, { name: t('aud.who') }, { name: t('aud.act') }, { name: t('aud.about') }, { name: t('aud.outcome') }];
    const rows = (entries ?? []).map((entry, at) => ({ key: first(entry, ['seq', 'offset', 'id']) ?? at, cells: [
      moment(first(entry, ['at_ms', 'stamp_ms', 'time_ms'])), text(first(entry, ['principal', 'by', 'who'])), h('code', {}, text(first(entry, ['act', 'action', 'kind']))), text(first(entry, ['about', 'subject', 'target', 'detail'])), text(first(entry, ['outcome', 'result', 'status']))] }));
    const nothing = entries === null ? empty(t('aud.absent'), t('aud.absent.hint'), 'audit') : empty(t('aud.none'), t('aud.none.hint'), 'audit');
    return page(t('nav.audit'), t('aud.intro'), card({ key: 'audit', flush: true }, rows.length ? table({ label: t('nav.audit'), columns, rows }) : nothing));
  },
};
