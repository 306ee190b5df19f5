"""A real browser opens the page at `/` of a server of ours, and both lanes do what the page says: a task added in
one is shown in the other, the server's counters grow, the slider sets how often polling asks, ticks run and
end and leave nothing behind, and a server that went away and came back is found again.

    with_home.py SERVER BROWSER PROFILE [PICTURES [MORE]]

SERVER is the program: it is started and ended here. PICTURES is a folder to which the pictures of docs/page go: of a
desk, and of a phone, light and dark. MORE is one for pictures to look at: all of the page, with and
without what is folded away, and chapters, each in three widths.
"""

import asyncio
import base64
import json
import re
import socket
import subprocess
import sys

from browser import BEYOND, PALE, SMALL, Page, running

SERVER, BROWSER, PROFILE = sys.argv[1:4]
PICTURES, MORE = (sys.argv[4:] + [None, None])[:2]
SCREENS = {"phone": (390, 844), "narrow": (320, 640), "desk": (1280, 800)}


def start(port):
    """Another collection stands first, and is not what the page is about."""
    flags = ["--memory", "--loops", "2", "--collection", "notes", "--collection", "tasks"]
    server = subprocess.Popen([SERVER, "serve", "--listen", f"127.0.0.1:{port}", *flags],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    if "listening on" not in server.stdout.readline():
        sys.exit("home: the server does not listen")
    return server


class Home(Page):
    async def text(self, id):
        return await self.run(f"document.getElementById('{id}').textContent")

    async def add(self, lane, text, kind="text"):
        """As one who has only a keyboard."""
        await self.run(f"document.getElementById('{lane}-{kind}').focus()")
        await self.write(text)
        await self.press("Enter", "\r")

    async def set_interval(self, seconds):
        slider = "document.getElementById('interval')"
        await self.run(f"{slider}.value = {seconds}; {slider}.dispatchEvent(new Event('input'))")

    async def shows(self, lane, text, wanted=True, kind="items"):
        there = f"document.getElementById('{lane}-{kind}').innerText.includes({json.dumps(text)})"
        await self.until(f"{text!r} in {lane}-{kind}: {wanted}", f"{there} === {json.dumps(wanted)}")

    async def is_in_state(self, lane, word):
        await self.until(f"{lane} is {word}", f"document.getElementById('{lane}-state').textContent.includes('{word}')")


async def open_home(devtools, address):
    page = await Home.open(devtools, f"http://{address}/")
    await page.until("it is about tasks", "document.body.dataset.path === '/tasks'")
    await page.is_in_state("polling", "Asked")
    await page.is_in_state("socket", "Connected")
    return page


async def counters(page):
    return await page.run("fetch('/counters').then(answer => answer.json())")


async def mean_lag_ms(page, lane):
    number, unit = re.match(r"on average ([0-9.]+) (m?s)", await page.text(f"{lane}-stale-more")).groups()
    return float(number) * (1 if unit == "ms" else 1000)


async def tasks_in_both_lanes(page):
    await page.set_interval(1)
    await page.add("polling", "Buy milk")
    for lane in ("socket", "polling"):
        await page.shows(lane, "Buy milk")
    await page.add("socket", "<b>Water</b> the plants")
    for lane in ("polling", "socket"):
        await page.shows(lane, "<b>Water</b> the plants")
    assert not await page.run("!!document.querySelector('.items b')"), "what is shown became markup"
    # The newest is on top, so this is the milk.
    await page.run("document.querySelector('#polling-items li:last-child input').click()")
    await page.until("what is done left is done right", "document.querySelector('#socket-items .done')")
    await page.run("document.querySelector('#socket-items li:last-child button').click()")
    for lane in ("socket", "polling"):
        await page.shows(lane, "Buy milk", wanted=False)
    for lane in ("polling", "socket"):
        await page.until("all four changes were shown", f"document.getElementById('{lane}-stale-more').textContent.endsWith(', of 4 changes')")
        late = await page.text(f"{lane}-stale-more")
        assert re.fullmatch(r"on average [0-9.]+ m?s, of 4 changes", late), late
    assert await mean_lag_ms(page, "socket") < 250 < await mean_lag_ms(page, "polling")
    print("tasks added, done and removed in one lane are so in the other, by keyboard too")


async def the_server_counts(page):
    before = await counters(page)
    await asyncio.sleep(3)
    after = await counters(page)
    polls = after["requests"]["calls"] - before["requests"]["calls"]
    assert 2 <= polls <= 4, f"{polls} polls in 3 s, one each second"
    assert after["requests"]["written_bytes"] > before["requests"]["written_bytes"]
    # Nothing has happened, so the socket has said nothing.
    assert after["sockets"] == before["sockets"], (before, after)
    assert after["sockets"]["connections"] == 1 and after["requests"]["connections"] >= 1, after
    for lane in ("polling", "socket"):
        assert re.match(r"\d", await page.text(f"{lane}-bytes")), lane
        assert int(await page.text(f"{lane}-calls")) > 0 and int(await page.text(f"{lane}-connections")) > 0
        curve = await page.run(f"document.querySelector('#{lane}-drawing .curve').getAttribute('d')")
        assert curve.count("L") >= 2, curve
    print("the counters of this browser grow with polling, and a quiet socket costs nothing")


async def the_slider_sets_the_pace(page):
    await page.set_interval(0.2)
    assert await page.text("interval-said") == "200 ms"
    before = await counters(page)
    await asyncio.sleep(3)
    fast = (await counters(page))["requests"]["calls"] - before["requests"]["calls"]
    assert 8 <= fast <= 18, f"{fast} polls in 3 s, five each second"
    # A slider is moved by keys as well.
    await page.run("document.getElementById('interval').focus()")
    await page.press("ArrowRight")
    assert await page.text("interval-said") == "400 ms"
    await page.set_interval(10)
    before = await counters(page)
    await asyncio.sleep(2)
    slow = (await counters(page))["requests"]["calls"] - before["requests"]["calls"]
    assert slow <= 1, f"{slow} polls in 2 s, one each ten"
    print(f"the slider sets how often polling asks: {fast} times in 3 s, then {slow} in 2 s")
    # Dragged to and fro, but for the last mark no pace that is due already.
    before = await counters(page)
    for n in range(30):
        await page.set_interval(6 + n % 20 / 5)
        await asyncio.sleep(0.02)
    dragged = (await counters(page))["requests"]["calls"] - before["requests"]["calls"]
    assert dragged <= 2, f"{dragged} polls while the slider was dragged over 30 marks"
    await page.set_interval(1)
    print(f"dragged over 30 marks it asks {dragged} times")


async def they_talk(page):
    await page.add("polling", "Hello from the left", "chat-text")
    await page.shows("socket", "Hello from the left", kind="chat")
    await page.add("socket", "Hello from the right", "chat-text")
    await page.shows("polling", "Hello from the right", kind="chat")
    await page.shows("socket", "Hello", wanted=False)
    print("one lane talks with the other, and what is said is none of the list")


async def ticks_run_and_end(page):
    await page.run("document.getElementById('ticks-rate').value = '20'")
    await page.run("document.getElementById('ticks-go').click()")
    await page.until("updates are seen", "Number(document.getElementById('socket-seen').textContent) > 60")
    await page.until("the updates end", "document.getElementById('ticks-go').textContent === 'Start'")
    said = await page.text("ticks-state")
    written, left, right = map(int, re.search(r"(\d+) updates: polling saw (\d+), the socket (\d+)", said).groups())
    assert 100 < written <= 200 and right == written, said
    assert 5 <= left <= 14, f"{said}: polling asked once a second"
    assert await page.text("polling-missed") == str(written - left) and await page.text("socket-missed") == "0"
    items = await page.run("fetch('/tasks').then(answer => answer.text())")
    assert "price" not in items, items
    costs = [await page.text(f"{lane}-{what}") for lane in ("polling", "socket") for what in ("cost", "each")]
    assert all(re.match(r"\d", cost) for cost in costs), costs
    print(f"ticks run and end, and leave nothing: {said} Bytes: {costs}")


async def picture(page, folder, name, whole=False):
    if folder:
        shot = await page.call("Page.captureScreenshot", captureBeyondViewport=whole)
        with open(f"{folder}/{name}.png", "wb") as file:
            file.write(base64.b64decode(shot["data"]))


async def in_scheme(page, scheme):
    await page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])


