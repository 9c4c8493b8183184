"""A Keyway of its own: a started program on a free port, in a temporary folder."""

import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[2]


def program():
    """What `KEYWAY_BIN` names, or the release build."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    path = Path(os.environ.get("KEYWAY_BIN", target / "release/keyway"))
    if not path.exists():
        raise SystemExit(f"{path} is not there: cargo build --release, or name a program with KEYWAY_BIN")
    return path


def eventually(what, look, limit=20):
    """Looks until `look` gives something true, and gives that."""
    until = time.monotonic() + limit
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > until:
            raise AssertionError(f"not within {limit} s: {what}. At the last look: {seen!r}")
        time.sleep(0.05)


class Keyway:
    """One proxy with its nodes. `close` ends it and deletes its folder."""

    def __init__(self, nodes=3, token=None):
        self.token = token
        self.folder = Path(tempfile.mkdtemp(prefix="keyway-page-"))
        self.nodes = nodes
        self.listen = "127.0.0.1:0"
        self.start()

    def start(self):
        """Starts it; once more, where it listened before."""
        variables = {key: value for key, value in os.environ.items() if not key.startswith("KEYWAY_")}
        if self.token:
            variables["KEYWAY_ADMIN_TOKEN"] = self.token
        command = [program(), "serve", "--listen", self.listen, "--nodes", str(self.nodes), "--workers", "1"]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [*command, "--data", self.folder / "data"], stdout=subprocess.PIPE, stderr=log, text=True, env=variables
            )
        if not select.select([self.process.stdout], [], [], 60)[0]:
            raise AssertionError(f"keyway is not ready after 60 s: {(self.folder / 'log').read_text()}")
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"keyway ended: {(self.folder / 'log').read_text()}")
        self.listen = json.loads(line)["listen"]
        self.url = f"http://{self.listen}"
        eventually("all nodes are up", lambda: all(node["state"] == "up" for node in self.ring()["nodes"]))

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, method, path, body=None):
        """The answer's document; a problem is one, too."""
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=40) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return json.load(error)

    def ring(self):
        return self.ask("GET", "/admin/ring")

    def names(self):
        return [node["name"] for node in self.ring()["nodes"]]

    def stats(self):
        return self.ask("GET", "/admin/stats.json")

    def changes(self):
        return self.ask("GET", "/admin/changes")["changes"]

    def put(self, keys, value):
        """Stores this value under `key0`, `key1`, .."""
        for number in range(keys):
            request = urllib.request.Request(f"{self.url}/kv?key={quote(f'key{number}')}", data=value, method="PUT")
            urllib.request.urlopen(request, timeout=20).close()
