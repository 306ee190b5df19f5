"""Opens the page of a collection at ADDRESS in a browser without a window, without scripts and with
them: it can be read either way, and its policy lets our script run and stops any other.

The browser is driven through its DevTools socket.
"""

import asyncio
import json
import sys
import urllib.request

from browser import running
from websockets.asyncio.client import connect

address, browser, profile = sys.argv[1:]
READABLE = ["/tasks/page", "&lt;b&gt;Buy&lt;/b&gt; milk", "<code>12345678901234567890123</code>"]
UNTOUCHED = "Reload this page"


def put_item():
    body = b'{"text":"<b>Buy</b> milk","digits":12345678901234567890123}'
    request = urllib.request.Request(f"http://{address}/tasks/page", body, method="PUT")
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request)


class Browser:
    def __init__(self, socket):
        self.socket = socket
        self.asked = 0
        self.complaints = []

    async def call(self, method, session=None, **params):
        self.asked += 1
        call = {"id": self.asked, "method": method, "params": params}
        await self.socket.send(json.dumps(call | ({"sessionId": session} if session else {})))
        while True:
            message = json.loads(await asyncio.wait_for(self.socket.recv(), 30))
            if message.get("id") == self.asked:
                return message.get("result", {})
            if message.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown"):
                self.complaints.append(json.dumps(message["params"]))

    async def open(self, path, scripts):
        target = await self.call("Target.createTarget", url="about:blank")
        session = (await self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True))["sessionId"]
        for domain in ("Log", "Runtime", "Page", "DOM"):
            await self.call(f"{domain}.enable", session)
        await self.call("Emulation.setScriptExecutionDisabled", session, value=not scripts)
        await self.call("Page.navigate", session, url=f"http://{address}{path}")
        return session

    async def document(self, session):
        root = (await self.call("DOM.getDocument", session))["root"]["nodeId"]
        # The page may have become another one meanwhile.
        return (await self.call("DOM.getOuterHTML", session, nodeId=root)).get("outerHTML", "")

    async def wait_for(self, session, is_there):
        for _ in range(100):
            document = await self.document(session)
            if is_there(document):
                return document
            await asyncio.sleep(0.1)
        sys.exit(f"that is not what the page should become:\n{document}\n{self.complaints}")


async def main(url):
    async with connect(url, max_size=None, proxy=None) as socket:
        here = Browser(socket)
        readable = lambda document: all(part in document for part in READABLE)
        session = await here.open("/tasks", scripts=False)
        await here.wait_for(session, lambda document: readable(document) and UNTOUCHED in document)
        print("without scripts it can be read")

        session = await here.open("/tasks", scripts=True)
        await here.wait_for(session, lambda document: readable(document) and UNTOUCHED not in document)
        if any("Content Security Policy" in complaint for complaint in here.complaints):
            sys.exit(f"the policy stops our own: {here.complaints}")
        print("with scripts ours runs")

        # Whatever got into the page does not run.
        inline = "const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.head.append(s); window.ran"
        ran = await here.call("Runtime.evaluate", session, expression=inline)
        if "value" in ran["result"]:
            sys.exit("a script that is not ours has run")
        print("and no other")


put_item()
with running(browser, profile) as devtools:
    asyncio.run(main(devtools))
