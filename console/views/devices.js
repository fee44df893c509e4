// Devices as a tree: what they speak, each device, its groups with how punctually they are read, and the latest value of each tag.

import { api, part } from '../api.js';
import { spark } from '../chart.js';
import { h } from '../dom.js';
import { count, millis, reading } from '../format.js';
import { badge, card, empty, page, table, trouble, waiting, when } from '../parts.js';
import { changed, state } from '../store.js';
import { named, t } from '../words.js';
import { askedDevices, asking, groupsOf, offScan, standing, writeButton } from './asked.js';
import { browseButton } from './browse.js';
import { carryOn, dots, fetchCurves, keepCurves } from './curves.js';
import { branch, firstOf, isOpen, key, opened, turn } from './tree.js';

/** Devices that have been heard of, in one answer. */
const HEARD_MAX = 1000;
/** Devices whose tags are fetched and shown at once; one more closes the one that has been open longest. */
const OPEN_MAX = 8;
/** Of so few devices, and of so few tags, everything above them is open by itself. */
const FEW_DEVICES = 50;
const FEW_TAGS = 200;
/** A group whose reads are so much further apart than they should be is behind. */
const BEHIND = 1.1;
/** Those that publish by themselves, beside the drivers. */
const SELF = '';
const TONES = { good: 'ok', uncertain: 'warn', bad: 'bad' };

const idOf = (device) => `device ${device}`;
const isOpenDevice = (device) => isOpen(idOf(device), device === state.route.argument);

/** The one of the address as well, which was perhaps come to by a link. */
function openDevices() {
  const byHand = opened('device ').map((id) => id.slice('device '.length));
  const here = state.route.argument;
  return here !== null && isOpenDevice(here) && !byHand.includes(here) ? [...byHand, here] : byHand;
}

/** The latest opened one is that of the address, whose values come as they change. */
function turnDevice(device, open, go) {
  if (open) openDevices().slice(0, 1 - OPEN_MAX).forEach((one) => turn(idOf(one), false));
  turn(idOf(device), open);
  if (open) go(`devices/${part(device)}`);
  else if (device === state.route.argument) go('devices');
}

// ------------------------------------------------------------------ a device

/** One that does not answer is that first of all. */
function health(summary, asked) {
  if (asked && asked.state !== 'answers') return standing(asked);
  if (!summary) return standing(asked);
  if (summary.bad) return badge('bad', t('dev.bad', { count: count(summary.bad) }));
  return summary.uncertain ? badge('warn', named('quality', 'uncertain')) : badge('ok', named('quality', 'good'));
}

function quality(value) {
  return value.quality ? badge(TONES[value.quality] ?? 'info', named('quality', value.quality)) : badge('info', t('dev.unread'));
}

function tagRow(device, tag, value, write) {
  const text = value.samples === undefined ? reading(value.value, value.unit) : t('value.samples', { count: count(value.samples) });
  return { key: tag, cells: [tag, h('span', { class: 'value' }, text), quality(value), when(value.time_ms), h('div', { class: 'row-acts' }, spark(dots(device, tag), `${tag}: ${text}`), write(tag, value))] };
}

function tagTable({ id, label, names, tags, device, write }) {
  const columns = [{ name: t('dev.tag') }, { name: t('dev.value'), class: 'num' }, { name: t('dev.quality') }, { name: t('dev.age') }, { name: t('dev.trend'), class: 'trend' }];
  const { rows, rest } = firstOf(id, names, (tag) => tagRow(device, tag, tags[tag] ?? {}, write));
  return [table({ key: `tags ${id}`, label, columns, rows }), rest];
}

/** How often it is read, and how punctually. */
function pace(group) {
  const { every_ms: every, interval_mean_ms: mean, jitter_p99_ms: jitter } = group;
  const said = h('small', { class: 'muted' }, t('group.every', { span: millis(every) }), mean !== null && [' · ', t('group.interval', { span: millis(mean) }), ' · ', t('group.jitter', { span: millis(jitter) })],
    ' · ', t('group.cycles', { cycles: count(group.cycles), failed: count(group.failed_cycles), missed: count(group.missed_cycles) }));
  return [h('span', { class: 'grow' }, h('b', {}, group.group), said), mean > every * BEHIND && badge('warn', t('group.behind'))];
}

function inDevice(device, found, asked, refresh) {
  if (!found) return waiting(2);
  const tags = { ...found.tags, ...(state.values.device === device ? state.values.tags : {}) };
  carryOn(device, tags);
  const write = (tag, value) => (asked ? writeButton(device, tag, value, refresh) : null);
  const isFew = found.groups.reduce((sum, group) => sum + group.tags.length, 0) <= FEW_TAGS;
  const grouped = new Set(found.groups.flatMap((group) => group.tags));
  const groups = found.groups.map((group) => {
    const id = `group ${device} ${group.group}`;
    return branch({ id, open: isOpen(id, isFew) }, pace(group), () => tagTable({ id, label: `${device}, ${group.group}`, names: group.tags, tags, device, write }));
  });
  const others = Object.keys(tags).filter((tag) => !grouped.has(tag)).sort();
  return [
    asked && asking(asked),
    asked?.driver === 'opcua' && h('p', { class: 'rest', key: 'browse' }, browseButton(device, found.groups, refresh)),
    groups.length > 0 && h('ul', { key: 'groups' }, groups),
    others.length > 0 ? tagTable({ id: `tags ${device}`, label: device, names: others, tags, device, write }) : groups.length === 0 && h('p', { class: 'rest muted', key: 'none' }, t('dev.notags'))];
}

