// What each lane cost, as the server counted it; and how late each lane showed a change, as this page saw it.

import { seconds } from './lanes.js';

const ASKED_EVERY_MS = 1000;
const ANSWER_MS_MAX = 10000;
const SAMPLES = 60;
/** Changes whose times are kept. A lane that shows an older one later is not counted for it. */
const CHANGES_MAX = 1024;

/** When each change happened, as far as this page knows, and when each lane showed it. */
export class ChangeTimes {
  constructor() {
    this.epoch = null;
    /** From the number of a change to its time, and to when each lane showed it. */
    this.changes = new Map();
    /** From a lane to what it has shown everything up to, and since when. */
    this.reachedBy = {};
    /** From a lane to how many changes it showed whose times are no longer kept, and how late in all. */
    this.settled = {};
  }

  /** Notes a change: it happened at `at` or later. The earliest time noted counts. */
  record(position, at) {
    const [epoch, seq] = parts(position);
    if (epoch !== this.epoch) {
      for (const known of this.changes.keys()) this.settle(known);
      this.epoch = epoch;
    }
    const change = this.changes.get(seq);
    if (change) change.at = Math.min(change.at, at);
    else this.add(seq, at);
    if (this.changes.size > CHANGES_MAX) this.settle(Math.min(...this.changes.keys()));
  }

  /** A lane may have shown the change before this page could name it. */
  add(seq, at) {
    const lanes = Object.entries(this.reachedBy).filter(([, reached]) => reached.epoch === this.epoch && reached.seq >= seq);
    const earliest = Math.min(at, ...lanes.map(([, reached]) => reached.at));
    this.changes.set(seq, { at: earliest, shown: Object.fromEntries(lanes.map(([name, reached]) => [name, reached.at])) });
  }

  settle(seq) {
    const { at, shown } = this.changes.get(seq);
    this.changes.delete(seq);
    for (const [name, shownAt] of Object.entries(shown)) {
      const settled = this.settled[name] ??= { count: 0, ms: 0 };
      settled.count += 1;
      settled.ms += shownAt - at;
    }
  }

  /** The lane has shown everything up to this position. */
  reached(lane, position) {
    const [epoch, reached] = parts(position);
    const at = performance.now();
    this.reachedBy[lane.name] = { epoch, seq: reached, at };
    if (epoch !== this.epoch) return;
    for (const [seq, change] of this.changes) {
      if (seq <= reached) change.shown[lane.name] ??= at;
    }
  }

  /**
   * Returns how late the lane showed changes: the last one and all together. While it lacks one, `lacksMs` is the age
   * of the oldest that it lacks; else it is null.
   */
  lag(lane) {
    const { count, ms } = this.settled[lane.name] ?? { count: 0, ms: 0 };
    const lag = { count, ms, lastMs: null, lacksMs: null };
    let [lastSeq, oldestLacked] = [-1, Infinity];
    for (const [seq, { at, shown: { [lane.name]: shownAt } }] of this.changes) {
      if (shownAt === undefined) {
        if (seq > oldestLacked) continue;
        oldestLacked = seq;
        lag.lacksMs = Math.max(0, performance.now() - at);
        continue;
      }
      lag.count += 1;
      lag.ms += shownAt - at;
      if (seq > lastSeq) [lastSeq, lag.lastMs] = [seq, shownAt - at];
    }
    return lag;
  }
}

function parts(position) {
  const [epoch, seq] = position.split('-');
  return [epoch, Number(seq)];
}

/** How late a lane showed what changed, in words. */
export function deliveryLag({ count, ms, lastMs, lacksMs }) {
  if (lacksMs !== null) return [seconds(lacksMs), 'and still lacks it'];
  if (lastMs === null) return ['–', 'no change yet'];
  const of = count === 1 ? 'of 1 change' : `of ${count} changes`;
  return [seconds(lastMs), `on average ${seconds(ms / count)}, ${of}`];
}

const COUNTED = ['connections', 'calls', 'read_bytes', 'written_bytes', 'moves'];
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
