"""Opens page.html in a browser without a window, and prints what its script heard from ADDRESS.

The page is served from here, at PORT. It is loaded when everything has been heard: then the browser prints
the document as it has become, and ends.
"""

import html
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

address, port, browser, profile = sys.argv[1:]
page = Path(__file__).with_name("page.html").read_text().replace("ADDRESS", address).encode()
heard_all = threading.Event()


class Pages(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/hold":
            heard_all.wait(30)
        self.send_response(200 if self.path == "/" else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        if self.path == "/":
            self.wfile.write(page)

    def do_POST(self):
        heard_all.set()
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(port)), Pages)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(subprocess.run([browser, "--version"], capture_output=True, text=True, check=True).stdout.strip())
command = [
    browser,
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--user-data-dir={profile}",
    "--timeout=60000",
    "--dump-dom",
    f"http://127.0.0.1:{port}/",
]
document = subprocess.run(command, capture_output=True, text=True, timeout=100)
heard = [html.unescape(line) for line in re.findall(r"<li>(.*?)</li>", document.stdout, re.DOTALL)]
print(*heard, sep="\n")
expected = [
    r"/echo permessage-deflate.*",
    r"/echo Hello",
    r"/echo κόσμε 😀",
    r"/echo 100000 times x",
    r"/echo closed with 1000, clean",
    r"/ws permessage-deflate.*",
    r"/ws The time is: \d\d:\d\d:\d\d",
    r"/ws closed with 1000, clean",
    r"/rpc permessage-deflate.*",
    r'/rpc \{.*"status":201.*\}',
    r'/rpc \{.*"body":\{"id":"browser","text":"Buy milk"\}.*\}',
    r"/rpc closed with 1000, clean",
]
if len(heard) != len(expected) or not all(map(re.fullmatch, expected, heard)):
    sys.exit(f"that is not what it should hear; the browser says:\n{document.stderr}")