function deviceBranch(device, data, { refresh, go }) {
  const [summary, asked] = [data.heard.get(device), data.asked.get(device)];
  const note = [summary && t('dev.tags', { count: count(summary.tags) }), ' · ', when(summary?.time_ms)];
  const words = [h('span', { class: 'grow' }, h('b', {}, device), summary && h('small', { class: 'muted' }, note)), health(summary, asked)];
  const onturn = (open) => turnDevice(device, open, go);
  // One that was come to by a link may stand far below.
  const born = (node) => node.parentElement.scrollIntoView({ block: 'nearest' });
  return branch({ id: idOf(device), open: isOpenDevice(device), onturn, born }, words, () => inDevice(device, data.open.get(device), asked, refresh));
}

// ------------------------------------------------------------------ all of them

/** Names by driver, those that fit the filter; the drivers first. */
function byDriver({ heard, asked }) {
  const fits = (name) => name === state.route.argument || name.includes(state.choice.filter ?? '');
  const drivers = new Map();
  const add = (driver, name) => fits(name) && (drivers.get(driver) ?? drivers.set(driver, []).get(driver)).push(name);
  for (const [name, { driver }] of asked) add(driver, name);
  for (const name of heard.keys()) if (!asked.has(name)) add(SELF, name);
  return [...drivers].sort(([one], [other]) => (one === SELF) - (other === SELF) || one.localeCompare(other));
}

/** What most of its devices do goes without saying. */
function states(names, asked) {
  const many = new Map();
  for (const name of names) many.set(asked.get(name)?.state, (many.get(asked.get(name)?.state) ?? 0) + 1);
  const notable = ['off_scan', 'failing', 'new'].filter((one) => many.has(one));
  return notable.length ? notable.map((one) => standing({ state: one }, many.get(one))) : many.has('answers') && standing({ state: 'answers' });
}

function driverBranch([driver, names], isFew, data, acts) {
  const id = `driver ${driver}`;
  const open = isOpen(id, isFew || names.includes(state.route.argument));
  const title = driver === SELF ? t('tree.self') : named('driver', driver);
  const words = [h('span', { class: 'grow' }, h('b', {}, title), h('small', { class: 'muted' }, t('dev.total', { count: count(names.length) }))), driver !== SELF && states(names, data.asked)];
  return branch({ id, open }, words, () => {
    const { rows, rest } = firstOf(id, names, (name) => deviceBranch(name, data, acts), { must: isOpenDevice });
    return [h('ul', { key: 'devices' }, rows), rest];
  });
}

function tree(data, acts) {
  const type = (event) => {
    state.choice.filter = event.target.value;
    acts.refresh();
    changed();
  };
  const filter = h('input', { type: 'search', 'aria-label': t('dev.filter'), placeholder: t('dev.filter'), value: state.choice.filter ?? '', oninput: type });
  const drivers = byDriver(data);
  const many = drivers.reduce((sum, [, names]) => sum + names.length, 0);
  return card({ key: 'tree', title: t('dev.total', { count: count(many) }), flush: true, actions: filter },
    drivers.length
      ? h('ul', { class: 'tree', 'aria-label': t('nav.devices') }, drivers.map((one) => driverBranch(one, many <= FEW_DEVICES, data, acts)))
      : empty(t(state.choice.filter ? 'dev.nomatch' : 'dev.quiet'), state.choice.filter ? null : t('dev.quiet.hint'), 'devices'),
    data.next && h('p', { class: 'rest', key: 'next' }, t('dev.unheard', { count: count(HEARD_MAX) })));
}

async function found(device, asked) {
  const [tags, groups] = await Promise.all([api.get(`/api/v1/devices/${part(device)}`), asked ? groupsOf(device) : []]);
  await fetchCurves(device, tags).catch(() => {});
  return { tags, groups };
}

export const devices = {
  async fetch() {
    const filter = state.choice.filter ? `&match=${part(state.choice.filter)}` : '';
    const [told, asked] = await Promise.all([api.find(`/api/v1/devices?many=${HEARD_MAX}${filter}`), askedDevices()]);
    if (!told) return { absent: true };
    const names = openDevices();
    keepCurves(names);
    const open = new Map(await Promise.all(names.map(async (name) => [name, await found(name, asked.has(name))])));
    return { heard: new Map(told.devices.map((one) => [one.device, one])), next: told.next, asked, open };
  },

  show({ open, refresh, go }) {
    const { data, error } = open;
    if (error && !data) return page(t('nav.devices'), t('dev.intro'), trouble(error, refresh));
    if (!data) return page(t('nav.devices'), t('dev.intro'), waiting());
    if (data.absent) return page(t('nav.devices'), t('dev.intro'), card({ key: 'none' }, empty(t('dev.none'), t('dev.none.hint'), 'devices')));
    return page(t('nav.devices'), t('dev.intro'), offScan(data.asked), tree(data, { refresh, go }));
  },

  key(name, { go }) {
    if (name !== 'Escape' || state.route.argument === null) return key(name);
    turnDevice(state.route.argument, false, go);
    return true;
  },
};
