// Numbers, sizes, times and spans for people, in the language that is chosen.

import { language, t } from './words.js';

const formats = new Map();

function format(key, make) {
  const name = `${language()}/${key}`;
  if (!formats.has(name)) formats.set(name, make(language()));
  return formats.get(name);
}

export const NONE = '–';

/** A count, whole up to six digits and short beyond. */
export function count(value) {
  if (value === null || value === undefined) return NONE;
  const short = Math.abs(value) >= 1e6;
  return format(short ? 'short' : 'count', (of) => new Intl.NumberFormat(of, short ? { notation: 'compact', maximumFractionDigits: 2 } : {})).format(value);
}

/** A count, each digit. */
export function exact(value) {
  if (value === null || value === undefined) return NONE;
  return format('count', (of) => new Intl.NumberFormat(of)).format(value);
}

/** Any number, to three digits or so. */
export function number(value, digits = 3) {
  if (value === null || value === undefined) return NONE;
  if (Math.abs(value) >= 1e6) return count(value);
  const places = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return format(`number${Math.min(places, digits)}`, (of) => new Intl.NumberFormat(of, { maximumFractionDigits: Math.min(places, digits) })).format(value);
}

export function rate(value) {
  return value === null || value === undefined ? NONE : `${number(value)} /s`;
}

const SIZES = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export function bytes(value) {
  if (value === null || value === undefined) return NONE;
  const power = Math.min(SIZES.length - 1, value > 0 ? Math.floor(Math.log2(value) / 10) : 0);
  return `${number(value / 2 ** (10 * power))} ${SIZES[power]}`;
}

export function micros(value) {
  if (value === null || value === undefined) return NONE;
  if (value >= 1e6) return `${number(value / 1e6)} s`;
  return value >= 1000 ? `${number(value / 1000)} ms` : `${number(value)} µs`;
}

export function millis(value) {
  return value === null || value === undefined ? NONE : micros(value * 1000);
}

const SPANS = [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]];

/** A span of milliseconds in its two largest units. */
export function span(ms) {
  const parts = [];
  let seconds = Math.max(0, Math.floor(ms / 1000));
  for (const [unit, size] of SPANS) {
    const many = Math.floor(seconds / size);
    seconds -= many * size;
    if (many > 0 && parts.length < 2) parts.push(`${many} ${t(`unit.${unit}`)}`);
    else if (parts.length > 0) break;
  }
  return parts.join(' ') || `0 ${t('unit.s')}`;
}

/** How long ago, or how soon. */
export function ago(ms, now = Date.now()) {
  if (!ms) return NONE;
  const seconds = Math.round((ms - now) / 1000);
  const far = Math.abs(seconds);
  if (far < 2) return t('time.now');
  const [unit, size] = far < 60 ? ['second', 1] : far < 3600 ? ['minute', 60] : far < 86400 ? ['hour', 3600] : ['day', 86400];
  return format('ago', (of) => new Intl.RelativeTimeFormat(of, { numeric: 'always', style: 'short' })).format(Math.trunc(seconds / size), unit);
}

/** Date and time, to the second, where the reader is. */
export function moment(ms) {
  if (!ms) return NONE;
  return format('moment', (of) => new Intl.DateTimeFormat(of, { dateStyle: 'medium', timeStyle: 'medium' })).format(ms);
}

export function clock(ms) {
  if (!ms) return NONE;
  return format('clock', () => new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })).format(ms);
}

/** A reading's value with its unit. */
export function reading(value, unit) {
  if (value === null || value === undefined) return NONE;
  if (typeof value === 'boolean') return t(value ? 'value.true' : 'value.false');
  if (typeof value !== 'number') return String(value);
  const text = Number.isInteger(value) ? exact(value) : format('reading', (of) => new Intl.NumberFormat(of, { maximumSignificantDigits: 6 })).format(value);
  return unit ? `${text} ${unit}` : text;
}
