"""Two tabs of a real browser show /tasks, and each sees what is changed in the other: by the socket, and
where there is none, by events. Nobody reloads.

    with_tabs.py ADDRESS BROWSER PROFILE [PICTURE]
"""

import asyncio
import json
import re
import subprocess
import sys
import urllib.request

import websockets

ADDRESS, BROWSER, PROFILE = sys.argv[1:4]
PAGE = f"http://{ADDRESS}/tasks"
# A browser on a busy machine.
PATIENCE = 30


class Tab:
    """One page, driven over the browser's own protocol."""

    def __init__(self, socket):
        self.socket, self.calls = socket, 0

    async def call(self, method, **params):
        self.calls += 1
        await self.socket.send(json.dumps({"id": self.calls, "method": method, "params": params}))
        while True:
            answer = json.loads(await asyncio.wait_for(self.socket.recv(), PATIENCE))
            if answer.get("id") == self.calls:
                return answer.get("result", {})

    async def run(self, script):
        answer = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        return answer.get("result", {}).get("value")

    async def shows(self, text, wanted=True):
        for _ in range(PATIENCE * 10):
            if (text in (await self.run("document.body.innerText") or "")) == wanted:
                return
            await asyncio.sleep(0.1)
        sys.exit(f"tabs: {text!r} {'did not come' if wanted else 'did not go'}: {await self.run('document.body.innerText')}")


async def open_tab(port, setup=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/json/new?about:blank", method="PUT")
    target = json.load(urllib.request.urlopen(request))
    tab = Tab(await websockets.connect(target["webSocketDebuggerUrl"], max_size=None))
    await tab.call("Page.enable")
    if setup:
        await tab.call("Page.addScriptToEvaluateOnNewDocument", source=setup)
    # Whoever loads anew would not notice that a page does not follow.
    await tab.call("Page.navigate", url=PAGE)
    for _ in range(PATIENCE * 10):
        if await tab.run("location.pathname + ' ' + document.readyState") == "/tasks complete":
            break
        await asyncio.sleep(0.1)
    await tab.run("window.loadedOnce = true")
    return tab


def change(method, path, body):
    options = {"method": method, "body": body, "headers": {"Content-Type": "application/json"}}
    return f"fetch({path!r}, {json.dumps(options)}).then(answer => answer.status)"


async def follow_each_other(name, one, two):
    # The pages say when they are kept up to date; the first change may come before that.
    assert await one.run(change("POST", "/tasks", json.dumps(f"from one, {name}"))) == 201
    await two.shows(f"from one, {name}")
    await one.shows(f"from one, {name}")
    path = f"/tasks/{name}"
    assert await two.run(change("PUT", path, '{"text":"from two"}')) == 201
    await one.shows("from two")
    assert await two.run(change("PATCH", path, '{"text":"changed by two"}')) == 200
    await one.shows("changed by two")
    await one.shows("from two", wanted=False)
    assert await one.run(f"fetch({path!r}, {{method: 'DELETE'}}).then(answer => answer.status)") == 204
    await two.shows("changed by two", wanted=False)
    for tab in (one, two):
        assert await tab.run("window.loadedOnce"), "a tab was loaded anew"
    print(f"{name}: what one tab adds, changes and removes the other shows, and neither is loaded anew")


async def main(port):
    one, two = await open_tab(port), await open_tab(port)
    await follow_each_other("socket", one, two)
    without_socket = "window.WebSocket = class { constructor() { throw new Error('no sockets here') } }"
    await follow_each_other("events", await open_tab(port, without_socket), await open_tab(port, without_socket))
    picture = await two.call("Page.captureScreenshot")
    if len(sys.argv) > 4:
        open(sys.argv[4], "w").write(picture["data"])


browser = subprocess.Popen(
    [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0",
     "--remote-allow-origins=*", f"--user-data-dir={PROFILE}", "about:blank"],
    stderr=subprocess.PIPE, text=True)
try:
    for line in browser.stderr:
        if found := re.search(r"DevTools listening on ws://[^:]+:(\d+)/", line):
            asyncio.run(main(int(found[1])))
            break
    else:
        sys.exit("tabs: the browser did not say where it listens")
finally:
    browser.terminate()
    browser.wait()
