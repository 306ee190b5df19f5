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

# What is wrong with a page that is shown, as lists that should be empty.
# Whatever reaches beyond the right edge, but for what is only heard.
BEYOND = """Array.from(document.querySelectorAll("body *"))
  .filter(each => !each.closest(".unseen, .skip"))
  .filter(each => each.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
  .map(each => each.outerHTML.slice(0, 120))"""

# What is used must be 44 pixels high; of a box it counts what is written beside it, links in running text do not count.
SMALL = """Array.from(document.querySelectorAll("a, button, select, summary, input"))
  .filter(each => !each.closest(".skip") && each.getClientRects().length > 0)
  .map(each => each.type === "checkbox" ? each.closest("label") : each)
  .filter(each => each.getBoundingClientRect().height < 43.5)
  .map(each => each.outerHTML.slice(0, 120))"""
# Text whose contrast with what is behind it is less than WCAG 2 asks of level AA.
PALE = """(() => {
  const channels = (text) => text.match(/[0-9.]+/g).map(Number);
  const light = ([red, green, blue]) => {
    const [r, g, b] = [red, green, blue].map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (each) => {
    for (let at = each; at; at = at.parentElement) {
      const colour = channels(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const each = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || each.closest(".unseen, .skip, noscript, option")) continue;
    const style = getComputedStyle(each);
    const [one, other] = [light(channels(style.color)), light(behind(each))].sort((a, b) => b - a);
    const is_large = parseFloat(style.fontSize) >= 24;
    const contrast = (one + 0.05) / (other + 0.05);
    if (contrast < (is_large ? 3 : 4.5)) found.push(`${walker.currentNode.data.trim()}: ${contrast.toFixed(2)}`);
  }
  return found;
})()"""


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
