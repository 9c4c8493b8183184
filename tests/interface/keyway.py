"""A cluster on this machine: a proxy with nodes of its own, on free ports and in a folder of its own."""

import json
import os
import select
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import requests

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "only-for-these-tests-0123456789"
SECRET = "between-these-nodes-0123456789"


def binary():
    named = os.environ.get("KEYWAY_BIN")
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    found = Path(named) if named else target / "release/keyway"
    if not found.exists():
        raise SystemExit(f"there is no {found}: cargo build --release, or name a program in KEYWAY_BIN")
    return found


def eventually(what, limit, look):
    """What `look` sees as soon as it is something."""
    until = time.monotonic() + limit
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > until:
            raise AssertionError(f"not within {limit} s: {what}; at the last look: {seen!r}")
        time.sleep(0.1)


class Keyway:
    """It is gone, with its folder, when `stop` has returned."""

    def __init__(self, nodes=3):
        self.folder = tempfile.TemporaryDirectory(prefix="keyway-interface-")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("KEYWAY_")}
        environment |= {"KEYWAY_ADMIN_TOKEN": TOKEN, "KEYWAY_CLUSTER_SECRET": SECRET}
        # Fewer points than usual, so that changes are planned at once on a slow machine.
        command = [binary(), "serve", "--listen", "127.0.0.1:0", "--nodes", str(nodes), "--points", "256"]
        command += ["--data", f"{self.folder.name}/data"]
        with open(f"{self.folder.name}/log", "wb") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=environment)
        try:
            self.address = self._listens_at()
        except BaseException:
            self.stop()
            raise
        self.url = f"http://{self.address}"
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {TOKEN}"

    def _listens_at(self, patience=60):
        ready = select.select([self.process.stdout], [], [], patience)[0]
        line = self.process.stdout.readline() if ready else b""
        if not line:
            raise AssertionError(f"Keyway does not start:\n{self.log()}")
        return json.loads(line)["listen"]

    def log(self):
        return Path(f"{self.folder.name}/log").read_text(errors="replace")

    def ask(self, method, path, **options):
        return self.session.request(method, self.url + path, timeout=60, **options)

    def told(self, method, path, **options):
        """The JSON document of an answer that must be a good one."""
        answer = self.ask(method, path, **options)
        if not answer.ok:
            raise AssertionError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json()

    def metrics(self):
        return self.ask("GET", "/admin/metrics").text

    def fill(self, keys=200, value=b"x" * 1000):
        """A little of every kind of request, also of those that fail."""
        for number in range(keys):
            key = quote(f"key {number}")
            assert self.ask("PUT", f"/kv?key={key}", data=value).status_code in (201, 204)
            assert self.ask("GET", f"/kv?key={key}").content == value
        for method, path, status in [
            ("HEAD", "/kv?key=key+0", 200),
            ("GET", "/kv?key=nobody", 404),
            ("DELETE", "/kv?key=key+0", 204),
            ("POST", "/kv?key=key+0", 405),
            ("GET", "/kv", 400),
        ]:
            answer = self.ask(method, path)
            assert answer.status_code == status, (method, path, answer.status_code)

    def begin_change(self):
        """A change that goes on for as long as anybody looks, because it may copy next to nothing."""
        return self.told("POST", "/add-server", json={"rate": 100})["id"]

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.folder.cleanup()
