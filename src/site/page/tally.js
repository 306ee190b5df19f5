// What is counted: what each lane cost and how late it was, as the server saw it; and how late this page showed it.

import { seconds } from './lanes.js';

const ASKED_EVERY_MS = 1000;
const ANSWER_MS_MAX = 10000;
const SAMPLES = 60;
/** Changes of which it is remembered when they came. */
const CHANGES_MAX = 200;

/** When changes became known, and when each lane showed them. */
export class Book {
  constructor() {
    this.epoch = null;
    /** From the number of a change to when it was known first, and when each lane showed it. */
    this.changes = new Map();
  }

  /** There is a change of this position, and it happened no earlier than `at`. */
  learn(position, at) {
    const [epoch, seq] = parts(position);
    if (epoch !== this.epoch) {
      this.epoch = epoch;
      this.changes.clear();
    }
    const change = this.changes.get(seq);
    if (change) change.at = Math.min(change.at, at);
    else this.changes.set(seq, { at, shown: {} });
    if (this.changes.size > CHANGES_MAX) this.changes.delete(Math.min(...this.changes.keys()));
  }

  reached(lane, position) {
    const [epoch, reached] = parts(position);
    if (epoch !== this.epoch) return;
    for (const [seq, change] of this.changes) {
      if (seq <= reached) change.shown[lane.name] ??= performance.now();
    }
  }

  /** How late the lane showed the last change; where it lacks one, how late so far. */
  lateness(lane) {
    const now = performance.now();
    const inOrder = [...this.changes].sort(([one], [other]) => one - other);
    const late = inOrder.map(([, { at, shown }]) => ({
      ms: Math.max(0, (shown[lane.name] ?? now) - at),
      lacks: shown[lane.name] === undefined,
    }));
    if (late.length === 0) return null;
    const lacking = late.find(({ lacks }) => lacks);
    return {
      ms: (lacking ?? late.at(-1)).ms,
      lacks: lacking !== undefined,
    };
  }
}

function parts(position) {
  const [epoch, seq] = position.split('-');
  return [epoch, Number(seq)];
}

/** How late the server told a lane what changed, in words. */
export function lateness({ changes, late_us: all }, { last_us: last, lacks_us: lacks }) {
  if (lacks > 0) return [seconds(lacks / 1000), 'and still lacks it'];
  if (changes === 0) return ['–', 'no change yet'];
  const of = changes === 1 ? 'of 1 change' : `of ${changes} changes`;
  return [seconds(last / 1000), `on average ${seconds(all / changes / 1000)}, ${of}`];
}

/** How late this page showed it, in words. */
export function shown(late) {
  if (late === null) return '';
  return late.lacks ? `not shown here for ${seconds(late.ms)}` : `shown here after ${seconds(late.ms)}`;
}

const COUNTED = ['connections', 'calls', 'read_bytes', 'written_bytes', 'moves', 'changes', 'late_us'];
const ROADS = ['requests', 'sockets', 'page'];

/** The server's counters for this browser, from when the page was opened. */
export class Counters {
  constructor(changed) {
    this.changed = changed;
    this.last = null;
    this.lastAt = 0;
    this.totals = Object.fromEntries(ROADS.map((road) => [road, nothing()]));
    /** Bytes of each second, the newest last. */
    this.rates = { requests: [], sockets: [] };
  }

  /** Whoever cannot be reached now may be in a second. */
  begin() {
    this.read().catch(() => {}).finally(() => setTimeout(() => this.begin(), ASKED_EVERY_MS));
  }

  async read() {
    const answer = await fetch('/counters', { cache: 'no-store', signal: AbortSignal.timeout(ANSWER_MS_MAX) });
    const counters = await answer.json();
    const seconds = (performance.now() - this.lastAt) / 1000;
    const before = this.before(counters);
    for (const road of ROADS) {
      for (const name of COUNTED) this.totals[road][name] += counters[road][name] - before[road][name];
    }
    if (this.last) {
      for (const [road, rates] of Object.entries(this.rates)) {
        const moved = bytesOf(counters[road]) - bytesOf(before[road]);
        rates.push(moved / Math.max(seconds, 0.001));
        if (rates.length > SAMPLES) rates.shift();
      }
    }
    this.last = counters;
    this.lastAt = performance.now();
    this.changed(this);
  }

  /** What stands there at first is of earlier pages. In another run of the server, or where this browser was
   * forgotten, counting has begun anew. */
  before(counters) {
    if (!this.last) return counters;
    const isLess = (road) => COUNTED.some((name) => counters[road][name] < this.last[road][name]);
    const isNew = counters.run !== this.last.run || ROADS.some(isLess);
    return isNew ? Object.fromEntries(ROADS.map((road) => [road, nothing()])) : this.last;
  }
}

function nothing() { return Object.fromEntries(COUNTED.map((name) => [name, 0])); }

export function bytesOf(counts) { return counts.read_bytes + counts.written_bytes; }

/** Draws one number for each second, the newest at the right. */
export function draw(drawing, rates, most) {
  const right = SAMPLES - 1;
  const left = right - rates.length + 1;
  const points = rates.map((rate, n) => `${left + n} ${(19 - 18 * rate / most).toFixed(2)}`);
  const curve = points.length > 1 ? `M${points.join('L')}` : '';
  drawing.querySelector('.curve').setAttribute('d', curve);
  drawing.querySelector('.area').setAttribute('d', curve && `${curve}L${right} 20L${left} 20Z`);
}

export function bytes(count) {
  if (count < 1000) return `${Math.round(count)} B`;
  if (count < 1e6) return `${(count / 1e3).toFixed(count < 1e5 ? 1 : 0)} kB`;
  return `${(count / 1e6).toFixed(1)} MB`;
}