async def on_screen(page, width, height):
    await page.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 1000)
    await page.call("Emulation.setScrollbarsHidden", hidden=True)
    await page.run("document.activeElement.blur(); scrollTo(0, 0)")
    await asyncio.sleep(0.3)


async def it_fits_every_screen(page):
    for name, (width, height) in SCREENS.items():
        await on_screen(page, width, height)
        for is_open in (False, True):
            await page.run(f"for (const each of document.querySelectorAll('details')) each.open = {json.dumps(is_open)}")
            beyond = await page.run(BEYOND)
            assert not beyond, f"wider than {width} pixels: {beyond}"
            await picture(page, MORE, f"{name}-{'open' if is_open else 'whole'}", whole=True)
        small = await page.run(SMALL)
        assert not small, f"too small for a finger at {width} pixels: {small}"
        await page.run("for (const each of document.querySelectorAll('details')) each.open = false")
    print("nothing is wider than a screen of 320 pixels, and what is used can be hit by a finger")


async def it_can_be_read(page):
    for scheme in ("light", "dark"):
        await in_scheme(page, scheme)
        pale = await page.run(PALE)
        assert not pale, f"{await page.run('location.href')} in {scheme}: {pale}"
    await in_scheme(page, "light")


async def pictures(page):
    """What stands in docs/page, with a list that one could have."""
    if not PICTURES:
        return
    await page.run("fetch('/tasks').then(answer => answer.json()).then(items => Promise.all(items.map(({ id }) => fetch(`/tasks/${id}`, { method: 'DELETE' }))))")
    await page.go(await page.run("location.href"))
    await page.is_in_state("socket", "Connected")
    for lane, text in [("polling", "Buy milk"), ("socket", "Water the plants"), ("polling", "Call Ann"), ("socket", "Read chapter 10")]:
        await asyncio.sleep(3.3)
        await page.add(lane, text)
    await page.shows("polling", "Read chapter 10")
    await asyncio.sleep(20)
    for name, screen, scheme in [("desk", "desk", "light"), ("phone", "phone", "light"), ("phone-dark", "phone", "dark")]:
        await on_screen(page, *SCREENS[screen])
        await in_scheme(page, scheme)
        await picture(page, PICTURES, name)
    await in_scheme(page, "light")
    await page.call("Emulation.clearDeviceMetricsOverride")


