// A reading's way from its device to each sink, with times, out of the journal.

import { api, part } from '../api.js';
import { h } from '../dom.js';
import { clock, count, millis } from '../format.js';
import { card, codeLink, page, trouble, waiting, when } from '../parts.js';
import { state } from '../store.js';
import { named, t } from '../words.js';

const TONES = { settled: 'ok', dead_lettered: 'bad', waiting: 'wait' };

/** The steps of a story as items of a list. */
export function storySteps(story) {
  const source = named('source', story.source);
  return [
    h('li', { key: 'sent', class: 'step' }, h('b', {}, story.client ? t('story.sent', { client: story.client, source }) : t('story.sent.nobody', { source })),
      h('p', {}, h('code', {}, story.topic)), story.principal && h('p', { class: 'muted' }, t('story.principal', { name: story.principal }))),
    h('li', { key: 'taken', class: 'step ok' }, h('b', {}, t('story.taken', { seq: count(story.seq) })), h('p', {}, named('class', story.class)),
      h('p', { class: 'muted' }, clock(story.taken_ms), ' · ', when(story.taken_ms)),
      h('p', {}, h('a', { href: `#/story/${part(story.id)}`, class: 'id' }, story.id))),
    story.sinks.map((sink) => h('li', { key: `sink ${sink.sink}`, class: `step ${TONES[sink.state] ?? ''}` },
      h('b', {}, t(`story.${sink.state}`, { sink: sink.sink })),
      sink.reason && h('p', { class: 'fault' }, sink.reason),
      h('p', { class: 'muted' }, sink.at_ms ? t('story.after', { span: millis(Math.max(0, sink.at_ms - story.taken_ms)) }) : ''))),
    (story.commands ?? []).map(commandStep),
  ];
}

const COMMAND_TONES = { published: 'ok', unheard: 'warn', refused: 'bad', expired: 'warn' };

/** What a rule wanted done: of a reading's story a step, of its own all of it. */
function commandStep(command) {
  return h('li', { key: `command ${command.id}`, class: `step ${COMMAND_TONES[command.state] ?? 'wait'}` },
    h('b', {}, t('story.command', { rule: command.rule, state: named('story.command', command.state) })),
    h('p', {}, h('code', {}, command.topic), ' ', h('code', {}, command.payload)),
    command.code && h('p', { class: 'fault' }, codeLink(command.code)),
    h('p', { class: 'muted' }, clock(command.due_ms), ' · ', when(command.due_ms), command.at_ms ? ` · ${t('story.after', { span: millis(Math.max(0, command.at_ms - command.due_ms)) })}` : ''),
    command.cause && h('p', {}, t('story.because'), ' ', h('a', { class: 'id', href: `#/story/${part(command.cause)}` }, command.cause)));
}

const steps = (told) => (told.kind === 'command' ? commandStep(told) : storySteps(told));

export const story = {
  async fetch(id) {
    return id ? { story: await api.get(`/api/v1/story/${part(id)}`) } : {};
  },

  show({ open, refresh, go }) {
    const id = state.route.argument;
    const submit = (event) => {
      event.preventDefault();
      const asked = event.target.elements.id.value.trim();
      if (asked === id) refresh();
      else if (asked) go(`story/${part(asked)}`);
    };
    return page(t('nav.story'), t('story.intro'),
      h('form', { class: 'ask', key: 'ask', onsubmit: submit },
        h('label', {}, t('story.id'), h('input', { name: 'id', type: 'search', required: true, spellcheck: 'false', autocomplete: 'off', placeholder: '019be2b2-6f0a-7e1c-8a55-3a0f51c9d2ee', born: (node) => { node.value = id ?? ''; } }), h('small', { class: 'muted' }, t('story.id.hint'))),
        h('button', { class: 'button primary' }, t('story.tell'))),
      id && (open.error ? trouble(open.error, refresh) : card({ key: 'story', title: id }, open.data?.story ? h('ol', { class: 'steps' }, steps(open.data.story)) : waiting())));
  },
};
