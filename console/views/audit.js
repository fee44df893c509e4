// The audit trail: who did what to the node, and when. For auditors alone.

import { api, hasRoute } from '../api.js';
import { h } from '../dom.js';
import { moment } from '../format.js';
import { badge, card, empty, page, table, trouble, waiting } from '../parts.js';
import { may } from '../store.js';
import { t } from '../words.js';

/** Acts that are shown; what is older is asked for with `tidegate audit list`. */
const KEPT_MAX = 500;

/** What was read so far, and where the next page begins: the trail only grows. */
const trail = { after: 0, events: [] };

const isAuditor = () => may('auditor');

async function more() {
  for (;;) {
    const { events, after } = await api.get(`/api/v1/audit?after=${trail.after}`);
    trail.events = [...events.reverse(), ...trail.events].slice(0, KEPT_MAX);
    if (events.length === 0 || after <= trail.after) return;
    trail.after = after;
  }
}

function outcome(status) {
  if (status === null) return badge('warn', t('aud.unknown'));
  return badge(status < 400 ? 'ok' : 'bad', String(status));
}

function row(event) {
  return { key: event.seq, cells: [moment(event.at_ms), h('span', {}, event.who, h('small', { class: 'muted block' }, event.from)), h('code', {}, event.what),
    h('span', {}, h('code', { class: 'wrap' }, event.target), event.detail && h('small', { class: 'muted block' }, event.detail)), outcome(event.status)] };
}

export const audit = {
  async fetch() {
    const isKept = await hasRoute('/api/v1/audit');
    if (isKept && isAuditor()) await more();
    return { isKept };
  },

  show({ open, refresh }) {
    const { data, error } = open;
    if (error && !data) return page(t('nav.audit'), t('aud.intro'), trouble(error, refresh));
    if (!data) return page(t('nav.audit'), t('aud.intro'), waiting());
    const columns = [{ name: t('aud.time') }, { name: t('aud.who') }, { name: t('aud.act') }, { name: t('aud.about'), class: 'wide' }, { name: t('aud.outcome') }];
    const nothing = !data.isKept ? empty(t('aud.absent'), t('aud.absent.hint'), 'audit') : !isAuditor() ? empty(t('aud.closed'), t('aud.closed.hint'), 'audit') : empty(t('aud.none'), t('aud.none.hint'), 'audit');
    return page(t('nav.audit'), t('aud.intro'), card({ key: 'audit', flush: true }, trail.events.length && isAuditor() ? table({ label: t('nav.audit'), columns, rows: trail.events.map(row) }) : nothing));
  },
};
