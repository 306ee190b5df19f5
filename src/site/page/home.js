// The page at `/`: one list in two lanes, and what each costs.
//
// `lanes.js` keeps the lists up to date, `tally.js` measures, `exercises.js` gives them more to do; here it is
// put together and shown. Whatever is shown is put in as text, never as markup.

import { Chat, Ticks, isTask } from './exercises.js';
import { Following, Polling, seconds } from './lanes.js';
import { ChangeTimes, Counters, bytes, bytesOf, deliveryLag, draw } from './tally.js';

const COOKIE = 'bothways-visitor';
/** Items shown in a list: the newest, on top. */
const SHOWN_MAX = 50;
const ANNOUNCED_EVERY_MS = 3000;
const SHOWN_EVERY_MS = 200;
/** The drawings are no higher for less: a quiet minute looks quiet. */
const RATE_MIN = 500;

const path = document.body.dataset.path;
const element = (id) => document.getElementById(id);

function put(id, text) {
  const there = element(id);
  if (there.textContent !== text) there.textContent = text;
}

/** A token for this browser, drawn by chance, until it is closed. */
function introduce() {
  if (new RegExp(`(^|; )${COOKIE}=(?!0{16})[0-9a-f]{16}(;|$)`).test(document.cookie)) return;
  const draws = crypto.getRandomValues(new Uint8Array(8));
  const token = Array.from(draws, (drawn) => drawn.toString(16).padStart(2, '0')).join('');
  const secure = location.protocol === 'https:' ? '; Secure' : '';
  document.cookie = `${COOKIE}=${token}; Path=/; SameSite=Strict${secure}`;
}

/** To those who listen instead of looking: the last of what happened, and not more often than one can listen. */
let announcement = null;
let announcing = null;

function say(text) {
  announcement = text;
  announcing ??= setTimeout(announce, 0);
}

function announce() {
  announcing = null;
  if (announcement === null) return;
  put('said', announcement);
  announcement = null;
  announcing = setTimeout(announce, ANNOUNCED_EVERY_MS);
}

// The lists.

function label(item) {
  if (typeof item.text === 'string') return item.text;
  const { id, ...others } = item;
  return JSON.stringify(others);
}

/** What is done in a lane goes by its road. Where it fails, it is said, and undone. */
function attempt(lane, deed, undo) {
  deed.catch((error) => {
    undo();
    const text = `Not done: ${error.message}.`;
    put(`${lane.name}-state`, text);
    say(text);
  });
}

function makeLine(lane, item) {
  const made = document.createElement('li');
  const box = document.createElement('label');
  const done = document.createElement('input');
  done.type = 'checkbox';
  done.addEventListener('change', () => {
    attempt(lane, lane.change(item.id, { done: done.checked }), () => { done.checked = !done.checked; });
  });
  const remove = document.createElement('button');
  remove.type = 'button';
  remove.className = 'plain';
  remove.textContent = 'Remove';
  remove.addEventListener('click', () => {
    remove.disabled = true;
    attempt(lane, lane.remove(item.id), () => { remove.disabled = false; });
  });
  box.append(done, document.createElement('span'));
  made.append(box, remove);
  return made;
}

function updateLine(made, item) {
  const [done, text] = made.querySelector('label').children;
  const said = label(item);
  if (text.textContent !== said) text.textContent = said;
  done.checked = item.done === true;
  made.classList.toggle('done', done.checked);
  made.querySelector('button').setAttribute('aria-label', `Remove ${said}`);
}

/** The lines of each lane, by id. */
const lines = { polling: new Map(), socket: new Map() };

