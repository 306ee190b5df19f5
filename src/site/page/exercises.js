// Two exercises on the same two lanes: a chat, and a price that changes often.

import { bytes, bytesOf } from './tally.js';

const CHAT_MAX = 20;
const TICKS_MS = 10000;
/** How long after its interval polling may take for its last look. */
const LAST_LOOK_MS = 500;

const element = (id) => document.getElementById(id);

/** Items of the exercises are none of the list. */
export function isTask(item) { return !('room' in item); }

function chatOf(lane) { return [...lane.items.values()].filter((item) => item.room === 'chat'); }

/** Whichever lane can write now. */
function writing(polling, socket) { return socket.isOpen ? socket : polling; }

export class Chat {
  constructor(polling, socket, say) {
    for (const lane of [polling, socket]) {
      const input = element(`${lane.name}-chat-text`);
      element(`${lane.name}-chat-form`).addEventListener('submit', (event) => {
        event.preventDefault();
        const text = input.value.trim();
        if (!text) return;
        input.value = '';
        this.speak(lane, text).catch((error) => {
          input.value ||= text;
          say(`Not said: ${error.message}`);
        });
      });
    }
    element('chat-clear').addEventListener('click', () => {
      const lane = writing(polling, socket);
      Promise.allSettled(chatOf(lane).map(({ id }) => lane.remove(id))).then(() => say('The chat is cleared.'));
    });
  }

  async speak(lane, text) {
    await lane.add({ room: 'chat', by: lane.name, text });
    const old = chatOf(lane).slice(0, -CHAT_MAX);
    // Another page may have removed them already.
    await Promise.allSettled(old.map(({ id }) => lane.remove(id)));
  }

  show(lane) {
    const list = element(`${lane.name}-chat`);
    const said = chatOf(lane).slice(-CHAT_MAX);
    const key = JSON.stringify(said);
    // Whatever else has changed: whoever reads up in the list stays there.
    if (key === list.dataset.said) return;
    list.dataset.said = key;
    list.replaceChildren(...said.map(({ by, text }) => {
      const made = document.createElement('li');
      made.className = by === 'polling' ? 'polling' : 'socket';
      made.append(String(text));
      return made;
    }));
    list.scrollTop = list.scrollHeight;
  }
}

/** One item, written again and again by this page. */
export class Ticks {
  constructor(polling, socket, counters, say) {
    Object.assign(this, { polling, socket, counters, say });
    this.run = null;
    element('ticks-go').addEventListener('click', () => {
      if (this.run) this.run.until = 0;
      else this.go(Number(element('ticks-rate').value)).catch((error) => this.end(error.message));
    });
    // Who leaves in the middle leaves nothing behind.
    addEventListener('pagehide', () => {
      if (this.run) fetch(this.pathOf(this.run), { method: 'DELETE', keepalive: true });
    });
  }

  pathOf({ id }) { return `${this.socket.path}/${id}`; }

  async go(rate) {
    if (!this.socket.isOpen) throw new Error('The socket is not connected.');
    const [draw] = crypto.getRandomValues(new Uint32Array(1));
    const run = { id: `price-${draw.toString(16)}`, written: 0, price: 100, seen: { polling: 0, socket: 0 }, last: {}, sentAt: new Map(), until: Infinity };
    this.run = run;
    element('ticks-go').textContent = 'Stop';
    this.say(`Updates run for ${TICKS_MS / 1000} seconds.`);
    for (const lane of ['polling', 'socket']) {
      for (const what of ['price', 'seen', 'missed', 'cost', 'each']) element(`${lane}-${what}`).textContent = '–';
    }
    try {
      await this.counters.read();
      run.before = structuredClone(this.counters.totals);
      run.until = performance.now() + TICKS_MS;
      await this.write(run, rate);
      await this.lastLook(run);
    } finally {
      this.run = null;
      await writing(this.polling, this.socket).remove(run.id).catch(() => {});
    }
    this.end(`${run.written} updates: polling saw ${run.seen.polling}, the socket ${run.seen.socket}. The item is removed.`);
  }

  /** No answer says which change a tick became; the notice does. */
  sentAt({ id, tick }) { return id === this.run?.id ? this.run.sentAt.get(tick) : undefined; }

  async write(run, rate) {
    const beganAt = performance.now();
    const most = rate * TICKS_MS / 1000;
    while (performance.now() < run.until && run.written < most) {
      if (!this.socket.isOpen) throw new Error('The socket was closed in the middle.');
      run.written += 1;
      run.price = Math.max(1, run.price + Math.random() * 2 - 1);
      const body = { room: 'price', tick: run.written, price: Number(run.price.toFixed(2)) };
      run.sentAt.set(run.written, performance.now());
      // Nobody waits for an answer, so it is said without an id, and what comes back is the news alone.
      this.socket.say({ jsonrpc: '2.0', method: 'put', params: { path: this.pathOf(run), body } });
      element('ticks-state').textContent = `${Math.max(0, Math.ceil((run.until - performance.now()) / 1000))} s to go`;
      await pause(beganAt + run.written * 1000 / rate - performance.now());
    }
  }

  async lastLook(run) {
    element('ticks-state').textContent = 'Polling takes its last look…';
    await pause(this.polling.intervalMs + LAST_LOOK_MS);
    await this.counters.read();
    const { totals } = this.counters;
    const heard = {
      polling: bytesOf(totals.requests) - bytesOf(run.before.requests),
      socket: totals.sockets.written_bytes - run.before.sockets.written_bytes,
    };
    for (const [lane, cost] of Object.entries(heard)) {
      const seen = run.seen[lane];
      element(`${lane}-missed`).textContent = String(Math.max(0, run.written - seen));
      element(`${lane}-cost`).textContent = bytes(cost);
      element(`${lane}-each`).textContent = seen > 0 ? bytes(cost / seen) : '–';
    }
    const wrote = totals.sockets.read_bytes - run.before.sockets.read_bytes;
    element('ticks-writing').textContent = `${bytes(wrote)} for ${run.written} updates`;
  }

  end(text) {
    element('ticks-state').textContent = text;
    element('ticks-go').textContent = 'Start';
    this.say(text);
  }

  /** Polling sees what is there when it asks; the socket is told of each. */
  show({ name, items }) {
    const { run } = this;
    const item = run && items.get(run.id);
    if (!item || item.tick === run.last[name]) return;
    run.last[name] = item.tick;
    run.seen[name] += 1;
    element(`${name}-price`).textContent = item.price.toFixed(2);
    element(`${name}-seen`).textContent = String(run.seen[name]);
  }
}

/** Also for nothing at all the others get their turn. */
function pause(ms) { return new Promise((resolve) => { setTimeout(resolve, Math.max(0, ms)); }); }
