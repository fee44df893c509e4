// Small curves of the numbers of open devices: each is fetched once and then carried on by values.

import { api, part } from '../api.js';

/** Values on a curve. */
const DOTS_MAX = 120;
/** Curves of a device; more tags than this have none. */
const CURVES_MAX = 60;

/** By device, then by tag. */
const curves = new Map();

const of = (device) => curves.get(device) ?? curves.set(device, new Map()).get(device);

export const dots = (device, tag) => (curves.get(device)?.get(tag) ?? []).map(([, dot]) => dot);

/** Those of all other devices are forgotten. */
export function keepCurves(devices) {
  for (const device of curves.keys()) if (!devices.includes(device)) curves.delete(device);
}

export async function fetchCurves(device, tags) {
  const known = of(device);
  const wanted = Object.entries(tags).filter(([tag, value]) => typeof value.value === 'number' && !known.has(tag)).slice(0, CURVES_MAX - known.size);
  await Promise.all(wanted.map(async ([tag]) => {
    const samples = await api.get(`/api/v1/history/${part(device)}/${part(tag)}`);
    known.set(tag, samples.slice(-DOTS_MAX).map((sample) => [sample.source_ms, sample.value]));
  }));
}

export function carryOn(device, tags) {
  for (const [tag, { value, time_ms }] of Object.entries(tags)) {
    const line = of(device).get(tag);
    if (line && typeof value === 'number' && time_ms > (line.at(-1)?.[0] ?? 0)) {
      line.push([time_ms, value]);
      if (line.length > DOTS_MAX) line.shift();
    }
  }
}
