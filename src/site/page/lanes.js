// The two lanes: each keeps a copy of one collection, and says when it knows more.
//
// A lane tells `told`: `learn(position, at)` where it hears of a change, `reached(lane, position)` when it
// has shown everything up to there, `changed(lane)` when its copy is another, `state(lane, text)` in words. It
// asks `told.sentAt(op, value)` when this page sent what a notice now tells, if it did.

const SOCKET_WAIT_MS_MIN = 500;
const SOCKET_WAIT_MS_MAX = 15000;
const ANSWER_MS_MAX = 10000;

class Lane {
  constructor(name, path, told) {
    this.name = name;
    this.path = path;
    this.told = told;
    /** From an id to its item. */
    this.items = new Map();
  }

  /** A change that was asked for here: it cannot have happened before it was sent. */
  async write(method, path, body) {
    const sentAt = performance.now();
    const { status, position, problem } = await this.send(method, path, body);
    if (status >= 400) throw new Error(problem ?? `the server answered ${status}`);
    if (position) this.told.learn(position, sentAt);
  }

  add(item) { return this.write('post', this.path, item); }

  change(id, patch) { return this.write('patch', `${this.path}/${id}`, patch); }

  /** That something is removed is answered without a position: the notice has it. */
  remove(id) {
    this.told.removes(id);
    return this.write('delete', `${this.path}/${id}`);
  }
}

/** Asks for the whole list again and again. */
export class Polling extends Lane {
  constructor(path, told) {
    super('polling', path, told);
    this.intervalMs = 2000;
    this.conditional = true;
    this.tag = null;
    /** How often it asked, and how often it learned something by it. */
    this.asked = 0;
    this.learned = 0;
    /** None while a question is under way: so there is never more than one. */
    this.timer = null;
    this.askedAt = 0;
  }

  begin() { this.ask(); }

  /** Whoever drags the slider sets many: each only moves the next question, which comes at once where it is due. */
  setInterval(ms) {
    this.intervalMs = ms;
    if (this.timer !== null) this.waitForNext();
  }

  waitForNext() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), Math.max(0, this.askedAt + this.intervalMs - performance.now()));
  }

  async ask() {
    this.timer = null;
    this.askedAt = performance.now();
    try {
      await this.askOnce();
      this.told.state(this, `Asked ${times(this.asked)}, ${this.learned} brought something new.`);
    } catch {
      this.told.state(this, `Not reached: asks again in ${seconds(this.intervalMs)}.`);
    }
    this.waitForNext();
  }

  async askOnce() {
    const fields = { Accept: 'application/json' };
    if (this.conditional && this.tag) fields['If-None-Match'] = this.tag;
    this.asked += 1;
    const answer = await fetch(this.path, { headers: fields, cache: 'no-store', signal: AbortSignal.timeout(ANSWER_MS_MAX) });
    if (answer.status === 304) return;
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    const values = await answer.json();
    const tag = answer.headers.get('ETag');
    if (tag === this.tag) return;
    const isFirst = this.tag === null;
    this.tag = tag;
    this.items = new Map(values.map((value) => [value.id, value]));
    const position = positionOf(tag);
    if (!isFirst) {
      this.learned += 1;
      this.told.learn(position, performance.now());
    }
    this.told.changed(this);
    this.told.reached(this, position);
  }

  async send(method, path, body) {
    const options = { method: method.toUpperCase(), cache: 'no-store', signal: AbortSignal.timeout(ANSWER_MS_MAX) };
    if (body) Object.assign(options, { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } });
    const answer = await fetch(path, options);
    const problem = answer.ok ? null : (await answer.json()).detail;
    return { status: answer.status, position: positionOf(answer.headers.get('ETag')), problem };
  }
}

/** Asks once, and is told of every change. After a break it goes on where it was. */
export class Following extends Lane {
  constructor(path, told) {
    super('socket', path, told);
    this.socket = null;
    /** It has heard everything up to here. Null: the next connection begins with a snapshot. */
    this.position = null;
    this.waitMs = SOCKET_WAIT_MS_MIN;
    this.calls = new Map();
    this.lastId = 0;
  }

  get isOpen() { return this.socket?.readyState === WebSocket.OPEN; }

  begin() {
    const address = new URL(this.path, location.href);
    address.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
    if (this.position) address.searchParams.set('since', this.position);
    const socket = new WebSocket(address, 'bothways.v1');
    let opened = false;
    this.socket = socket;
    socket.onopen = () => {
      opened = true;
      this.told.state(this, 'Connected.');
    };
    socket.onmessage = ({ data }) => {
      this.waitMs = SOCKET_WAIT_MS_MIN;
      try {
        this.hear(JSON.parse(data));
      } catch (error) {
        console.error(error);
        this.position = null;
        socket.close();
      }
    };
    socket.onclose = () => {
      // It did not open: perhaps because of the position.
      if (!opened) this.position = null;
      for (const { reject } of this.calls.values()) reject(new Error('the socket was closed'));
      this.calls.clear();
      this.tryAgain();
    };
  }

  /** Those who lost the same server do not all come back at once. */
  tryAgain() {
    const ms = this.waitMs * (0.5 + Math.random() / 2);
    this.waitMs = Math.min(this.waitMs * 2, SOCKET_WAIT_MS_MAX);
    this.told.state(this, `Not connected: tries again in ${seconds(ms)}.`);
    setTimeout(() => this.begin(), ms);
  }

  hear(message) {
    if (message.id !== undefined) this.hearAnswer(message);
    else this.hearNotice(message.method, message.params);
  }

  hearNotice(method, { position, op, value }) {
    if (method === 'gone') {
      // A snapshot follows; if it does not, the next connection asks for one.
      this.position = null;
      return;
    }
    if (method === 'snapshot') this.items = new Map(value.map((item) => [item.id, item]));
    if (method === 'change') {
      if (op === 'deleted') this.items.delete(value.id);
      else this.items.set(value.id, value);
      this.told.learn(position, this.told.sentAt(op, value) ?? performance.now());
    }
    this.position = position;
    if (method !== 'position') this.told.changed(this);
    this.told.reached(this, position);
  }

  hearAnswer({ id, result, error }) {
    this.calls.get(id)?.resolve(error
      ? { status: 400, problem: error.data?.detail ?? error.message }
      : { status: result.status, position: positionOf(result.etag) });
    this.calls.delete(id);
  }

  send(method, path, body) {
    return new Promise((resolve, reject) => {
      if (!this.isOpen) throw new Error('the socket is not connected');
      this.lastId += 1;
      this.calls.set(this.lastId, { resolve, reject });
      this.say({ jsonrpc: '2.0', id: this.lastId, method, params: { path, body } });
    });
  }

  /** What is said without an id is done, and not answered. */
  say(message) { this.socket.send(JSON.stringify(message)); }
}

/** An entity tag without its quotes, and without the mark of its coding. */
function positionOf(tag) { return tag ? tag.replaceAll('"', '').replace('.gzip', '') : null; }

function times(count) { return count === 1 ? 'once' : `${count} times`; }

export function seconds(ms) {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return `${(ms / 1000).toFixed(ms < 10000 ? 1 : 0)} s`;
}
