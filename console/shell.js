// Around every view: the bar, the list of views, what is said in passing, and dialogs.

import { h } from './dom.js';
import { clock, count } from './format.js';
import { icon, mark } from './icons.js';
import { changed, dismiss, state } from './store.js';
import { t } from './words.js';

/** The views, by group; a letter goes there after G. */
export const GROUPS = [
  ['nav.now', [['overview', 'o'], ['alarms', 'a'], ['devices', 'd']]],
  ['nav.flow', [['sinks', 's'], ['letters', 'l'], ['accounts', 'c'], ['journal', 'j'], ['ledger', 'b'], ['story', 'y']]],
  ['nav.node', [['config', 'f'], ['principals', 'p'], ['audit', 't'], ['diagnostics', 'i']]],
];
/** Those that a thumb reaches on a phone. */
const THUMB = ['overview', 'alarms', 'devices', 'sinks'];

export const nameOf = (route) => t(`nav.${route}`);

function mark_of(route) {
  const beat = state.beat;
  if (!beat) return null;
  const many = { alarms: beat.alarms.unacknowledged, letters: beat.dead_letters, sinks: beat.sinks.filter((sink) => !sink.running || sink.breaker !== 'closed').length }[route];
  if (route === 'accounts' && beat.difference !== 0) return h('span', { class: 'count bad' }, '!');
  return many ? h('span', { class: `count${route === 'letters' ? '' : ' bad'}` }, count(many)) : null;
}

function link(route, letter) {
  const here = state.route.name === route;
  return h('a', { key: route, href: `#/${route}`, class: 'nav-link', 'aria-current': here ? 'page' : null, title: letter ? `G ${letter.toUpperCase()}` : null },
    icon(route), h('span', {}, nameOf(route)), mark_of(route));
}

function list() {
  return GROUPS.map(([name, views]) => h('div', { class: 'nav-group', key: name }, h('p', { class: 'nav-name' }, t(name)), views.map(([route, letter]) => link(route, letter))));
}

function linkState() {
  const { state: at } = state.link;
  const tone = { live: 'ok', wait: 'info', lost: 'bad' }[at];
  return h('span', { class: `link ${tone}`, role: 'status' }, h('span', { class: 'dot', 'aria-hidden': 'true' }), h('span', { class: 'link-text' }, t(`link.${at}`)));
}

function bar(act) {
  const dark = act.isDark();
  return h('header', { class: 'bar', key: 'bar' },
    h('a', { class: 'brand', href: '#/overview' }, mark(), h('span', {}, 'tidegate'), h('span', { class: 'brand-zh', lang: 'zh' }, '潮闸')),
    h('div', { class: 'bar-tools' },
      linkState(),
      state.me && !state.me.anonymous && h('span', { class: 'me' }, state.me.name),
      state.me && !state.me.anonymous && h('button', { class: 'tool', 'aria-label': t('app.logout'), title: t('app.logout'), onclick: act.logout }, icon('out')),
      h('button', { class: 'tool words', 'aria-label': t('app.language'), title: t('app.language'), onclick: act.language }, t('app.language').startsWith('切') ? '中' : 'EN'),
      h('button', { class: 'tool', 'aria-label': t('app.theme'), title: t('app.theme'), onclick: act.theme }, icon(dark ? 'sun' : 'moon')),
      h('button', { class: 'tool wide', 'aria-label': t('app.help'), title: t('app.help'), onclick: act.help }, icon('help'))));
}

function thumbs(act) {
  const isElsewhere = !THUMB.includes(state.route.name);
  return h('nav', { class: 'thumbs', key: 'thumbs', 'aria-label': t('app.nav') },
    THUMB.map((route) => link(route)),
    h('button', { class: `nav-link${isElsewhere ? ' here' : ''}`, 'aria-haspopup': 'dialog', onclick: act.menu }, icon('menu'), h('span', {}, t('app.more'))));
}

function toasts() {
  return h('div', { class: 'toasts', key: 'toasts', role: 'status', 'aria-live': 'polite' }, state.toasts.map((entry) =>
    h('div', { class: `toast ${entry.kind}`, key: entry.id }, h('p', {}, entry.text), h('button', { class: 'tool', 'aria-label': t('app.close'), onclick: () => dismiss(entry.id) }, icon('close')))));
}

/** A dialog of the browser's own kind, which keeps the focus in and closes by Esc. */
function dialog(act) {
  if (!state.dialog) return null;
  const { title, content, wide } = state.dialog;
  return h('dialog', { key: 'dialog', class: wide ? 'wide' : '', 'aria-labelledby': 'dialog-title', born: (node) => node.showModal(), onclose: act.close,
    // Nothing is returned: a false would keep the buttons in there from what they do.
    onclick: (event) => { if (event.target === event.currentTarget) event.currentTarget.close(); } },
    h('div', { class: 'dialog' },
      h('header', { class: 'dialog-head' }, h('h2', { id: 'dialog-title' }, title), h('button', { class: 'tool', 'aria-label': t('app.close'), onclick: act.close }, icon('close'))),
      content()));
}

export function keysHelp() {
  const row = (keys, text) => h('div', { key: text }, h('dt', {}, keys.map((key) => h('kbd', {}, key))), h('dd', {}, text));
  return h('dl', { class: 'keys' },
    row(['?'], t('keys.help')), row(['G', '…'], t('keys.go')),
    GROUPS.flatMap(([, views]) => views).map(([route, letter]) => row(['G', letter.toUpperCase()], nameOf(route))),
    row(['/'], t('keys.filter')), row(['↑', '↓'], t('keys.move')), row(['Enter'], t('keys.open')), row(['→', '←'], t('keys.branch')), row(['A'], t('keys.acknowledge')), row(['S'], t('keys.shelve')),
    row(['T'], t('keys.theme')), row(['L'], t('keys.language')), row(['Esc'], t('keys.close')));
}

export function menu() {
  const leave = () => {
    state.dialog = null;
    changed();
  };
  return h('nav', { class: 'sheet-nav', 'aria-label': t('app.nav'), onclick: leave }, list());
}

export function shell(act, content) {
  const { state: at, since } = state.link;
  return [
    h('a', { class: 'skip', key: 'skip', href: '#main', onclick: act.skip }, t('app.skip')),
    bar(act),
    h('nav', { class: 'side', key: 'side', 'aria-label': t('app.nav') }, list()),
    h('main', { id: 'main', key: 'main', tabindex: '-1' },
      at === 'lost' && h('p', { class: 'lost', key: 'lost', role: 'alert' }, t('link.lost.long', { time: clock(since) })),
      h('div', { class: 'page', key: `page ${state.route.name}` }, content)),
    thumbs(act),
    toasts(),
    dialog(act),
  ];
}
