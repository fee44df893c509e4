// Alarms: what is not normal, what somebody does about it, and where it comes from.

import { api, part } from '../api.js';
import { h } from '../dom.js';
import { clock, count, millis } from '../format.js';
import { icon } from '../icons.js';
import { badge, card, empty, page, trouble, waiting, when } from '../parts.js';
import { changed, state, toast } from '../store.js';
import { named, t } from '../words.js';
import { storySteps } from './story.js';

const SHELF_MINUTES = [15, 60, 480];
const ORDER = ['critical', 'high', 'medium', 'low'];

/** Of use only to who has a keyboard. */
const intro = () => h('p', { class: 'intro for-keys' }, t('alarm.intro'));

const list = () => state.view.data?.alarms ?? [];
const chosen = () => state.route.argument ?? state.choice.key ?? null;
const find = (key) => list().find((alarm) => alarm.key === key);

/** What asks for somebody comes first, the worst of it at the top. */
function sorted(alarms) {
  const rank = (alarm) => (alarm.state === 'unacknowledged' ? 0 : alarm.state === 'returned' ? 1 : alarm.state === 'acknowledged' ? 2 : 3) * 10 + ORDER.indexOf(alarm.severity);
  return [...alarms].sort((one, other) => rank(one) - rank(other) || other.raised_ms - one.raised_ms || (one.key < other.key ? -1 : 1));
}

async function order(key, verb, said, refresh) {
  try {
    await api.post(`/api/v1/alarms/${part(key)}/${verb}`);
    toast('ok', t(said, { key }));
  } catch (error) {
    toast('bad', [error.code, error.message, error.hint].filter(Boolean).join(' · '));
  }
  refresh();
}

const acknowledge = (key, refresh) => order(key, 'acknowledge', 'alarm.acknowledged', refresh);

function shelve(key, refresh) {
  const choose = (minutes) => {
    state.dialog = null;
    order(key, `shelve?for_ms=${minutes * 60000}`, 'alarm.shelved', refresh);
  };
  state.dialog = {
    title: t('alarm.shelve.title', { key }),
    content: () => [h('p', {}, t('alarm.shelve.for')), h('div', { class: 'choices' }, SHELF_MINUTES.map((minutes, at) =>
      h('button', { class: 'button', key: minutes, autofocus: at === 0, onclick: () => choose(minutes) }, t(`minutes.${minutes}`))))],
  };
  changed();
}

function buttons(alarm, refresh, go) {
  const { key } = alarm;
  return h('div', { class: 'row-acts' },
    !alarm.acknowledged && h('button', { key: 'ack', class: 'button primary small', 'data-act': 'acknowledge', onclick: () => acknowledge(key, refresh) }, icon('check'), t('alarm.acknowledge')),
    alarm.state === 'shelved'
      ? h('button', { key: 'unshelve', class: 'button small', onclick: () => order(key, 'unshelve', 'alarm.acknowledged', refresh) }, t('alarm.unshelve'))
      : h('button', { key: 'shelve', class: 'button small', onclick: () => shelve(key, refresh) }, icon('clock'), t('alarm.shelve')),
    h('button', { key: 'story', class: 'button small quiet', onclick: () => go(`alarms/${part(key)}`) }, icon('story'), t('alarm.story')));
}

function times(alarm) {
  return h('p', { class: 'muted alarm-times' },
    t('alarm.raised'), ' ', when(alarm.raised_ms),
    !alarm.active && alarm.cleared_ms && [' · ', t('alarm.cleared'), ' ', when(alarm.cleared_ms)],
    alarm.occurrences > 1 && [' · ', t('alarm.times', { count: count(alarm.occurrences) })],
    alarm.shelved_by && [' · ', t('alarm.shelved.until', { name: alarm.shelved_by, time: clock(alarm.shelved_until_ms) })]);
}

function row(alarm, refresh, go) {
  const isChosen = alarm.key === chosen();
  return h('li', { key: alarm.key, class: `alarm ${alarm.severity} ${alarm.state}${isChosen ? ' chosen' : ''}`, 'aria-current': isChosen ? 'true' : null },
    h('div', { class: 'alarm-words' },
      h('p', { class: 'alarm-head' }, badge(alarm.severity, named('alarm.severity', alarm.severity)), h('b', {}, alarm.key), h('span', { class: 'alarm-state' }, named('alarm.state', alarm.state))),
      h('p', {}, alarm.text),
      times(alarm)),
    buttons(alarm, refresh, go));
}

