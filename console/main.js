// Where the console begins: who is asking, which view, the keyboard, and the stream of events.

import { api, forgetRoutes, Refused, setToken, Unreachable } from './api.js';
import { render } from './dom.js';
import { Live } from './live.js';
import { GROUPS, keysHelp, menu, shell } from './shell.js';
import { changed, fetchTrend, onChange, state, takeBeat, takeChange, takeLine, takeValues, toast } from './store.js';
import { t, switchLanguage } from './words.js';
import { login } from './views/login.js';
import { views } from './views/all.js';

/** A view that shows what it fetched fetches it again with the beats, but no more often. */
const REFRESH_MS = 2000;
const THEME = 'tidegate.theme';

const root = document.getElementById('app');
let fetching = false;
let fetched = 0;
let goes = -Infinity;

const live = new Live(take, tell);

// ------------------------------------------------------------------ the stream

function take(name, value) {
  if (name === 'pulse') {
    takeBeat(value);
    if (Date.now() - fetched >= REFRESH_MS) refresh();
  } else if (name === 'alarm') takeChange(value), refresh();
  else if (name === 'log') takeLine(value);
  else if (name === 'values') takeValues(value);
  else if (name === 'hello') hello(value);
  else if (name === 'behind') behind(value);
}

function hello(value) {
  const isOther = state.hello && state.hello.started_ms !== value.started_ms;
  state.hello = value;
  if (isOther) {
    forgetRoutes();
    toast('info', t('link.restarted'));
  }
  state.lines = isOther ? [] : state.lines;
  Promise.all([fetchTrend(), fetchDemo()]).catch(() => {});
  refresh();
}

function behind({ missed }) {
  state.missed += missed ?? 0;
  toast('warn', missed === null ? t('link.behind.gap') : t('link.behind', { count: missed }));
  fetchTrend().catch(() => {});
  refresh();
}

function tell(at) {
  if (at === 'denied') return whoAsks();
  if (at === state.link.state) return;
  const last = state.beat?.at_ms ?? Date.now();
  state.link = { state: at, since: at === 'lost' ? last : Date.now() };
  changed();
}

// ------------------------------------------------------------------ views

const view = () => views[state.route.name];

/** Fetches what the view shows. What was there stays until the new is there. */
async function refresh() {
  if (fetching || !view().fetch || !state.me) return;
  fetching = true;
  fetched = Date.now();
  const [of, argument] = [state.route.name, state.route.argument];
  try {
    const data = await view().fetch(argument);
    if (of === state.route.name && argument === state.route.argument) state.view = { data, error: null };
  } catch (error) {
    if (error instanceof Refused && error.status === 401) whoAsks();
    else if (of === state.route.name) state.view = { data: error instanceof Unreachable ? state.view.data : null, error };
  } finally {
    fetching = false;
  }
  if (of !== state.route.name || argument !== state.route.argument) refresh();
  changed();
}

function route() {
  const [name, ...rest] = location.hash.replace(/^#\/?/, '').split('/');
  const known = name in views ? name : 'overview';
  const argument = rest.length ? decodeURIComponent(rest.join('/')) : null;
  const isOther = known !== state.route.name;
  state.route = { name: known, argument };
  if (isOther) {
    state.view = { data: null, error: null };
    state.choice = {};
    state.dialog = null;
    scrollTo(0, 0);
  }
  live.watch(known === 'devices' ? argument : null);
  state.values = known === 'devices' && state.values.device === argument ? state.values : { device: argument, tags: {} };
  draw();
  if (isOther) document.getElementById('title')?.focus({ preventScroll: true });
  refresh();
}

function draw() {
  document.title = `${t(`nav.${state.route.name}`)} · tidegate`;
  if (state.login) return render(root, login(signIn));
  render(root, shell(act, view().show({ refresh, open: state.view, go })));
}

function go(path) {
  location.hash = `#/${path}`;
}

// ------------------------------------------------------------------ what the bar does

const act = {
  isDark: () => document.documentElement.dataset.theme === 'dark',
  theme() {
    const next = act.isDark() ? 'light' : 'dark';
    document.documentElement.dataset.theme = next;
    try { localStorage.setItem(THEME, next); } catch { /* chosen for this page only */ }
    changed();
  },
  language() {
    switchLanguage();
    changed();
  },
  help: () => open({ title: t('keys.title'), content: keysHelp, wide: true }),
  menu: () => open({ title: t('app.menu'), content: menu }),
  close() {
    state.dialog = null;
    changed();
  },
  skip(event) {
    event.preventDefault();
    document.getElementById('main').focus();
  },
  logout() {
    setToken(null);
    live.stop();
    api.delete('/api/v1/session').catch(() => {});
    state.me = null;
    state.login = true;
    changed();
  },
};

function open(dialog) {
  state.dialog = dialog;
  changed();
}

// ------------------------------------------------------------------ who is asking

async function whoAsks() {
  try {
    const me = await api.get('/api/v1/whoami');
    state.me = { ...me, anonymous: me.name === 'anonymous' };
    state.login = false;
    live.start();
    return true;
  } catch (error) {
    if (error instanceof Refused) {
      state.login = true;
      live.stop();
    } else {
      tell('lost');
      setTimeout(whoAsks, 2000);
    }
    return false;
  } finally {
    changed();
  }
}

/** By a token, or by a name and a password where the node has sessions. */
async function signIn({ token, name, password }) {
  if (token !== undefined) setToken(token);
  else await api.post('/api/v1/session', { name, password });
  const isKnown = await whoAsks();
  if (!isKnown && token !== undefined) setToken(null);
  if (isKnown) route();
  return isKnown;
}

async function fetchDemo() {
  state.demo = await api.find('/api/v1/demo');
  changed();
}

setInterval(() => state.demo && fetchDemo().catch(() => {}), REFRESH_MS);

// ------------------------------------------------------------------ the keyboard

const LETTERS = Object.fromEntries(GROUPS.flatMap(([, list]) => list.map(([name, letter]) => [letter, name])));

function onKey(event) {
  const isTyping = event.target.closest?.('input, textarea, select');
  if (event.ctrlKey || event.metaKey || event.altKey || state.login) return;
  if (event.key === 'Escape' && isTyping) return event.target.blur();
  if (isTyping || state.dialog) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const isGoing = performance.now() - goes < 1500;
  goes = -Infinity;
  if (isGoing && LETTERS[key]) go(LETTERS[key]);
  else if (key === 'g') goes = performance.now();
  else if (key === '?') act.help();
  else if (key === 't') act.theme();
  else if (key === 'l') act.language();
  else if (key === '/') document.querySelector('main input[type="search"]')?.focus();
  else if (!view().key?.(key, { refresh, go, open })) return;
  event.preventDefault();
}

onChange(draw);
addEventListener('hashchange', route);
addEventListener('keydown', onKey);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed);
// Ages grow while nothing comes.
setInterval(changed, 5000);
route();
whoAsks().then((isKnown) => isKnown && refresh());
