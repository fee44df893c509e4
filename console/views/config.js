// The configuration that holds, each setting with where it comes from; and reading the file again.

import { api } from '../api.js';
import { h } from '../dom.js';
import { count } from '../format.js';
import { badge, card, codeLink, empty, facts, page, table, trouble, waiting, when } from '../parts.js';
import { changed, state, toast } from '../store.js';
import { t } from '../words.js';

function origin(setting) {
  if (setting.origin === 'default') return h('span', { class: 'muted' }, t('cfg.default'));
  const words = { file: 'cfg.line', devices: 'cfg.devices' }[setting.origin];
  return badge('info', words ? t(words, { line: setting.line }) : setting.option);
}

function told(verdict) {
  return [
    h('p', {}, t(`cfg.${verdict.outcome}`, { count: count(verdict.changes.length) })),
    h('ul', { class: 'plain' }, verdict.changes.map((change) => h('li', { key: change }, h('code', {}, change)))),
    h('ul', { class: 'plain' }, verdict.faults.map((fault) => h('li', { key: `${fault.place} ${fault.code}`, class: 'fault' }, codeLink(fault.code), h('span', {}, `${fault.place}: ${fault.message}`), h('small', { class: 'muted' }, fault.hint)))),
  ];
}

async function reload(refresh) {
  try {
    const verdict = await api.post('/-/reload');
    toast('ok', t(`cfg.${verdict.outcome}`, { count: count(verdict.changes.length) }));
    state.dialog = verdict.changes.length ? { title: t('cfg.reload'), wide: true, content: () => told(verdict) } : null;
  } catch (error) {
    state.dialog = null;
    toast('bad', error.code ? [error.code, error.message, error.hint].filter(Boolean).join(' · ') : t('cfg.refused'));
  }
  refresh();
  changed();
}

function ask(refresh) {
  state.dialog = { title: t('cfg.reload'), content: () => [h('p', {}, t('cfg.reload.ask')),
    h('div', { class: 'choices' }, h('button', { class: 'button', onclick: () => { state.dialog = null; changed(); } }, t('dialog.cancel')), h('button', { class: 'button primary', autofocus: true, onclick: () => reload(refresh) }, t('cfg.reload')))] };
  changed();
}

function last(reloading) {
  if (!reloading) return t('value.never');
  const faults = reloading.faults.map((fault) => h('p', { class: 'fault', key: `${fault.place} ${fault.code}` }, codeLink(fault.code), h('span', {}, `${fault.place}: ${fault.message}`)));
  return h('div', {}, badge(reloading.outcome === 'refused' ? 'bad' : 'ok', t(`cfg.${reloading.outcome}`, { count: '' }).replace(/[:：].*$/, '')), ' ', when(reloading.at_ms), faults);
}

export const config = {
  async fetch() {
    const [settings, ready] = await Promise.all([api.get('/api/v1/config'), api.get('/readyz')]);
    return { ...settings, standing: ready.config };
  },

  show({ open, refresh }) {
    const { data, error } = open;
    if (error && !data) return page(t('nav.config'), t('cfg.intro'), trouble(error, refresh));
    if (!data) return page(t('nav.config'), t('cfg.intro'), waiting(8));
    const { filter = '', defaults = false } = state.choice;
    const rows = data.settings.filter((setting) => (defaults || setting.origin !== 'default' || filter) && `${setting.key} ${setting.value ?? ''}`.includes(filter));
    const columns = [{ name: t('cfg.setting') }, { name: t('cfg.value'), class: 'wide' }, { name: t('cfg.origin') }];
    return page(t('nav.config'), t('cfg.intro'),
      card({ key: 'file', actions: h('button', { class: 'button primary', onclick: () => ask(refresh) }, t('cfg.reload')), title: t('cfg.file') },
        facts('facts', [[t('cfg.file'), data.file ? h('code', {}, data.file) : t('cfg.nofile')], [t('cfg.generation'), count(data.generation)], [t('cfg.last'), last(data.standing.last_reload)]])),
      card({ key: 'settings', title: t('cfg.setting'), note: count(rows.length), flush: true, actions: [
        h('label', { key: 'defaults', class: 'check' }, h('input', { type: 'checkbox', checked: defaults, onchange: (event) => { state.choice.defaults = event.target.checked; changed(); } }), t('cfg.defaults')),
        h('input', { key: 'filter', type: 'search', 'aria-label': t('cfg.filter'), placeholder: t('cfg.filter'), value: filter, oninput: (event) => { state.choice.filter = event.target.value; changed(); } })] },
        rows.length
          ? table({ label: t('cfg.setting'), columns, rows: rows.map((setting) => ({ key: setting.key, cells: [h('code', {}, setting.key), setting.value === null ? h('span', { class: 'muted' }, t('cfg.unset')) : h('code', { class: 'wrap' }, setting.value), origin(setting)] })) })
          : empty(t('cfg.only'), t('cfg.only.hint'), 'config')));
  },
};
