// Books: what is in them, that they are right, and a transfer from one account to another.

import { api, part, Unreachable } from '../api.js';
import { h } from '../dom.js';
import { count, exact, moment } from '../format.js';
import { badge, card, codeLink, empty, facts, page, stat, table, trouble, waiting } from '../parts.js';
import { changed, may, newId, state, toast } from '../store.js';
import { named, t } from '../words.js';

const PAGE = 100;
/** Of accounts that are listed at once; the search finds the others. */
const ACCOUNTS_MAX = 1000;
/** What a retry with the same id tells. */
const UNKNOWN = 'TG-LE-030';

const to = (book, account) => `ledger/${part(book)}${account ? `/${part(account)}` : ''}`;

/** An amount, which may be larger than what a browser counts exactly. */
const amount = (value) => (Number.isSafeInteger(value) ? exact(value) : `≈ ${exact(value)}`);

/** `BOOK/ACCOUNT`, in which neither has a slash. */
function chosen(argument) {
  const [book, account] = (argument ?? '').split('/');
  return { book: book || null, account: account || null };
}

/** Names are asked for from behind one, so from behind the last name that sorts before these letters. */
function before(letters) {
  if (!letters) return '';
  const last = letters.codePointAt(letters.length - 1);
  return `&after=${part(`${letters.slice(0, -1)}${String.fromCodePoint(last - 1)}\u{10ffff}`)}`;
}

// ------------------------------------------------------------------ a transfer

/** Asks once more, sends, and keeps the id until the outcome is known: sent again it is not done again. */
function confirm(book, order, currency, refresh, sent) {
  const asked = { busy: false, error: null };
  const send = async () => {
    Object.assign(asked, { busy: true, error: null });
    changed();
    try {
      const told = await api.post(`/v1/ledger/${part(book)}/transfers`, { orders: [order] });
      state.dialog = null;
      toast('ok', t(`led.${told.results[0].status}`, { seq: exact(told.results[0].seq) }));
      sent();
      refresh();
    } catch (error) {
      Object.assign(asked, { busy: false, error });
    }
    changed();
  };
  const isUnknown = () => asked.error instanceof Unreachable || asked.error?.code === UNKNOWN;
  state.dialog = {
    title: t('led.confirm'),
    content: () => [
      facts('order', [[t('led.amount'), `${exact(order.amount)} ${currency}`], [t('led.debit'), order.debit], [t('led.credit'), order.credit], order.memo && [t('led.memo'), order.memo, 'wide'], order.subject && [t('led.subject'), order.subject], [t('led.id'), h('code', {}, order.id), 'wide']]),
      h('p', { class: 'login-error', role: 'alert' }, asked.error ? (isUnknown() ? t('led.unknown') : [asked.error.code && codeLink(asked.error.code), ' ', asked.error.message]) : ''),
      h('div', { class: 'choices' },
        h('button', { class: 'button', onclick: () => { state.dialog = null; changed(); } }, t('dialog.cancel')),
        h('button', { class: 'button primary', 'data-act': 'post', disabled: asked.busy, autofocus: true, onclick: send }, t(isUnknown() ? 'led.again' : 'led.post')))],
  };
  changed();
}

function transfer(book, accounts, refresh) {
  const submit = (event) => {
    event.preventDefault();
    const form = event.target;
    const { debit, credit, amount: much, memo, subject } = form.elements;
    const order = { id: newId(), kind: 'transfer', debit: debit.value.trim(), credit: credit.value.trim(), amount: Number(much.value), memo: memo.value.trim(), subject: subject.value.trim() || undefined };
    const currency = accounts.find((account) => account.account === order.debit)?.currency ?? '';
    confirm(book, order, currency, refresh, () => form.reset());
  };
  const account = (name) => h('label', { key: name }, t(`led.${name}`), h('input', { name, required: true, maxlength: 64, list: 'led-accounts', autocomplete: 'off', spellcheck: 'false' }));
  return card({ key: 'transfer', title: t('led.transfer') }, h('form', { class: 'order', onsubmit: submit },
    account('debit'), account('credit'),
    h('label', { key: 'amount' }, t('led.amount'), h('input', { name: 'amount', type: 'number', required: true, min: 1, max: Number.MAX_SAFE_INTEGER, step: 1 })),
    h('label', { key: 'memo' }, t('led.memo'), h('input', { name: 'memo', maxlength: 80, autocomplete: 'off' })),
    h('label', { key: 'subject' }, t('led.subject'), h('input', { name: 'subject', maxlength: 64, pattern: '[A-Za-z0-9._\\-]*', autocomplete: 'off', spellcheck: 'false' })),
    h('datalist', { id: 'led-accounts', key: 'names' }, accounts.map((one) => h('option', { key: one.account, value: one.account }))),
    h('button', { class: 'button primary', key: 'check' }, t('led.check'))));
}

