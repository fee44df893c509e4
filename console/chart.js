// Lines over time as SVG, drawn as values like everything else: a beat changes the `d` of a few paths and nothing more.
// The pointer, or the arrow keys on a focused chart, choose a moment; the legend then shows the values of that moment.

import { h } from './dom.js';
import { clock, NONE } from './format.js';
import { t } from './words.js';
import { changed } from './store.js';

const WIDTH = 600;
/** Which moment is chosen, by chart: its place counted from the last one, so that it stays while time goes on. */
const chosen = new Map();

/** The least of 1, 2, 5 times a power of ten that is not below. */
export function ceiling(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value * 0.999);
}

/** The same for bytes: the next of 1, 1.5, 2, 3 times a power of two. */
export function byteCeiling(value) {
  const power = 2 ** Math.floor(Math.log2(Math.max(1, value)));
  return [1, 1.5, 2].map((step) => step * power).find((step) => step >= value);
}

function highest(series) {
  let most = 0;
  for (const { values } of series) for (const value of values) if (value > most) most = value;
  return most;
}

/** A line, broken where there is nothing. */
function line(values, length, top, height) {
  let path = '';
  let pen = false;
  values.forEach((value, at) => {
    if (value === null || value === undefined) {
      pen = false;
      return;
    }
    const x = ((at + length - values.length) / Math.max(1, length - 1)) * WIDTH;
    const y = height - (Math.min(value, top) / top) * (height - 2) - 1;
    path += `${pen ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`;
    pen = true;
  });
  return path;
}

function area(values, length, top, height) {
  const path = line(values, length, top, height);
  if (!path || path.indexOf('M', 1) > 0) return '';
  const last = path.slice(Math.max(path.lastIndexOf('L'), path.lastIndexOf('M')) + 1).split(' ')[0];
  return `${path}L${last} ${height}L${path.slice(1).split(' ')[0]} ${height}Z`;
}

/**
 * A chart. `series`: `{ name, color, values }` each, `color` a number of the palette; `length`: moments from edge to edge;
 * `show` writes a value; `times` are those of the moments.
 */
export function chart({ id, title, note, series, times, length, show, height = 150, filled = false, upTo = ceiling }) {
  const top = upTo(highest(series));
  const many = times.length;
  const back = chosen.get(id) ?? null;
  const at = back === null || back >= many ? null : many - 1 - back;
  const place = at === null ? null : (at + length - many) / Math.max(1, length - 1);
  const choose = (next) => {
    if (next === null) chosen.delete(id);
    else chosen.set(id, Math.min(many - 1, Math.max(0, next)));
    changed();
  };
  const pointed = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    const index = Math.round(((event.clientX - box.left) / box.width) * (length - 1)) - (length - many);
    choose(index < 0 || many === 0 ? null : many - 1 - Math.min(index, many - 1));
  };
  const keys = (event) => {
    const step = { ArrowLeft: 1, ArrowRight: -1, PageUp: 10, PageDown: -10 }[event.key];
    if (step !== undefined) choose((back ?? 0) + step);
    else if (event.key === 'Escape' && back !== null) choose(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const now = (values) => values.at(at === null ? -1 : at - many) ?? null;
  const summary = series.map(({ name, values }) => `${name}: ${show(now(values))}`).join(', ');
  return h('figure', { class: 'chart', key: id },
    h('figcaption', { class: 'chart-head' },
      h('span', { class: 'chart-title' }, title, note && h('small', {}, note)),
      h('span', { class: 'chart-moment' }, at === null ? '' : clock(times[at]))),
    h('div', { class: 'chart-body', style: { '--height': `${height}px` } },
      h('div', { class: 'chart-scale', 'aria-hidden': 'true' }, h('span', {}, show(top)), h('span', {}, show(top / 2)), h('span', {}, show(0))),
      h('div', { class: 'chart-plot', tabindex: '0', role: 'img', 'aria-label': `${title}. ${summary}. ${t('chart.hint')}`,
        onpointermove: pointed, onpointerleave: () => back !== null && choose(null), onkeydown: keys, onblur: () => back !== null && choose(null) },
        h('svg', { viewBox: `0 0 ${WIDTH} ${height}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
          [0, 0.5, 1].map((share) => h('line', { class: 'grid', x1: 0, x2: WIDTH, y1: 1 + share * (height - 2), y2: 1 + share * (height - 2) })),
          filled && series.map(({ name, color, values }) => h('path', { key: `area ${name}`, class: `area c${color}`, d: area(values, length, top, height) })),
          series.map(({ name, color, values }) => h('path', { key: `line ${name}`, class: `line c${color}`, d: line(values, length, top, height) }))),
        place !== null && h('div', { class: 'chart-cursor', style: { left: `${(place * 100).toFixed(2)}%` } }),
        many < 2 && h('p', { class: 'chart-wait' }, t('chart.wait')))),
    h('ul', { class: 'legend' }, series.map(({ name, color, values }) =>
      h('li', { key: name }, h('span', { class: `swatch c${color}` }), h('span', {}, name), h('b', {}, many === 0 ? NONE : show(now(values)))))));
}

/** A line without words, for a cell; `values` may have gaps. */
export function spark(values, label, { color = 1, length = values.length } = {}) {
  const known = values.filter((value) => value !== null && value !== undefined);
  if (known.length < 2) return h('svg', { class: 'spark', viewBox: '0 0 100 24', 'aria-hidden': 'true' });
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const lifted = values.map((value) => (value === null || value === undefined ? null : high === low ? 0.5 : (value - low) / (high - low)));
  const path = line(lifted, length, 1, 24).replace(/([ML])([\d.]+)/g, (_, pen, x) => `${pen}${(x / 6).toFixed(1)}`);
  return h('svg', { class: 'spark', viewBox: '0 0 100 24', preserveAspectRatio: 'none', role: 'img', 'aria-label': label }, h('path', { class: `line c${color}`, d: path }));
}