async def everything_has_a_name(page):
    await page.call("Accessibility.enable")
    nodes = (await page.call("Accessibility.getFullAXTree"))["nodes"]
    named = {"button", "textbox", "slider", "checkbox", "combobox", "link", "image", "table", "region", "list"}
    roles, links = set(), []
    for node in nodes:
        role, name = (node.get(what, {}).get("value") for what in ("role", "name"))
        if node.get("ignored"):
            continue
        roles.add(role)
        is_footer_list = role == "list" and not name
        if role in named and not is_footer_list:
            assert name, f"a {role} has no name: {node}"
        if role == "link":
            links.append(name)
    assert {"main", "banner", "contentinfo", "navigation", "status", "slider", "table", "columnheader"} <= roles, roles
    chapters = [name for name in links if re.fullmatch(r"Chapter \d+: .+", name)]
    assert len(chapters) >= 8 and len(set(chapters)) == len(chapters), f"each tells where it leads: {chapters}"
    await page.call("Accessibility.disable")
    print(f"whatever can be used has a name, and there are landmarks; {len(chapters)} links to chapters are known apart")


async def tab_to(page, what, script):
    """Presses Tab until the element with the focus is the one; everything on the way shows that it has it."""
    for _ in range(120):
        await page.press("Tab")
        focus, ring = await page.run("(each => [each.outerHTML.slice(0, 120), getComputedStyle(each).outlineStyle])(document.activeElement)")
        assert ring != "none", f"on the way to {what} nothing shows the focus: {focus}"
        if await page.run(f"(each => !!({script}))(document.activeElement)"):
            return
    sys.exit(f"home: {what} is not reached by the keyboard")


