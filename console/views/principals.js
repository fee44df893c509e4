// Who is known, and what they may do.

import { api } from '../api.js';
import { h } from '../dom.js';
import { bytes, count } from '../format.js';
import { badge, card, empty, page, table, trouble, waiting } from '../parts.js';
import { state } from '../store.js';
import { named, t } from '../words.js';

function limits(principal) {
  const list = [
    principal.connections_max && t('who.connections', { count: count(principal.connections_max) }),
    principal.messages_per_s_max && t('who.messages', { count: count(principal.messages_per_s_max) }),
    principal.bytes_per_s_max && t('who.bytes', { bytes: bytes(principal.bytes_per_s_max) }),
  ].filter(Boolean);
  return list.length ? list.join(', ') : h('span', { class: 'muted' }, t('value.none'));
}

const tags = (list) => (list.length ? h('ul', { class: 'tags' }, list.map((text) => h('li', { key: text }, h('code', {}, text)))) : h('span', { class: 'muted' }, t('value.none')));

export const principals = {
  fetch: () => api.get('/api/v1/identity/principals'),

  show({ open, refresh }) {
    const { data, error } = open;
    const you = state.me && h('p', { key: 'you', class: 'you' }, t('who.you', { name: state.me.anonymous ? t('who.anonymous') : state.me.name }), ' ', state.me.roles.map((role) => badge('info', named('who.role', role), { key: role })));
    if (error && !data) return page(t('nav.principals'), t('who.intro'), you, trouble(error, refresh));
    if (!data) return page(t('nav.principals'), t('who.intro'), you, waiting());
    const columns = [{ name: t('who.name') }, { name: t('who.kind') }, { name: t('who.roles') }, { name: t('who.scopes'), class: 'wide' }, { name: t('who.limits') }];
    const rows = data.principals.map((principal) => ({ key: principal.name, cells: [principal.name, named('who.kind', principal.kind), principal.roles.length ? principal.roles.map((role) => badge('info', named('who.role', role), { key: role })) : h('span', { class: 'muted' }, t('value.none')), tags(principal.scopes), limits(principal)] }));
    return page(t('nav.principals'), t('who.intro'), you,
      card({ key: 'who', title: t('nav.principals'), note: t(`who.anonymous.${data.anonymous}`), flush: true }, rows.length ? table({ label: t('nav.principals'), columns, rows }) : empty(t('who.none'), t('who.none.hint'), 'principals')));
  },
};
