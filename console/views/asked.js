// Devices that the node asks: how each stands, and a value written to one of their tags.

import { api, part, Unreachable } from '../api.js';
import { h } from '../dom.js';
import { count, reading } from '../format.js';
import { icon } from '../icons.js';
import { badge, card, codeLink, facts, fault, when } from '../parts.js';
import { changed, may, newId, state, toast } from '../store.js';
import { named, t } from '../words.js';
import { firstOf } from './tree.js';

const TONES = { new: 'info', answers: 'ok', failing: 'warn', off_scan: 'bad' };
/** It was sent, and nobody can say what came of it: asked again with the same id, the node says what it knows. */
const UNKNOWN = 'TG-PL-045';

/** By name; nothing where the node asks no devices. */
export async function askedDevices() {
  const told = await api.find('/api/v1/ingest/devices?groups=false').catch(() => null);
  return new Map((told ?? []).map((one) => [one.device, one]));
}

/** How the groups of one are read; none where it is not asked any more. */
export async function groupsOf(device) {
  const told = await api.get(`/api/v1/ingest/devices?device=${part(device)}`);
  return told[0]?.groups ?? [];
}

/** How one stands, or so many do. */
export const standing = (one, many) => badge(TONES[one.state] ?? 'info', [many && `${count(many)} `, named('asked', one.state)]);

const why = (one) => one.code && fault({ code: one.code, message: one.reason });

/** So many of those that are gone are named at first: what answers stands below. */
const GONE_FIRST = 10;

/** Those that answer nobody any more, apart from all others. */
export function offScan(asked) {
  const gone = [...asked.values()].filter((one) => one.state === 'off_scan');
  const { rows, rest } = firstOf('off-scan', gone, (one) => h('li', { key: one.device }, h('div', {},
    h('a', { href: `#/devices/${part(one.device)}` }, h('b', {}, one.device)), h('span', { class: 'muted' }, named('driver', one.driver)), why(one),
    h('span', { class: 'push muted' }, t('asked.since'), ' ', when(one.since_ms), ' · ', t('asked.probe'), ' ', when(one.next_probe_ms)))), { first: GONE_FIRST });
  return gone.length > 0 && card({ key: 'off-scan', title: t('asked.gone', { count: gone.length }), note: t('asked.gone.note'), flush: true }, h('ul', { class: 'lines' }, rows), rest);
}

export function asking(one) {
  return facts('asked', [[t('asked.state'), standing(one)], [t('asked.since'), when(one.since_ms)], [t('asked.at'), named('asked.at', one.at)],
    one.next_probe_ms && [t('asked.probe'), when(one.next_probe_ms)], one.code && [t('asked.why'), why(one), 'wide']]);
}

/** Nothing for who may not, and for tags that may not be. */
export function writeButton(device, tag, value, refresh) {
  return value.writable && may('operator') ? h('button', { class: 'button small', 'data-act': 'write', onclick: () => write(device, tag, value, refresh) }, icon('config'), t('write')) : null;
}

/** What was typed, as the tag's values are. */
function parsed(text, like) {
  if (typeof like === 'boolean') return text === 'true';
  return typeof like === 'number' ? Number(text) : text;
}

/** Asks for a value, then once more, and keeps the id until the outcome is known: sent again it is not done again. */
function write(device, tag, { value: before, unit }, refresh) {
  const order = { id: newId(), value: undefined };
  const asked = { busy: false, error: null };
  const leave = () => { state.dialog = null; changed(); };
  const send = async () => {
    Object.assign(asked, { busy: true, error: null });
    changed();
    try {
      const told = await api.post(`/api/v1/ingest/devices/${part(device)}/tags/${part(tag)}`, order);
      state.dialog = null;
      toast(told.confirmed ? 'ok' : 'bad', t(told.confirmed ? 'write.confirmed' : 'write.unconfirmed', { tag, value: reading(told.read_back, unit) }));
      refresh();
    } catch (error) {
      Object.assign(asked, { busy: false, error });
    }
    changed();
  };
  const check = (event) => {
    event.preventDefault();
    order.value = parsed(event.target.elements.value.value, before);
    changed();
  };
  const isUnknown = () => asked.error instanceof Unreachable || asked.error?.code === UNKNOWN;
  const input = () => (typeof before === 'boolean'
    ? h('select', { name: 'value', autofocus: true }, [!before, before].map(String).map((text) => h('option', { value: text, key: text }, text)))
    : h('input', { name: 'value', required: true, autofocus: true, autocomplete: 'off', type: typeof before === 'number' ? 'number' : 'text', step: 'any', maxlength: 1000 }));
  const ask = () => h('form', { key: 'ask', class: 'write', onsubmit: check },
    facts('before', [[t('write.before'), reading(before, unit)]]),
    h('label', {}, unit ? t('write.value.unit', { unit }) : t('write.value'), input()),
    h('div', { class: 'choices' }, h('button', { class: 'button', type: 'button', onclick: leave }, t('dialog.cancel')), h('button', { class: 'button primary', 'data-act': 'check' }, t('write.check'))));
  const confirm = () => [
    facts('order', [[t('write.before'), reading(before, unit)], [t('write.after'), reading(order.value, unit)]]),
    h('p', { class: 'login-error', role: 'alert' }, asked.error ? (isUnknown() ? t('write.unknown') : [asked.error.code && codeLink(asked.error.code), ' ', asked.error.message]) : ''),
    h('div', { class: 'choices', key: 'confirm' }, h('button', { class: 'button', onclick: leave }, t('dialog.cancel')),
      h('button', { class: 'button primary', 'data-act': 'send', disabled: asked.busy, born: (node) => node.focus(), onclick: send }, t(isUnknown() ? 'write.again' : 'write.send')))];
  state.dialog = { title: t('write.title', { device, tag }), content: () => (order.value === undefined ? ask() : confirm()) };
  changed();
}