async def by_keyboard_only(page, address):
    home = f"http://{address}/"
    await page.go(home)
    await page.is_in_state("socket", "Connected")
    await tab_to(page, "the way past the head", "each.className === 'skip'")
    await page.press("Enter", "\r")
    await tab_to(page, "the slider", "each.id === 'interval'")
    said = await page.text("interval-said")
    await page.press("ArrowRight")
    assert await page.text("interval-said") != said
    await tab_to(page, "a lane", "each.id === 'socket-text'")
    await page.write("By keyboard")
    await page.press("Enter", "\r")
    for lane in ("socket", "polling"):
        await page.shows(lane, "By keyboard")
    await tab_to(page, "what is done", "each.type === 'checkbox' && each.closest('#socket-items')")
    await page.press(" ", " ")
    await page.until("it is done", "document.querySelector('#polling-items .done')")
    await tab_to(page, "what a number means", "each.tagName === 'SUMMARY'")
    await page.press("Enter", "\r")
    assert await page.run("document.activeElement.parentElement.open"), "it is not told"
    await tab_to(page, "its chapter", "each.textContent.startsWith('Chapter 10')")
    await page.press("Enter", "\r")
    await page.until("the chapter is there", "location.pathname === '/-/chapters/10-polling' && document.readyState === 'complete'")
    assert await page.run("document.querySelector('h1').textContent") == "10. Asking again and again"
    await it_can_be_read(page)
    await tab_to(page, "the next chapter", "each.rel === 'next'")
    await page.press("Enter", "\r")
    await page.until("the next is there", "location.pathname === '/-/chapters/11-long-poll' && document.readyState === 'complete'")
    await tab_to(page, "all chapters", "each.pathname === '/-/chapters'")
    await page.press("Enter", "\r")
    await page.until("the list is there", "location.pathname === '/-/chapters' && document.readyState === 'complete'")
    await it_can_be_read(page)
    await tab_to(page, "the page itself", "each.pathname === '/'")
    await page.press("Enter", "\r")
    await page.until("back at home", f"location.href === '{home}' && document.readyState === 'complete'")
    await page.is_in_state("polling", "Asked")
    await page.is_in_state("socket", "Connected")
    print("the page, a number's chapter, the next one and back, all by keyboard, and it is seen where one is")


async def chapters_can_be_read(page, address):
    """The widest of them, on every screen."""
    for name, (width, height) in SCREENS.items():
        await on_screen(page, width, height)
        for chapter in ("http", "flags", "4-frames", ""):
            await page.go(f"http://{address}/-/chapters{'/' if chapter else ''}{chapter}")
            too_wide = await page.run("document.documentElement.scrollWidth > document.documentElement.clientWidth")
            assert not too_wide, f"{chapter} is wider than {width} pixels"
            await it_can_be_read(page)
            await picture(page, MORE, f"{name}-chapter-{chapter}")
    await page.go(f"http://{address}/-/chapters/http#the-page-at-")
    assert await page.run("document.querySelector(':target').textContent") == "The page at /"
    await page.call("Emulation.clearDeviceMetricsOverride")
    print("chapters fit every screen, and links lead to their headings")


async def a_server_comes_back(page, server, port):
    await page.add("polling", "of the old server")
    await page.shows("socket", "of the old server")
    await page.until("its socket is counted", "document.getElementById('socket-connections').textContent === '1'")
    server.terminate()
    server.wait()
    await page.is_in_state("socket", "Not connected")
    await page.is_in_state("polling", "Not reached")
    server = start(port)
    await page.is_in_state("socket", "Connected")
    await page.is_in_state("polling", "Asked")
    for lane in ("polling", "socket"):
        await page.shows(lane, "of the old server", wanted=False)
    before = await page.text("polling-bytes")
    await page.add("socket", "of the new server")
    for lane in ("polling", "socket"):
        await page.shows(lane, "of the new server")
    await page.until("counting goes on", f"document.getElementById('polling-bytes').textContent !== '{before}'")
    sockets = int(await page.text("socket-connections"))
    assert sockets == 2, f"{sockets} sockets, and not one to each of the two servers"
    print("a server that went away and came back is found again, and what it says is shown")
    return server


async def main(devtools):
    with socket.create_server(("127.0.0.1", 0)) as free:
        at = free.getsockname()[1]
    server = start(at)
    try:
        page = await open_home(devtools, f"127.0.0.1:{at}")
        await tasks_in_both_lanes(page)
        await the_server_counts(page)
        await the_slider_sets_the_pace(page)
        await they_talk(page)
        await ticks_run_and_end(page)
        await it_fits_every_screen(page)
        await it_can_be_read(page)
        await everything_has_a_name(page)
        await pictures(page)
        await by_keyboard_only(page, f"127.0.0.1:{at}")
        await chapters_can_be_read(page, f"127.0.0.1:{at}")
        await page.go(f"http://127.0.0.1:{at}/")
        await page.is_in_state("socket", "Connected")
        if page.complaints:
            sys.exit(f"home: the browser complains: {page.complaints}")
        server = await a_server_comes_back(page, server, at)
    finally:
        server.terminate()
        server.wait()
    if server.returncode != 0:
        sys.exit("home: the server did not end well")


with running(BROWSER, PROFILE) as devtools:
    asyncio.run(main(devtools))