// ------------------------------------------------------------------ what is there

function standing(book) {
  return h('section', { class: 'stats four', key: 'standing', 'aria-label': t('led.state') },
    stat({ key: 'state', label: t('led.state'), value: t(book.closed ? 'led.closed' : 'led.open'), note: book.closed, tone: book.closed ? 'bad' : 'ok' }),
    stat({ key: 'durable', label: t('led.durable'), value: exact(book.durable_seq), note: t('led.settling', { count: count(book.settling) }) }),
    stat({ key: 'sound', label: t('led.sound'), value: exact(book.sound_seq), note: t('led.scrubs', { count: count(book.scrubs) }) }),
    stat({ key: 'differences', label: t('led.differences'), value: exact(book.differences), note: t(book.differences ? 'led.differ' : 'led.agree'), tone: book.differences ? 'bad' : 'ok' }));
}

const NUMBERS = ['available', 'posted', 'outgoing', 'incoming'];

function accountsCard(book, account, list, refresh) {
  const type = (event) => {
    state.choice.from = event.target.value.trim();
    refresh();
  };
  const more = () => {
    state.choice.many = (state.choice.many ?? PAGE) + PAGE;
    refresh();
  };
  const filter = h('input', { type: 'search', 'aria-label': t('led.from'), placeholder: t('led.from'), value: state.choice.from ?? '', oninput: type });
  const columns = [{ name: t('led.account') }, { name: t('led.currency') }, ...NUMBERS.map((name) => ({ name: t(`led.${name}`), class: 'num' }))];
  const fitting = list.accounts.filter((one) => one.account.startsWith(state.choice.from ?? ''));
  const rows = fitting.map((one) => ({ key: one.account, chosen: one.account === account, cells: [h('a', { href: `#/${to(book, one.account)}` }, one.account), one.currency, ...NUMBERS.map((name) => amount(one[name]))] }));
  return card({ key: 'accounts', title: t('led.accounts'), flush: true, actions: filter },
    rows.length ? table({ label: t('led.accounts'), columns, rows }) : empty(t('led.none'), t('led.none.hint'), 'ledger'),
    list.next && rows.length < ACCOUNTS_MAX && h('div', { class: 'choices pad' }, h('button', { class: 'button small', onclick: more }, t('led.more'))));
}

/** Kinds that move what they say; the others hold it or let go of it. */
const MOVES = new Set(['transfer', 'post']);

/** A fact as this account sees it: with whom, how much, and what was then in it. */
function line(fact, account) {
  if (!fact.debit) return { key: fact.seq, cells: [exact(fact.seq), moment(fact.at_ms), named('led.kind', fact.kind), '', '', '', ''] };
  const isDebit = fact.debit === account;
  const after = isDebit ? fact.debit_after : fact.credit_after;
  return { key: fact.seq, cells: [exact(fact.seq), moment(fact.at_ms), named('led.kind', fact.kind), isDebit ? fact.credit : fact.debit, `${MOVES.has(fact.kind) ? (isDebit ? '−' : '+') : ''}${amount(fact.amount)}`, amount(after.posted), fact.memo ?? t(`led.memo.${fact.memo_state}`)] };
}

function statementCard(book, account, told, go) {
  const close = h('button', { class: 'tool', 'aria-label': t('app.close'), onclick: () => go(to(book)) }, h('span', { 'aria-hidden': 'true' }, '×'));
  const columns = [{ name: t('led.seq') }, { name: t('led.when') }, { name: t('led.what') }, { name: t('led.with') }, { name: t('led.amount'), class: 'num' }, { name: t('led.posted'), class: 'num' }, { name: t('led.memo') }];
  const lines = told?.facts ?? [];
  const older = async () => {
    try {
      const next = await api.get(`/v1/ledger/${part(book)}/accounts/${part(account)}/statement?before=${told.next}`);
      state.choice.older = { of: `${book}/${account}`, facts: [...(state.choice.older?.facts ?? []), ...next.facts], next: next.next };
    } catch (error) {
      toast('bad', error.message);
    }
    changed();
  };
  return card({ key: 'statement', title: t('led.statement', { account }), flush: true, actions: close },
    told?.error ? trouble(told.error) : !told ? waiting() : table({ label: t('led.statement', { account }), columns, rows: lines.map((fact) => line(fact, account)) }),
    told?.next && h('div', { class: 'choices pad' }, h('button', { class: 'button small', onclick: older }, t('led.older'))));
}

