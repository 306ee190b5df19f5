"""A browser without a window, driven over its own protocol: how it is started, asked, and ended."""

import asyncio
import contextlib
import json
import re
import subprocess
import sys
import urllib.request

from websockets.asyncio.client import connect

# A browser on a busy machine.
PATIENCE = 40
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--no-proxy-server",
         "--remote-debugging-port=0", "--remote-allow-origins=*"]
KEYS = {"Tab": 9, "Enter": 13, " ": 32, "ArrowRight": 39}


@contextlib.contextmanager
def running(browser, profile):
    """The address of its DevTools socket, for as long as it runs."""
    process = subprocess.Popen([browser, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
                               stderr=subprocess.PIPE, text=True)
    try:
        for line in process.stderr:
            if found := re.search(r"DevTools listening on (ws://\S+)", line):
                yield found[1]
                return
        sys.exit("the browser did not say where it listens")
    finally:
        process.terminate()
        process.wait()


class Page:
    """One page of it. `complaints` are what the browser found wrong with it."""

    def __init__(self, socket):
        self.socket, self.calls, self.complaints = socket, 0, []

    @classmethod
    async def open(cls, devtools, url, setup=None):
        """`setup` is run before any script of the page."""
        port = re.search(r":(\d+)/", devtools)[1]
        request = urllib.request.Request(f"http://127.0.0.1:{port}/json/new?about:blank", method="PUT")
        target = json.load(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request))
        page = cls(await connect(target["webSocketDebuggerUrl"], max_size=None, proxy=None))
        for domain in ("Page", "Log", "Runtime"):
            await page.call(f"{domain}.enable")
        if setup:
            await page.call("Page.addScriptToEvaluateOnNewDocument", source=setup)
        await page.go(url)
        return page

    async def go(self, url):
        await self.call("Page.navigate", url=url)
        await self.until(f"{url} is loaded", f"location.href === {json.dumps(url)} && document.readyState === 'complete'")

    async def call(self, method, **params):
        self.calls += 1
        await self.socket.send(json.dumps({"id": self.calls, "method": method, "params": params}))
        while True:
            answer = json.loads(await asyncio.wait_for(self.socket.recv(), PATIENCE))
            if answer.get("id") == self.calls:
                return answer.get("result", {})
            if answer.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown"):
                self.complaints.append(json.dumps(answer["params"]))

    async def run(self, script):
        answer = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            sys.exit(f"{script}: {json.dumps(answer['exceptionDetails'])[:1000]}")
        return answer.get("result", {}).get("value")

    async def until(self, what, script):
        for _ in range(PATIENCE * 10):
            if await self.run(f"!!({script})"):
                return
            await asyncio.sleep(0.1)
        sys.exit(f"{what}: not so\n{await self.run('document.body.innerText')}\n{self.complaints}")

    async def press(self, key, text=None, shift=False):
        pressed = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS[key], "modifiers": 8 if shift else 0}
        await self.call("Input.dispatchKeyEvent", type="keyDown", **pressed, **({"text": text} if text else {}))
        await self.call("Input.dispatchKeyEvent", type="keyUp", **pressed)

    async def write(self, text):
        await self.call("Input.insertText", text=text)
