// What an OPC UA server has, to pick tags from: looked at, checked by the node, and taken over, or saved as rows to import elsewhere.

import { api, part, Unreachable } from '../api.js';
import { h } from '../dom.js';
import { count } from '../format.js';
import { icon } from '../icons.js';
import { codeLink, waiting } from '../parts.js';
import { changed, may, state, toast } from '../store.js';
import { t } from '../words.js';
import { firstOf } from './tree.js';

/** In one look; a narrower glob finds the rest. */
const FOUND_MAX = 1000;
/** The group of tags that say none. */
const NO_GROUP = 'tags';
const COLUMNS = ['kind', 'name', 'template', 'address', 'group', 'type'];

/** For who may look, of a device that can be looked at. */
export function browseButton(device, groups, refresh) {
  return may('operator') && h('button', { class: 'button small', 'data-act': 'browse', onclick: () => { browse(device, groups, refresh); } }, icon('story'), t('browse'));
}

const cell = (text) => (/[",;\t]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** As `tidegate ingest devices import` takes them. */
function sheet(picked, template, group) {
  const rows = picked.map(({ name, address, type }) => ['tag', name, template, address, group === NO_GROUP ? '' : group, type]);
  return [COLUMNS, ...rows].map((row) => `${row.map(cell).join(',')}\n`).join('');
}

function save(text, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

function why(error) {
  if (!error) return '';
  return error instanceof Unreachable ? t('error.unreachable') : [error.code && codeLink(error.code), ' ', error.message, error.hint && [' ', h('small', { class: 'muted' }, error.hint)]];
}

const fault = (one) => h('li', { key: `${one.place} ${one.code}`, class: 'fault' }, codeLink(one.code), h('span', {}, `${one.place}: ${one.message}`), h('small', { class: 'muted' }, one.hint));

function browse(device, groups, refresh) {
  const look = { glob: 'Objects/**', found: null, picked: new Set(), group: groups[0]?.group ?? NO_GROUP, plan: null, error: null, busy: false };
  const leave = () => { state.dialog = null; changed(); };
  const doing = async (act) => {
    Object.assign(look, { busy: true, error: null });
    changed();
    try { await act(); } catch (error) { look.error = error; }
    look.busy = false;
    changed();
  };
  const find = (event) => {
    event.preventDefault();
    look.glob = event.target.elements.glob.value.trim();
    doing(async () => {
      look.found = await api.get(`/api/v1/ingest/opcua/browse?server=${part(device)}&glob=${part(look.glob)}&many=${FOUND_MAX}`);
      look.picked = new Set();
    });
  };
  const rows = () => sheet(look.found.variables.filter((one) => look.picked.has(one.address)), look.found.template, look.group);
  const send = (dry) => api.sheet(`/api/v1/ingest/devices/import?dry_run=${dry}`, rows());
  const check = () => doing(async () => { look.plan = await send(true); });
  const takeOver = () => doing(async () => {
    const told = await send(false);
    if (told.outcome === 'refused') return Object.assign(look, { plan: told });
    toast('ok', t('browse.done', { count: count(told.changes.length) }));
    leave();
    return refresh();
  });
  const turn = (one) => () => {
    if (!look.picked.delete(one.address)) look.picked.add(one.address);
    changed();
  };
  const variable = (one) => h('li', { key: one.address }, h('label', { class: 'check' },
    h('input', { type: 'checkbox', checked: Boolean(one.tag) || look.picked.has(one.address), disabled: !one.name, onchange: turn(one) }),
    h('span', { class: 'wrap' }, one.path, ' ', h('small', { class: 'muted' }, one.tag ? t('browse.is', { tag: one.tag }) : one.type ?? t('browse.untyped')))));
  const results = () => {
    const { rows: shown, rest } = firstOf(`browse ${device}`, look.found.variables, variable);
    return shown.length ? [h('ul', { class: 'plain found', key: 'found', tabindex: '0', 'aria-label': t('browse.found') }, shown), rest, look.found.is_cut && h('p', { class: 'muted', key: 'cut' }, t('browse.cut', { count: count(FOUND_MAX) }))]
      : h('p', { class: 'muted', key: 'nothing' }, t('browse.nothing'));
  };
  const names = () => [...new Set([...groups.map((group) => group.group), NO_GROUP])];
  const choose = () => h('label', { class: 'choice', key: 'group' }, t('browse.group'), h('select', { name: 'group', onchange: (event) => { look.group = event.target.value; } },
    names().map((name) => h('option', { value: name, key: name, selected: name === look.group }, name))));
  const pick = () => [
    h('form', { class: 'ask', key: 'ask', onsubmit: find }, h('label', {}, t('browse.glob'), h('input', { name: 'glob', required: true, autofocus: true, autocomplete: 'off', spellcheck: 'false', value: look.typed ?? look.glob, oninput: (event) => { look.typed = event.target.value; } })),
      h('button', { class: 'button', 'data-act': 'find', disabled: look.busy }, t('browse.find'))),
    look.busy && waiting(2),
    look.found && results(),
    look.found && choose()];
  const plan = () => [
    h('p', { key: 'words' }, t(`browse.${look.plan.outcome}`, { template: look.found.template })),
    h('ul', { class: 'plain', key: 'changes' }, look.plan.changes.map((change) => h('li', { key: change }, h('code', {}, change)))),
    h('ul', { class: 'plain', key: 'faults' }, look.plan.faults.map(fault))];
  const isPlanned = () => look.plan?.outcome === 'planned';
  const back = () => { look.plan = null; changed(); };
  const acts = () => h('div', { class: 'choices', key: 'acts' },
    h('button', { class: 'button', type: 'button', key: 'back', onclick: () => { (look.plan ? back : leave)(); } }, t(look.plan ? 'browse.back' : 'dialog.cancel')),
    look.picked.size > 0 && h('button', { class: 'button', key: 'save', 'data-act': 'save', onclick: () => { save(rows(), `${device}.csv`); } }, t('browse.save')),
    look.picked.size > 0 && !look.plan && h('button', { class: 'button primary', key: 'check', 'data-act': 'check', disabled: look.busy, onclick: () => { check(); } }, t('browse.check', { count: count(look.picked.size) })),
    isPlanned() && h('button', { class: 'button primary', key: 'take', 'data-act': 'take', disabled: look.busy, born: (node) => node.focus(), onclick: () => { takeOver(); } }, t('browse.take')));
  state.dialog = { title: t('browse.title', { device }), wide: true, content: () => [look.plan ? plan() : pick(), h('p', { class: 'login-error', role: 'alert', key: 'why' }, why(look.error)), acts()] };
  changed();
}
