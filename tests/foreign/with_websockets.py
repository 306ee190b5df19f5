"""Talks to the three sockets of a server at ADDRESS with the package websockets."""

import json
import re
import sys
from importlib.metadata import version

from websockets.sync.client import connect

address = sys.argv[1]
print("version", version("websockets"))


def socket(path, **options):
    # Python would go through a proxy of the environment.
    return connect(f"ws://{address}{path}", proxy=None, open_timeout=10, **options)


with socket("/echo") as echo:
    print("/echo", echo.response.headers.get("Sec-WebSocket-Extensions"))
    assert [extension.name for extension in echo.protocol.extensions] == ["permessage-deflate"]
    for message in ["Hello", "κόσμε 😀", b"\x00\xff", "x" * 100_000, ""]:
        echo.send(message)
        assert echo.recv(timeout=10) == message
    echo.send(["in ", "three ", "fragments"])
    print("/echo", echo.recv(timeout=10))
    assert echo.ping().wait(10), "no pong"
print("/echo closed with", echo.close_code)
assert echo.close_code == 1000

with socket("/ws") as clock:
    time = clock.recv(timeout=10)
    print("/ws", time)
    assert re.fullmatch(r"The time is: \d\d:\d\d:\d\d", time)

with socket("/rpc", subprotocols=["bothways.v1"]) as calls:
    assert calls.subprotocol == "bothways.v1"

    def call(method, **params):
        calls.send(json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}))
        answer = calls.recv(timeout=10)
        print("/rpc", answer)
        return json.loads(answer)

    created = call("put", path="/tasks/websockets", body={"text": "Buy milk"})
    assert created["id"] == 7 and created["result"]["status"] == 201
    read = call("get", path="/tasks/websockets")
    assert read["result"]["body"] == {"id": "websockets", "text": "Buy milk"}
    assert call("get", path="/nothing")["error"]["code"] == 404
