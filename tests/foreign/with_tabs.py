"""Two tabs of a real browser show /tasks, and each sees what is changed in the other: by the socket, and
where there is none, by events. Nobody reloads.

    with_tabs.py ADDRESS BROWSER PROFILE [PICTURE]
"""

import asyncio
import base64
import json
import sys

from browser import Page, running

ADDRESS, BROWSER, PROFILE = sys.argv[1:4]
PAGE = f"http://{ADDRESS}/tasks"


class Tab(Page):
    async def shows(self, text, wanted=True):
        there = f"document.body.innerText.includes({json.dumps(text)})"
        await self.until(f"{text!r} is shown: {wanted}", f"{there} === {json.dumps(wanted)}")


async def open_tab(devtools, setup=None):
    tab = await Tab.open(devtools, PAGE, setup)
    # Whoever loads anew would not notice that a page does not follow.
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


async def main(devtools):
    one, two = await open_tab(devtools), await open_tab(devtools)
    await follow_each_other("socket", one, two)
    without_socket = "window.WebSocket = class { constructor() { throw new Error('no sockets here') } }"
    await follow_each_other("events", await open_tab(devtools, without_socket), await open_tab(devtools, without_socket))
    if len(sys.argv) > 4:
        picture = await two.call("Page.captureScreenshot")
        with open(sys.argv[4], "wb") as file:
            file.write(base64.b64decode(picture["data"]))


with running(BROWSER, PROFILE) as devtools:
    asyncio.run(main(devtools))
