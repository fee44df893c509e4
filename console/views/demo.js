// The panel of a demonstration: shown only where the node says that it is one (`GET /api/v1/demo` answers 200).

import { api } from '../api.js';
import { h } from '../dom.js';
import { count } from '../format.js';
import { icon } from '../icons.js';
import { badge } from '../parts.js';
import { changed, state, toast } from '../store.js';
import { t } from '../words.js';

async function order(path, said) {
  try {
    await api.post(path);
    toast('info', t(said));
    state.demo = (await api.find('/api/v1/demo')) ?? state.demo;
  } catch (error) {
    // A node that was killed as asked answers nothing.
    if (said === 'demo.killed' && !error.code) toast('info', t(said));
    else toast('bad', `${error.code ?? ''} ${error.message}`.trim());
  }
  changed();
}

export function demo({ cable, restarts, plant }) {
  const isIn = cable === 'in';
  const move = () => order(`/api/v1/demo/cable?state=${isIn ? 'out' : 'in'}`, isIn ? 'demo.pulled' : 'demo.plugged');
  return h('section', { class: `card demo ${isIn ? '' : 'out'}`, key: 'demo', 'aria-label': t('demo.title') },
    h('div', { class: 'demo-words' },
      h('h2', {}, t('demo.title'), badge(isIn ? 'ok' : 'bad', t(isIn ? 'demo.in' : 'demo.out')), h('span', { class: 'muted' }, t('demo.restarts', { count: count(restarts) }))),
      h('p', {}, t('demo.intro', { devices: count(plant.devices), rate: count(plant.rate) }))),
    h('div', { class: 'demo-acts' },
      h('button', { class: `button ${isIn ? 'danger' : 'primary'}`, id: 'demo-cable', onclick: move }, icon('plug'), t(isIn ? 'demo.pull' : 'demo.plug')),
      h('button', { class: 'button', id: 'demo-kill', title: t('demo.kill.hint'), onclick: () => order('/api/v1/demo/kill', 'demo.killed') }, t('demo.kill'))));
}
