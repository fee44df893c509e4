// Dead letters: what sinks refused for good, and sending it again.

import { api, part } from '../api.js';
import { h } from '../dom.js';
import { bytes, count } from '../format.js';
import { badge, card, codeLink, empty, facts, page, table, trouble, waiting, when } from '../parts.js';
import { changed, state, toast } from '../store.js';
import { named, t } from '../words.js';

/** Rows that are drawn. */
const ROWS_MAX = 200;

const pick = () => ({ ...(state.choice.sink && { sink: state.choice.sink }), ...(state.choice.reason && { reason: state.choice.reason }) });

/** What a replay came to, or would, in words. */
function outcome(told) {
  const verb = told.dry_run ? 'let.would' : 'let.done';
  const lines = [
    ...Object.entries(told.replayed).map(([sink, many]) => t(verb, { count: count(many), sink })),
    ...Object.entries(told.without_sink).map(([sink, many]) => t('let.nosink', { count: count(many), sink })),
    told.cut ? t('let.cut', { count: count(told.cut) }) : null,
    told.left ? t('let.left', { count: count(told.left) }) : null,
  ].filter(Boolean);
  return lines.length ? lines : [t('let.nothing')];
}

async function replay(what, refresh) {
  try {
    const dry = await api.post('/api/v1/ingest/dead-letters/replay', { ...what, dry_run: true });
    const many = Object.values(dry.replayed).reduce((sum, count) => sum + count, 0);
    const send = async () => {
      state.dialog = null;
      try {
        const done = await api.post('/api/v1/ingest/dead-letters/replay', { ...what, dry_run: false });
        toast('ok', outcome(done).join(' '));
      } catch (error) {
        toast('bad', [error.code, error.message].filter(Boolean).join(' · '));
      }
      refresh();
    };
    state.dialog = { title: t('let.dry'), content: () => [h('ul', { class: 'plain' }, outcome(dry).map((line) => h('li', { key: line }, line))),
      h('div', { class: 'choices' }, h('button', { class: 'button', onclick: () => { state.dialog = null; changed(); } }, t('dialog.cancel')), many > 0 && h('button', { class: 'button primary', onclick: send }, `${t('let.replay')} (${count(many)})`))] };
  } catch (error) {
    toast('bad', [error.code, error.message, error.hint].filter(Boolean).join(' · '));
  }
  changed();
}

async function show(letter, refresh) {
  try {
    const told = await api.get(`/api/v1/ingest/dead-letters/${part(letter)}`);
    state.dialog = { wide: true, title: told.sink, content: () => [
      facts('facts', [[t('let.reason'), h('span', {}, codeLink(told.code), ' ', told.reason)], [t('let.taken'), when(told.stamp_ms)], [t('acc.class'), named('class', told.critical ? 'critical' : 'process')],
        [t('let.topic'), h('code', {}, told.topic ?? '–')], [t('let.payload'), h('span', {}, bytes(told.bytes), h('pre', {}, told.payload ?? '–')), 'wide'], [t('nav.story'), h('a', { href: `#/story/${part(told.id)}`, class: 'id' }, told.id)]]),
      told.can_be_replayed && h('div', { class: 'choices' }, h('button', { class: 'button primary', onclick: () => replay({ letter }, refresh) }, t('let.dry')))] };
  } catch (error) {
    toast('bad', [error.code, error.message].filter(Boolean).join(' · '));
  }
  changed();
}

function choice(name, label, options) {
  const choose = (event) => {
    state.choice[name] = event.target.value;
    changed();
  };
  return h('label', { class: 'choice', key: name }, h('span', {}, label), h('select', { onchange: choose }, h('option', { value: '' }, t('let.all')), options.map((option) => h('option', { key: option, value: option, selected: state.choice[name] === option }, option))));
}

const unique = (list) => [...new Set(list)].sort();

export const letters = {
  async fetch() {
    return (await api.get('/api/v1/ingest/dead-letters')).letters.reverse();
  },

  show({ open, refresh }) {
    const { data, error } = open;
    if (error && !data) return page(t('nav.letters'), t('let.intro'), trouble(error, refresh));
    if (!data) return page(t('nav.letters'), t('let.intro'), waiting());
    if (!data.length) return page(t('nav.letters'), t('let.intro'), card({ key: 'none' }, empty(t('let.none'), t('let.none.hint'))));
    const { sink, reason } = pick();
    const fitting = data.filter((letter) => (!sink || letter.sink === sink) && (!reason || letter.code === reason));
    const columns = [{ name: t('let.sink') }, { name: t('let.reason'), class: 'wide' }, { name: t('let.taken') }, { name: t('acc.class') }, { name: '', class: 'num' }];
    const rows = fitting.slice(0, ROWS_MAX).map((letter) => ({ key: letter.letter, cells: [letter.sink, h('span', { class: 'fault' }, codeLink(letter.code), h('span', { class: 'fault-words', title: letter.reason }, letter.reason)), when(letter.stamp_ms),
      badge(letter.critical ? 'warn' : 'info', named('class', letter.critical ? 'critical' : 'process')), h('button', { class: 'button small', onclick: () => show(letter.letter, refresh) }, t('let.show'))] }));
    return page(t('nav.letters'), t('let.intro'),
      card({ key: 'letters', title: t('let.count', { count: count(fitting.length) }), note: fitting.length > ROWS_MAX ? t('let.limited', { count: ROWS_MAX }) : null, flush: true,
        actions: [choice('sink', t('let.sink'), unique(data.map((letter) => letter.sink))), choice('reason', t('let.reason'), unique(data.map((letter) => letter.code))),
          h('button', { key: 'replay', class: 'button primary', onclick: () => replay(pick(), refresh) }, t('let.dry'))] },
        table({ label: t('nav.letters'), columns, rows })));
  },
};
