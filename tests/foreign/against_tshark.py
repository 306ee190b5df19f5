"""What `bothways compare` counts, dumpcap captures and tshark reads: segments and bytes of each way must be the same.

    against_tshark.py PROGRAM

`compare` makes a network of its own. It is halted as soon as its server is in there, until the capture has begun, so
that every packet that is measured is captured, too. tshark itself would not do: it asks helpers that look for devices
on the loopback, and whoever else talks there ends the run.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import namedtuple

PROGRAM = sys.argv[1]
CALLS = 100
IN_FLIGHT = 4
# Each with the connections that it opens. The round that is thrown away has as many calls.
WAYS = {"new": CALLS, "new-closed": CALLS, "kept": 1, "kept-gzip": 1, "conditional": 1, "pipelined": 1, "parallel": IN_FLIGHT,
        "socket": 1, "socket-deflated": 1, "socket-pipelined": 1, "socket-parallel": IN_FLIGHT}
# By what the request is known with which a connection begins; all others by the item that they ask for.
MARKS = {"new-closed": b"\r\nConnection: close\r\n", "conditional": b"\r\nIf-None-Match: ",
         "kept-gzip": b"\r\nAccept-Encoding: gzip\r\n",
         "events": b"text/event-stream", "socket": b"Upgrade: websocket", "socket-deflated": b"permessage-deflate",
         "socket-pipelined": b"Upgrade: websocket", "socket-parallel": b"Upgrade: websocket"}
FOLLOWERS = 3
# The change by which everybody knows that it is over; what comes from it on is not measured.
LAST = b'"text":"99999999'
PATIENCE = 60

Packet = namedtuple("Packet", "bytes payload")


def fail(words):
    sys.exit(f"tshark: {words}")


def server_of(process):
    """The child that serves, if it is there. Another one only tries whether there may be a network."""
    with open(f"/proc/{process}/task/{process}/children") as children:
        for child in children.read().split():
            try:
                with open(f"/proc/{child}/cmdline", "rb") as words:
                    if words.read().split(b"\0")[1:2] == [b"serve"]:
                        return child
            except OSError:
                pass
    return None


def halt_with_server(compare):
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and compare.poll() is None:
        if server_of(compare.pid):
            os.kill(compare.pid, signal.SIGSTOP)
            return
    fail("compare starts no server")


def capture(network, file):
    """Returns when it has begun."""
    spaces = ["--net"]
    if os.readlink(f"/proc/{network}/ns/user") != os.readlink("/proc/self/ns/user"):
        spaces += ["--user", "--preserve-credentials"]
    command = ["nsenter", "--target", str(network), *spaces, "dumpcap", "-q", "-i", "lo", "-w", file]
    dumpcap = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    for line in dumpcap.stderr:
        if line.startswith("File: "):
            return dumpcap
    fail("dumpcap captures nothing")


def end(dumpcap):
    # What passed last is written a moment later.
    time.sleep(0.5)
    dumpcap.send_signal(signal.SIGINT)
    words = dumpcap.communicate(timeout=PATIENCE)[1]
    if not re.search(r"received/dropped on interface '.*': \d+/0 ", words):
        fail(f"dumpcap lost packets: {words.strip()}")


def read(file):
    """The connections in their order, each a list of packets."""
    fields = ["tcp.stream", "ip.len", "tcp.payload"]
    command = ["tshark", "-n", "-r", file, "-T", "fields", *(word for field in fields for word in ("-e", field))]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE).stdout
    connections = {}
    for line in said.splitlines():
        stream, length, payload = line.split("\t")
        connections.setdefault(int(stream), []).append(Packet(int(length), bytes.fromhex(payload)))
    return [connections[stream] for stream in sorted(connections)]


def run(flags):
    """The report, and what was captured but for connections on which the metrics are read or items written."""
    with tempfile.TemporaryDirectory() as folder:
        command = [PROGRAM, "compare", "--json", "--rounds", "1", *flags]
        compare = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            halt_with_server(compare)
            if os.readlink(f"/proc/{compare.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
                print("left out, for there can be no network of its own here")
                sys.exit(0)
            dumpcap = capture(compare.pid, f"{folder}/wire.pcap")
            try:
                os.kill(compare.pid, signal.SIGCONT)
                printed = compare.communicate(timeout=PATIENCE)[0]
            finally:
                end(dumpcap)
        finally:
            compare.kill()
        if compare.returncode != 0:
            fail("compare failed")
        return json.loads(printed), [one for one in read(f"{folder}/wire.pcap") if is_measured(request_of(one))]


def request_of(connection):
    return next((packet.payload for packet in connection if packet.payload), b"")


def is_measured(request):
    return request.startswith(b"GET ") and not request.startswith(b"GET /metrics ")


def hold_against(way, connections, counted, part=""):
    """`counted`: segments and bytes of all of them, as the report has it."""
    mark = MARKS.get(way, b"GET /tasks/1 ")
    if not all(mark in request_of(one) for one in connections):
        fail(f"{way}: a connection is another one's")
    packets = [packet for one in connections for packet in one]
    seen = (len(packets), sum(packet.bytes for packet in packets))
    if seen != counted:
        fail(f"{way}: {seen[0]} segments and {seen[1]} bytes were captured, and {counted[0]} and {counted[1]} counted")
    number = "1 connection" if len(connections) == 1 else f"{len(connections)} connections"
    print(f"{way}: {part}{number}, {seen[0]} segments, {seen[1]} bytes, as counted")


def last(connections, measured):
    """Those that are measured. On a busy machine compare is halted late; what came before them may then be missing."""
    if len(connections) < measured:
        fail(f"{len(connections)} connections were captured, and {measured} are measured: compare was halted too late")
    return connections[-measured:]


def check_asking():
    report, connections = run(["--calls", str(CALLS), "--in-flight", str(IN_FLIGHT), "--ways", ",".join(WAYS)])
    # Those that are measured come last: behind the round that is thrown away, and what was asked before it.
    connections = last(connections, sum(WAYS.values()))
    for asked in report["ask"]:
        count = WAYS[asked["way"]]

        def of_all(unit):
            figures = {name: figure["median"] for name, figure in asked["figures"].items()}
            # Where each call has a connection of its own, opening and closing it are in it.
            around = figures.get(f"opening_{unit}", 0) + figures.get(f"closing_{unit}", 0)
            return round(CALLS * figures[f"{unit}_per_call"] + count * around)

        hold_against(asked["way"], connections[:count], (of_all("segments"), of_all("bytes")))
        connections = connections[count:]


def until_last(connection):
    """What comes before the last change, which is told apart and not measured."""
    at = next(n for n, packet in enumerate(connection) if LAST in packet.payload)
    return connection[:at]


def check_following():
    who = ["--experiments", "follow", "--follow-ways", "events,socket", "--followers", str(FOLLOWERS)]
    report, connections = run([*who, "--quiet-seconds", "1", "--changes", "20", "--changes-per-second", "20"])
    told = [one for one in report["follow"] if one["way"] != "nobody"]
    connections = last(connections, len(told) * FOLLOWERS)
    for one in told:
        figures = {name: figure["median"] for name, figure in one["figures"].items()}
        if figures["quiet_segments"] != 0:
            fail(f"{one['way']}: something was said while nothing happened")

        def of_all(unit):
            changing = figures[f"changing_{unit}"] * figures["changing_seconds"]
            return round(FOLLOWERS * (figures[f"opening_{unit}"] + changing))

        measured = [until_last(connection) for connection in connections[:FOLLOWERS]]
        hold_against(one["way"], measured, (of_all("segments"), of_all("bytes")), "until the last change: ")
        connections = connections[FOLLOWERS:]


check_asking()
check_following()
