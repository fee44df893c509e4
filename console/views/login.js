// Who is asking? Shown where the node lets nobody in without saying so.

import { hasRoute } from '../api.js';
import { h } from '../dom.js';
import { mark } from '../icons.js';
import { changed } from '../store.js';
import { t } from '../words.js';

const form = { way: 'token', hasSessions: null, error: null, busy: false };

/** A node that knows people has this route. */
async function lookForSessions() {
  form.hasSessions = false;
  form.hasSessions = await hasRoute('/api/v1/session').catch(() => false);
  if (form.hasSessions) form.way = 'person';
  changed();
}

export function login(signIn) {
  if (form.hasSessions === null) lookForSessions();
  const isToken = form.way === 'token';
  const submit = async (event) => {
    event.preventDefault();
    const { token, name, password } = event.target.elements;
    Object.assign(form, { busy: true, error: null });
    changed();
    try {
      const isKnown = await signIn(isToken ? { token: token.value.trim() } : { name: name.value, password: password.value });
      form.error = isKnown ? null : t('login.unknown');
    } catch (error) {
      form.error = error.hint ? `${error.message}. ${error.hint}` : error.message;
    }
    form.busy = false;
    changed();
  };
  return h('main', { class: 'login', key: 'login' },
    h('form', { class: 'card login-card', onsubmit: submit, autocomplete: 'on' },
      h('div', { class: 'brand' }, mark(), h('span', {}, 'tidegate'), h('span', { class: 'brand-zh', lang: 'zh' }, '潮闸')),
      h('h1', {}, t('login.title')),
      isToken
        ? h('label', { key: 'token' }, t('login.token'), h('input', { name: 'token', type: 'password', required: true, autocomplete: 'off', spellcheck: 'false', born: (node) => node.focus() }), h('small', { class: 'muted' }, t('login.hint')))
        : [h('label', { key: 'name' }, t('login.name'), h('input', { name: 'name', required: true, autocomplete: 'username', born: (node) => node.focus() })),
          h('label', { key: 'password' }, t('login.password'), h('input', { name: 'password', type: 'password', required: true, autocomplete: 'current-password' }))],
      h('p', { class: 'login-error', role: 'alert' }, form.error ?? ''),
      h('button', { class: 'button primary', type: 'submit', disabled: form.busy }, t('login.enter')),
      form.hasSessions && h('button', { class: 'button quiet', type: 'button', onclick: () => { form.way = isToken ? 'person' : 'token'; form.error = null; changed(); } }, t(isToken ? 'login.by.password' : 'login.by.token'))));
}
