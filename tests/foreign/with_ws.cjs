// Talks to the three sockets of a server at ADDRESS with the package ws.

const assert = require('node:assert');
const WebSocket = require('ws');

const address = process.argv[2];
console.log('version', require('ws/package.json').version, 'on node', process.version);

/** Says each of `says`, one after the other's answer, then closes; gives what it heard. */
function talk(path, says, heardMax, protocols) {
  return new Promise((resolve, reject) => {
    // With a threshold of its own it would not compress the short ones.
    const perMessageDeflate = { threshold: 0 };
    const socket = new WebSocket(`ws://${address}${path}`, protocols, { handshakeTimeout: 10000, perMessageDeflate });
    const heard = [];
    const tooSlow = setTimeout(() => reject(new Error(`${path} is silent`)), 20000);
    socket.on('error', reject);
    socket.on('open', () => says.length && socket.send(says[0]));
    socket.on('message', (data, isBinary) => {
      heard.push(isBinary ? data : data.toString());
      if (heard.length === heardMax) socket.close(1000, 'enough');
      else socket.send(says[heard.length]);
    });
    socket.on('close', (code) => {
      clearTimeout(tooSlow);
      resolve({ heard, code, protocol: socket.protocol, extensions: socket.extensions });
    });
  });
}

(async () => {
  const says = ['Hello', 'κόσμε 😀', Buffer.from([0, 255]), 'x'.repeat(100000), ''];
  const echo = await talk('/echo', says, says.length);
  assert.deepStrictEqual(echo.heard, says);
  console.log('/echo', echo.heard[0], '… closed with', echo.code);
  console.log('/echo', echo.extensions);
  assert.strictEqual(echo.extensions, 'permessage-deflate');
  assert.strictEqual(echo.code, 1000);

  const clock = await talk('/ws', [], 1);
  console.log('/ws', clock.heard[0]);
  assert.match(clock.heard[0], /^The time is: \d\d:\d\d:\d\d$/);

  const call = (method, params) => JSON.stringify({ jsonrpc: '2.0', id: 7, method, params });
  const calls = await talk(
    '/rpc',
    [call('put', { path: '/tasks/ws', body: { text: 'Buy milk' } }), call('get', { path: '/tasks/ws' })],
    2,
    ['bothways.v1'],
  );
  calls.heard.forEach((answer) => console.log('/rpc', answer));
  assert.strictEqual(calls.protocol, 'bothways.v1');
  const [created, read] = calls.heard.map((answer) => JSON.parse(answer));
  assert.strictEqual(created.result.status, 201);
  assert.deepStrictEqual(read.result.body, { id: 'ws', text: 'Buy milk' });
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
