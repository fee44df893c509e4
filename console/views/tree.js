// A tree of branches that open and close: what is closed is not drawn, and of many rows only the first are.
// A branch is a button, so Tab, Enter and a screen reader know what to do with it; arrow keys go through them as well.

import { h } from '../dom.js';
import { count } from '../format.js';
import { icon } from '../icons.js';
import { changed, state } from '../store.js';
import { t } from '../words.js';

/** Rows of one branch that are drawn at first, and so many more each time that is asked for. */
const ROWS = 100;

/** What was opened or closed by hand; the latest is the last. */
const turned = () => (state.choice.turned ??= new Map());

export const isOpen = (id, byItself = false) => turned().get(id) ?? byItself;

/** The ids that were opened by hand and begin like this. */
export const opened = (start) => [...turned()].filter(([id, open]) => open && id.startsWith(start)).map(([id]) => id);

export function turn(id, open) {
  turned().delete(id);
  turned().set(id, open);
  changed();
}

/** `{ id, open, onturn, born }`, the row's words, and what is in it, which is called only where it is open. */
export function branch({ id, open, onturn, born }, words, inside) {
  const flip = () => (onturn ? onturn(!open) : turn(id, !open));
  return h('li', { key: id },
    h('button', { class: 'twig', 'data-branch': id, 'aria-expanded': String(open), onclick: () => { flip(); } }, icon(open ? 'open' : 'shut'), words),
    open && h('div', { class: 'inside', key: 'inside', born }, inside()));
}

/** The first rows of many, `row` drawn for each, and a word about the others; what `must` be seen is. */
export function firstOf(id, all, row, { must = () => false, first = ROWS } = {}) {
  const many = (state.choice.many ??= new Map());
  const limit = many.get(id) ?? first;
  const shown = all.filter((one, at) => at < limit || must(one));
  const more = () => {
    many.set(id, limit + ROWS);
    changed();
  };
  const left = all.length - shown.length;
  return { rows: shown.map(row), rest: left > 0 && h('p', { class: 'rest', key: `rest ${id}` }, t('tree.left', { count: count(left) }), h('button', { class: 'button small', 'data-act': 'more', onclick: more }, t('dev.more'))) };
}

/** Up and down through the branches that are seen; right opens one, left closes it or goes to the one it is in. */
export function key(name) {
  const twigs = [...document.querySelectorAll('.tree .twig')];
  const at = twigs.indexOf(document.activeElement);
  const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[name];
  if (step && twigs.length) {
    twigs[at < 0 ? 0 : Math.min(twigs.length - 1, Math.max(0, at + step))].focus();
    return true;
  }
  const twig = twigs[at];
  if (!twig || (name !== 'ArrowLeft' && name !== 'ArrowRight')) return false;
  const isShut = twig.getAttribute('aria-expanded') === 'false';
  if (isShut === (name === 'ArrowRight')) twig.click();
  else if (isShut) twig.closest('.inside')?.parentElement.querySelector('.twig').focus();
  return true;
}