function showList(lane) {
  const list = element(`${lane.name}-items`);
  const there = lines[lane.name];
  const shown = [...lane.items.values()].filter(isTask).slice(-SHOWN_MAX).reverse();
  const wanted = new Set(shown.map(({ id }) => id));
  for (const [id, made] of there) {
    if (wanted.has(id)) continue;
    // Whoever has just removed it goes on with its neighbour.
    if (made.contains(document.activeElement)) {
      (made.nextElementSibling?.querySelector('button') ?? element(`${lane.name}-text`)).focus();
    }
    made.remove();
    there.delete(id);
    say(`${made.querySelector('span').textContent}: removed in the lane of ${lane.name}.`);
  }
  for (const [n, item] of shown.entries()) {
    let made = there.get(item.id);
    if (!made) {
      made = makeLine(lane, item);
      there.set(item.id, made);
      list.insertBefore(made, list.children[n] ?? null);
      say(`${label(item)}: shown in the lane of ${lane.name}.`);
    }
    updateLine(made, item);
  }
}

// The numbers.

const times = new ChangeTimes();

function showLag() {
  for (const lane of [polling, socket]) {
    const lag = times.lag(lane);
    const [number, more] = deliveryLag(lag);
    put(`${lane.name}-stale`, number);
    put(`${lane.name}-stale-more`, more);
    element(`${lane.name}-stale`).classList.toggle('lacks', lag.lacksMs !== null);
  }
}

function showCounters({ totals, rates }) {
  const most = Math.max(RATE_MIN, ...rates.requests, ...rates.sockets);
  for (const [name, road] of [['polling', 'requests'], ['socket', 'sockets']]) {
    const { connections, calls, read_bytes: read, written_bytes: written, moves } = totals[road];
    put(`${name}-bytes`, bytes(read + written));
    put(`${name}-bytes-more`, `${bytes(read)} to the server, ${bytes(written)} back`);
    put(`${name}-calls`, String(calls));
    put(`${name}-calls-more`, `${moves} reads and writes`);
    put(`${name}-connections`, String(connections));
    put(`${name}-rate`, `${bytes(rates[road].at(-1) ?? 0)} in the last second`);
    const drawing = element(`${name}-drawing`);
    draw(drawing, rates[road], most);
    const highest = bytes(Math.max(0, ...rates[road]));
    drawing.setAttribute('aria-label', `Bytes of each of the last ${rates[road].length} seconds, at most ${highest}`);
  }
  put('page-bytes', bytes(bytesOf(totals.page)));
}

// Put together.

introduce();
/** From the id of what is being removed here to when that was sent. */
const removed = new Map();
const told = {
  learn(position, at) { times.record(position, at); },
  removes(id) { removed.set(id, performance.now()); },
  sentAt(op, value) {
    if (op !== 'deleted') return ticks.sentAt(value);
    const at = removed.get(value.id);
    removed.delete(value.id);
    return at;
  },
  reached(lane, position) {
    times.reached(lane, position);
    showLag();
  },
  changed(lane) {
    showList(lane);
    chat.show(lane);
    ticks.show(lane);
  },
  state(lane, text) { put(`${lane.name}-state`, text); },
};
const polling = new Polling(path, told);
const socket = new Following(path, told);
const counters = new Counters(showCounters);
const chat = new Chat(polling, socket, say);
const ticks = new Ticks(polling, socket, counters, say);

for (const lane of [polling, socket]) {
  const input = element(`${lane.name}-text`);
  element(`${lane.name}-form`).addEventListener('submit', (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (!text) return;
    input.value = '';
    attempt(lane, lane.add({ text }), () => { input.value ||= text; });
  });
}

const interval = element('interval');
function setPace() {
  const ms = Math.round(Number(interval.value) * 1000);
  put('interval-said', seconds(ms));
  interval.setAttribute('aria-valuetext', seconds(ms));
  polling.setInterval(ms);
}
interval.addEventListener('input', setPace);
element('conditional').addEventListener('change', ({ target }) => { polling.conditional = target.checked; });

// What stood in the counters before belongs to earlier pages: so they are read first.
await counters.read().catch(() => {});
counters.begin();
// A browser may have kept the slider where it was.
polling.intervalMs = Math.round(Number(interval.value) * 1000);
put('interval-said', seconds(polling.intervalMs));
polling.begin();
socket.begin();
setInterval(showLag, SHOWN_EVERY_MS);
