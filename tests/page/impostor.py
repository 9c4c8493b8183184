"""A server that serves the page of a real Keyway, and answers its questions with documents of the test's own."""

import copy
import json
import re
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Impostor:
    """`stats` is what stats.json says; `asked` are the orders that came, as method and target."""

    def __init__(self, keyway, stats):
        self.files = keyway.url
        self.stats = stats
        self.slices = {"epoch": 1, "nodes": ["n1"], "owners": [0] * 720}
        self.place = None
        self.asked = []
        self.server = Server(("127.0.0.1", 0), handler(self))
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def document(self, path):
        return {"/admin/stats.json": self.stats, "/admin/slices": self.slices, "/admin/locate": self.place}.get(path)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    # A browser asks for all files at once.
    request_queue_size = 128


def handler(impostor):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            path = urlsplit(self.path).path
            document = impostor.document(path)
            if document is not None:
                return self.reply(200, {"Content-Type": "application/json"}, json.dumps(document).encode())
            if re.match(r"/admin/(stats|page/.*)$", path):
                with urllib.request.urlopen(impostor.files + self.path) as file:
                    kept = ["Content-Type", "Content-Security-Policy", "X-Content-Type-Options"]
                    return self.reply(200, {name: file.headers[name] for name in kept}, file.read())
            return self.refuse()

        def refuse(self):
            impostor.asked.append(f"{self.command} {self.path}")
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            problem = {"type": "about:blank", "title": "Refused", "status": 409, "detail": "by the impostor"}
            self.reply(409, {"Content-Type": "application/problem+json"}, json.dumps(problem).encode())

        do_POST = do_PATCH = do_DELETE = refuse

        def reply(self, status, headers, body):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler


def stats(names=("n1", "n2", "n3")):
    """A document in which no two figures are equal."""
    start = 1_790_000_000_000
    return {
        "version": "9.8.7",
        "now": "2026-11-21T16:00:00Z",
        "uptime_seconds": 93_784,
        "ring": {
            "cluster": "0123456789abcdef" * 2,
            "epoch": 4711,
            "digest": "ab" * 16,
            "points": 4096,
            "copies": 1,
            "nodes": [node(name, number, len(names)) for number, name in enumerate(names, 1)],
        },
        "traffic": {
            "requests_per_second": 1234.5,
            "errors_per_second": 0.25,
            "p50_ms": 0.31,
            "p99_ms": 2.4,
            "in_flight": 12,
            "connections": 64,
            "requests": 1_000_001,
            "errors": 3,
            "unknown_outcomes": 5,
            "resends": 2,
        },
        "nodes": [report(name, number) for number, name in enumerate(names, 1)],
        "changes": [],
        "history": {"every_ms": 1000, "samples": [sample(number, start) for number in range(1, 201)]},
    }


def node(name, number, count):
    url = f"http://127.0.0.1:{41000 + number}"
    return {
        "name": name,
        "id": f"{number:032x}",
        "url": url,
        "weight": number,
        "share": 1 / count,
        "state": "up",
        "own": True,
    }


def report(name, number):
    vitals = {
        "commits": 100,
        "writes": 5000,
        "commit_us": 125_000,
        "queued": 0,
        "cache_hits": 10,
        "cache_misses": 2,
        "cache_bytes": 1000,
        "free_bytes": 123_456_789_000 + number,
    }
    return {
        "name": name,
        "last_heard_ms": 40,
        "records": 1000 + number,
        "bytes": 200_000 + number,
        "requests_per_second": 400.5 + number,
        "errors_per_second": 0.125 * number,
        "p50_ms": 0.1 + number,
        "p99_ms": 10.5 + number,
        "in_flight": 20 + number,
        "requests": 333_333,
        "errors": 1,
        "vitals": vitals,
        "requests_history": [400.0 + number, 410.0],
    }


def sample(number, start):
    return {
        "n": number,
        "at_ms": start + number * 1000,
        "requests_per_second": 1000.0 + number,
        "errors_per_second": 0.0,
        "p50_ms": 0.25,
        "p99_ms": 2.0 + number / 100,
        "moved_bytes_per_second": number * 1024,
    }


def change(number, **more):
    """One that ended, or with `phase` is open."""
    plain = {
        "id": number,
        "kind": "add-server",
        "node": "n2",
        "weight": 1,
        "state": "done",
        "requested_at": "2026-11-21T15:59:00Z",
        "started_at": "2026-11-21T15:59:01Z",
        "force": False,
        "keys": {"done": 30, "total": 40},
        "bytes": {"done": 3000, "total": 4000},
        "rate": None,
        "moves": [],
        "receipt": [],
    }
    if "phase" not in more:
        plain["finished_at"] = "2026-11-21T15:59:09Z"
    return copy.deepcopy({**plain, **more})
