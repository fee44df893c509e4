// The one stream of events of this page (server-sent events). `fetch` and not `EventSource`, which can show no token.
// After any end it is opened again, with the last id; the waits grow up to a limit. A page that nobody sees has no stream: a browser
// opens only six connections to one address, and a phone wants to sleep.

import { headers } from './api.js';

const WAIT_MS_MAX = 10000;

export class Live {
  /** `take` gets each event's name and value, `tell` how the link is: `live`, `lost`, or `denied`. */
  constructor(take, tell) {
    Object.assign(this, { take, tell, lastId: null, device: null, abort: null, failures: 0, timer: 0, wanted: false });
    document.addEventListener('visibilitychange', () => (document.hidden ? this.close() : this.wanted && this.open()));
  }

  start() {
    this.wanted = true;
    if (!document.hidden) this.open();
  }

  stop() {
    this.wanted = false;
    this.close();
  }

  /** The device whose values are wanted; null for none. */
  watch(device) {
    if (device === this.device) return;
    this.device = device;
    if (this.abort) this.open();
  }

  close() {
    clearTimeout(this.timer);
    this.abort?.abort();
    this.abort = null;
  }

  async open() {
    this.close();
    const abort = (this.abort = new AbortController());
    const path = this.device === null ? '/api/v1/events' : `/api/v1/events?device=${encodeURIComponent(this.device)}`;
    const resume = this.lastId === null ? {} : { 'last-event-id': this.lastId };
    try {
      const answer = await fetch(path, { headers: headers({ accept: 'text/event-stream', ...resume }), signal: abort.signal, cache: 'no-store' });
      if (answer.status === 401 || answer.status === 403) {
        this.stop();
        return this.tell('denied');
      }
      if (answer.ok) {
        this.failures = 0;
        this.tell('live');
        await this.read(answer.body.getReader());
      }
    } catch { /* the same as an end */ }
    if (abort === this.abort) this.again();
  }

  /** A stream that came to its end after its time is opened at once; one that failed after a wait. */
  again() {
    this.abort = null;
    if (this.failures > 0) this.tell('lost');
    const wait = this.failures === 0 ? 50 : Math.min(WAIT_MS_MAX, 250 * 2 ** this.failures) * (0.75 + Math.random() / 2);
    this.failures += 1;
    this.timer = setTimeout(() => this.open(), wait);
  }

  async read(reader) {
    const decoder = new TextDecoder();
    let text = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += decoder.decode(value, { stream: true });
      const blocks = text.split('\n\n');
      text = blocks.pop();
      blocks.forEach((block) => this.event(block));
    }
  }

  event(block) {
    let [name, data] = ['message', ''];
    for (const line of block.split('\n')) {
      if (line.startsWith('event: ')) name = line.slice(7);
      else if (line.startsWith('data: ')) data += line.slice(6);
      else if (line.startsWith('id: ')) this.lastId = line.slice(4);
    }
    if (data) this.take(name, JSON.parse(data));
  }
}
