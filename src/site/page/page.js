// Keeps the page of a resource as true as the resource.
//
// It follows the address that the page was loaded from: by WebSocket or, where none can be opened,
// by Server-Sent Events; from the position that the page shows. After a break it goes on from the
// last position it heard; where neither way opens, it next asks without a position, which begins
// with a snapshot. Whatever is shown is put in as text, never as markup.
'use strict';

(() => {
  const WAIT_MS_MIN = 500;
  const WAIT_MS_MAX = 30000;

  const resource = document.getElementById('resource');
  if (!resource) return;
  const status = document.getElementById('status');
  const items = document.getElementById('items');
  const item = document.getElementById('item');
  const shownPosition = document.getElementById('position');

  /** Null: begin with a snapshot. */
  let position = shownPosition.textContent || null;
  let waitMs = WAIT_MS_MIN;

  const say = (text) => { status.textContent = text; };

  function reach(at) {
    position = at;
    shownPosition.textContent = at;
  }

  // What the pages show, as the server writes it.

  /** A number that keeps its digits, where the browser tells them. */
  class Digits {
    constructor(text) { this.text = text; }
    toJSON() { return JSON.rawJSON ? JSON.rawJSON(this.text) : Number(this.text); }
  }

  function parse(text) {
    return JSON.parse(text, (name, value, context) =>
      typeof value === 'number' && context?.source ? new Digits(context.source) : value);
  }

  function element(name, ...children) {
    const made = document.createElement(name);
    made.append(...children);
    return made;
  }

  function members(value) {
    const list = element('dl');
    for (const [name, of] of Object.entries(value)) {
      if (name === 'id') continue;
      const shown = typeof of === 'string' ? of : element('code', JSON.stringify(of));
      list.append(element('div', element('dt', name), element('dd', shown)));
    }
    return list;
  }

  function row(value) {
    const link = element('a', value.id);
    link.href = `${location.pathname}/${value.id}`;
    const head = element('th', link);
    head.scope = 'row';
    const made = element('tr', head, element('td', members(value)));
    made.dataset.id = value.id;
    return made;
  }

  /** From an id to its row. */
  const rows = new Map();
  for (const there of items?.rows ?? []) rows.set(there.dataset.id, there);

  function showAll(value) {
    if (item) return showItem('updated', value);
    rows.clear();
    for (const each of value) rows.set(each.id, row(each));
    items.replaceChildren(...rows.values());
  }

  function showItem(op, value) {
    item.classList.toggle('gone', op === 'deleted' || !value);
    if (value) item.replaceChildren(members(value));
  }

  function showOne(op, value) {
    if (item) return showItem(op, value);
    const old = rows.get(value.id);
    if (op === 'deleted') {
      rows.delete(value.id);
      old?.remove();
      return;
    }
    const made = row(value);
    rows.set(value.id, made);
    if (old) old.replaceWith(made);
    else items.append(made);
  }

  // What is heard.

  const notices = {
    snapshot({ position: at, value }) {
      showAll(value);
      reach(at);
    },
    change({ position: at, op, value }) {
      showOne(op, value);
      reach(at);
    },
    position({ position: at }) { reach(at); },
    // A snapshot follows; if it does not, the next connection asks for one.
    gone() { position = null; },
  };

  function hear(text, kind) {
    const message = parse(text);
    const method = message.method ?? kind;
    if (!Object.hasOwn(notices, method)) return;
    notices[method](message.params ?? message);
    waitMs = WAIT_MS_MIN;
  }

  // How it is heard.

  function address(scheme) {
    const at = new URL(location.href);
    at.protocol = scheme;
    at.hash = '';
    at.search = position === null ? '' : `?since=${position}`;
    return at.href;
  }

  function follow() {
    let opened = false;
    let socket;
    try {
      socket = new WebSocket(address(location.protocol === 'https:' ? 'wss:' : 'ws:'));
    } catch {
      listen();
      return;
    }
    socket.onopen = () => {
      opened = true;
      say('Kept up to date by WebSocket.');
    };
    socket.onmessage = ({ data }) => {
      try {
        hear(data);
      } catch (error) {
        console.error(error);
        position = null;
        socket.close();
      }
    };
    socket.onclose = () => (opened ? tryAgain() : listen());
  }

  function listen() {
    let opened = false;
    const events = new EventSource(address(location.protocol));
    const stop = () => {
      events.close();
      // Neither way opened: perhaps because of the position.
      if (!opened) position = null;
      tryAgain();
    };
    events.onopen = () => {
      opened = true;
      say('Kept up to date by Server-Sent Events.');
    };
    for (const kind of ['message', ...Object.keys(notices)]) {
      events.addEventListener(kind, ({ data }) => {
        try {
          hear(data, kind);
        } catch (error) {
          console.error(error);
          position = null;
          stop();
        }
      });
    }
    events.onerror = stop;
  }

  /** Those who lost the same server do not all come back at once. */
  function tryAgain() {
    const ms = waitMs * (0.5 + Math.random() / 2);
    waitMs = Math.min(waitMs * 2, WAIT_MS_MAX);
    say(`Not kept up to date now: trying again in ${Math.ceil(ms / 1000)} s. Reloading shows what is true.`);
    setTimeout(follow, ms);
  }

  if (location.search) {
    say('This is what a query found: reload this page to ask again.');
  } else {
    follow();
  }
})();
