// Devices and the latest values of their tags, with the curve that led to each.

import { api, part } from '../api.js';
import { spark } from '../chart.js';
import { h } from '../dom.js';
import { count, reading } from '../format.js';
import { icon } from '../icons.js';
import { badge, card, empty, page, table, trouble, waiting, when } from '../parts.js';
import { changed, state } from '../store.js';
import { named, t } from '../words.js';
import { askedDevices, asking, offScan, standing, writeButton } from './asked.js';

const PAGE = 100;
/** Values on a small curve. */
const DOTS_MAX = 120;
/** Curves of a device that are fetched; more tags than this have none. */
const CURVES_MAX = 60;
const TONES = { good: 'ok', uncertain: 'warn', bad: 'bad' };

let curves = { device: null, tags: new Map() };

/** The curves of a device, each fetched once and then carried on by values. */
function curvesOf(device) {
  if (curves.device !== device) curves = { device, tags: new Map() };
  return curves.tags;
}

async function fetchCurves(device, tags) {
  const known = curvesOf(device);
  const wanted = Object.entries(tags).filter(([tag, value]) => typeof value.value === 'number' && !known.has(tag)).slice(0, CURVES_MAX - known.size);
  await Promise.all(wanted.map(async ([tag]) => {
    const samples = await api.get(`/api/v1/history/${part(device)}/${part(tag)}`);
    if (curves.device === device) known.set(tag, samples.slice(-DOTS_MAX).map((sample) => [sample.source_ms, sample.value]));
  }));
}

function carryOn(device, tags) {
  for (const [tag, { value, time_ms }] of Object.entries(tags)) {
    const dots = curvesOf(device).get(tag);
    if (dots && typeof value === 'number' && time_ms > (dots.at(-1)?.[0] ?? 0)) {
      dots.push([time_ms, value]);
      if (dots.length > DOTS_MAX) dots.shift();
    }
  }
}

/** One that does not answer is that first of all. */
function health(device, asked) {
  if (asked && asked.state !== 'answers') return standing(asked);
  if (device.bad) return badge('bad', t('dev.bad', { count: count(device.bad) }));
  return device.uncertain ? badge('warn', named('quality', 'uncertain')) : badge('ok', named('quality', 'good'));
}

function list({ devices, next, total }, asked, refresh) {
  const type = (event) => {
    state.choice.filter = event.target.value;
    refresh();
    changed();
  };
  const filter = h('input', { type: 'search', 'aria-label': t('dev.filter'), placeholder: t('dev.filter'), value: state.choice.filter ?? '', oninput: type });
  return card({ key: 'list', title: t('dev.total', { count: count(total) }), flush: true, actions: filter },
    devices.length
      ? h('ul', { class: 'picks' }, devices.map((device) => h('li', { key: device.device },
        h('a', { href: `#/devices/${part(device.device)}`, 'aria-current': device.device === state.route.argument ? 'true' : null },
          h('span', { class: 'grow' }, h('b', {}, device.device), h('small', { class: 'muted' }, asked.has(device.device) && [asked.get(device.device).driver, ' · '], t('dev.tags', { count: count(device.tags) }), ' · ', when(device.time_ms))),
          health(device, asked.get(device.device))))))
      : empty(t(state.choice.filter ? 'dev.nomatch' : 'dev.quiet'), state.choice.filter ? null : t('dev.quiet.hint'), 'devices'),
    next && h('button', { class: 'button quiet', onclick: () => { state.choice.many = (state.choice.many ?? PAGE) + PAGE; refresh(); } }, t('dev.more')));
}

function tagRow(tag, value, device, write) {
  const dots = curvesOf(device).get(tag) ?? [];
  const text = value.samples === undefined ? reading(value.value, value.unit) : t('value.samples', { count: count(value.samples) });
  return { key: tag, cells: [tag, h('span', { class: 'value' }, text), badge(TONES[value.quality] ?? 'info', named('quality', value.quality)), when(value.time_ms), h('div', { class: 'row-acts' }, spark(dots.map(([, dot]) => dot), `${tag}: ${text}`), write(tag, value))] };
}

function detail(device, fetched, asked, refresh) {
  const live = state.values.device === device ? state.values.tags : {};
  const tags = { ...fetched, ...live };
  carryOn(device, tags);
  const columns = [{ name: t('dev.tag') }, { name: t('dev.value'), class: 'num' }, { name: t('dev.quality') }, { name: t('dev.age') }, { name: t('dev.trend'), class: 'trend' }];
  const write = (tag, value) => (asked ? writeButton(device, tag, value, refresh) : null);
  const rows = Object.keys(tags).sort().map((tag) => tagRow(tag, tags[tag], device, write));
  return card({ key: `device ${device}`, title: device, note: t('dev.tags', { count: rows.length }), flush: true, actions: h('a', { class: 'button small quiet narrow-only', href: '#/devices' }, icon('back'), t('dev.back')) },
    asked && asking(asked),
    rows.length ? table({ label: device, columns, rows }) : waiting());
}

export const devices = {
  async fetch(device) {
    const filter = state.choice.filter ? `&match=${part(state.choice.filter)}` : '';
    const [told, asked] = await Promise.all([api.find(`/api/v1/devices?many=${state.choice.many ?? PAGE}${filter}`), askedDevices()]);
    if (!told) return { absent: true };
    const tags = device ? await api.get(`/api/v1/devices/${part(device)}`) : {};
    if (device) await fetchCurves(device, tags).catch(() => {});
    return { list: told, tags, of: device, asked };
  },

  show({ open, refresh }) {
    const device = state.route.argument;
    const { data, error } = open;
    if (error && !data) return page(t('nav.devices'), t('dev.intro'), trouble(error, refresh));
    if (!data) return page(t('nav.devices'), t('dev.intro'), waiting());
    if (data.absent) return page(t('nav.devices'), t('dev.intro'), card({ key: 'none' }, empty(t('dev.none'), t('dev.none.hint'), 'devices')));
    return page(t('nav.devices'), t('dev.intro'), offScan(data.asked),
      h('div', { key: 'both', class: `split${device ? ' has-detail' : ''}` },
        h('div', { class: 'split-list', key: 'list' }, list(data.list, data.asked, refresh)),
        h('div', { class: 'split-detail', key: 'detail' }, device ? detail(device, data.of === device ? data.tags : {}, data.asked.get(device), refresh) : card({ key: 'choose' }, empty(t('dev.choose'), null, 'devices')))));
  },

  key(key, { go }) {
    const rows = state.view.data?.list?.devices ?? [];
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[key];
    if (key === 'Escape' && state.route.argument) return go('devices') ?? true;
    if (step === undefined || !rows.length) return false;
    const at = rows.findIndex((row) => row.device === state.route.argument);
    go(`devices/${part(rows[at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + step))].device)}`);
    return true;
  },
};