function trialCard(trial) {
  const columns = [{ name: t('led.currency') }, { name: t('led.accounts'), class: 'num' }, { name: t('led.debits'), class: 'num' }, { name: t('led.credits'), class: 'num' }, { name: t('led.outgoing'), class: 'num' }, { name: '' }];
  // Sums come as text, for they may be larger than what a browser counts exactly.
  const rows = trial.currencies.map((one) => ({ key: one.currency, cells: [one.currency, exact(one.accounts), exact(BigInt(one.debits)), exact(BigInt(one.credits)), exact(BigInt(one.outgoing)), badge(one.even ? 'ok' : 'bad', t(one.even ? 'led.even' : 'led.uneven'))] }));
  return card({ key: 'trial', title: t('led.trial'), note: t('led.asof', { seq: exact(trial.as_of_seq) }), flush: true }, rows.length ? table({ label: t('led.trial'), columns, rows }) : empty(t('led.none')));
}

function bookLinks(books, book) {
  return books.length > 1 && h('nav', { class: 'tabs', key: 'books', 'aria-label': t('led.books') }, books.map((one) => h('a', { key: one.book, class: 'button small', href: `#/${to(one.book)}`, 'aria-current': one.book === book.book ? 'page' : null }, one.book)));
}

/** What was asked for before stays with what is new. */
function whole(first, of) {
  const { older } = state.choice;
  if (!first?.facts || older?.of !== of) return first;
  const last = first.facts.at(-1)?.seq ?? 0;
  return { facts: [...first.facts, ...older.facts.filter((fact) => fact.seq < last)], next: older.next };
}

export const ledger = {
  async fetch(argument) {
    const told = await api.find('/v1/ledger');
    if (!told) return { books: [] };
    const { book: name, account } = chosen(argument);
    const book = name ? told.books.find((one) => one.book === name) : told.books[0];
    if (!book) return { books: told.books, lacks: name };
    const at = `/v1/ledger/${part(book.book)}`;
    const [accounts, trial, statement] = await Promise.all([
      api.get(`${at}/accounts?many=${state.choice.many ?? PAGE}${before(state.choice.from)}`),
      may('auditor') ? api.get(`${at}/trial`) : null,
      account ? api.get(`${at}/accounts/${part(account)}/statement`).catch((error) => ({ error })) : null,
    ]);
    return { books: told.books, book, accounts, trial, statement, account };
  },

  show({ open, refresh, go }) {
    const { data, error } = open;
    if (error && !data) return page(t('nav.ledger'), t('led.intro'), trouble(error, refresh));
    if (!data) return page(t('nav.ledger'), t('led.intro'), waiting());
    if (!data.book) return page(t('nav.ledger'), t('led.intro'), card({ key: 'none' }, data.lacks ? empty(t('led.lacks', { book: data.lacks }), null, 'ledger') : empty(t('led.nobooks'), t('led.nobooks.hint'), 'ledger')));
    const { book } = data;
    const { account } = chosen(state.route.argument);
    const told = data.account === account ? whole(data.statement, `${book.book}/${account}`) : null;
    return page(t('nav.ledger'), t('led.intro'),
      bookLinks(data.books, book),
      standing(book),
      may('operator') && !book.closed && transfer(book.book, data.accounts.accounts, refresh),
      account && statementCard(book.book, account, told, go),
      accountsCard(book.book, account, data.accounts, refresh),
      data.trial && trialCard(data.trial));
  },

  key(key, { go }) {
    const { book, account } = chosen(state.route.argument);
    if (key === 'Escape' && account) return go(to(book)), true;
    const { data } = state.view;
    const rows = data?.accounts?.accounts ?? [];
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[key];
    if (step === undefined || !rows.length) return false;
    const at = rows.findIndex((one) => one.account === account);
    go(to(data.book.book, rows[at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + step))].account));
    return true;
  },
};