function changes(earlier, refresh) {
  const events = earlier ?? state.changes;
  const older = async () => {
    state.choice.earlier = [];
    let after = 0;
    for (;;) {
      const told = await api.get(`/api/v1/alarms/events?after=${after}`);
      state.choice.earlier = [...told.events.reverse(), ...state.choice.earlier].slice(0, 200);
      if (told.events.length === 0 || told.next <= after) break;
      after = told.next;
    }
    changed();
  };
  return card({ key: 'changes', title: t('alarm.history'), flush: true, actions: h('button', { class: 'button small quiet', onclick: () => older().catch((error) => toast('bad', error.message)) }, t('alarm.history.more')) },
    events.length
      ? h('ul', { class: 'lines' }, events.map((event) => h('li', { key: event.offset }, h('div', {},
        h('span', { class: 'muted num' }, clock(event.at_ms)), h('b', { class: 'clip' }, event.key), h('span', {}, named('alarm.change', event.change)), event.by && h('span', { class: 'muted' }, t('alarm.by', { name: event.by })), h('span', { class: 'muted push' }, when(event.at_ms))))))
      : empty(t('alarm.history.none')));
}

function storyCard(key, told, go) {
  const alarm = find(key);
  const body = told?.error ? trouble(told.error) : !told ? waiting(4) : h('ol', { class: 'steps' },
    told.story ? storySteps(told.story) : null,
    h('li', { key: 'raised', class: 'step bad' }, h('b', {}, t('story.raised')), alarm && h('p', {}, alarm.text), alarm && h('p', { class: 'muted' }, clock(alarm.raised_ms), ' · ', when(alarm.raised_ms)),
      h('p', { class: 'muted' }, t(`story.cause.${told.cause}`)),
      told.story && alarm && h('p', { class: 'muted' }, t('story.after', { span: millis(Math.max(0, alarm.raised_ms - told.story.taken_ms)) }))));
  return card({ key: `story ${key}`, title: `${t('alarm.story')}: ${key}`, actions: h('button', { class: 'tool', 'aria-label': t('app.close'), onclick: () => go('alarms') }, icon('close')) }, body);
}

export const alarms = {
  async fetch(argument) {
    const story = argument ? api.get(`/api/v1/alarms/${part(argument)}/story`).catch((error) => ({ error })) : null;
    const [open, rules] = await Promise.all([api.get('/api/v1/alarms'), api.get('/api/v1/ingest/rules').catch(() => null)]);
    return { alarms: sorted(open), hasRules: (rules?.rules.length ?? 0) > 0, story: await story, of: argument };
  },

  show({ open, refresh, go }) {
    const key = state.route.argument;
    if (open.error && !open.data) return page(t('nav.alarms'), intro(), trouble(open.error, refresh));
    if (!open.data) return page(t('nav.alarms'), intro(), waiting());
    const { alarms: rows, hasRules } = open.data;
    const nothing = hasRules ? empty(t('alarm.none'), t('alarm.none.hint')) : empty(t('alarm.rules'), t('alarm.rules.hint'), 'alarms');
    return page(t('nav.alarms'), intro(),
      h('div', { key: 'both', class: key ? 'with-aside' : '' },
        card({ key: 'open', title: t('alarm.open'), note: rows.length ? count(rows.length) : null, flush: true },
          rows.length ? h('ul', { class: 'alarms' }, rows.map((alarm) => row(alarm, refresh, go))) : nothing),
        key && h('aside', { key: 'aside' }, storyCard(key, open.data.of === key ? open.data.story : null, go))),
      changes(state.choice.earlier, refresh));
  },

  key(key, { refresh, go }) {
    const rows = list();
    if (key === 'Escape' && state.route.argument) {
      state.choice.key = state.route.argument;
      go('alarms');
      return true;
    }
    if (!rows.length) return false;
    const at = rows.findIndex((alarm) => alarm.key === chosen());
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[key];
    if (step !== undefined) {
      state.choice.key = rows[at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + step))].key;
      if (state.route.argument) go(`alarms/${part(state.choice.key)}`);
      changed();
      requestAnimationFrame(() => document.querySelector('.alarm.chosen')?.scrollIntoView({ block: 'nearest' }));
      return true;
    }
    const alarm = find(chosen());
    if (!alarm) return false;
    if (key === 'a' && !alarm.acknowledged) acknowledge(alarm.key, refresh);
    else if (key === 's' && alarm.state !== 'shelved') shelve(alarm.key, refresh);
    else if (key === 'Enter' && document.activeElement?.tagName !== 'BUTTON' && document.activeElement?.tagName !== 'A') go(`alarms/${part(alarm.key)}`);
    else return false;
    return true;
  },
};
