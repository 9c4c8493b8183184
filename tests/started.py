"""A Keyway that a test in Python starts: a proxy with nodes of its own, on free ports, in a temporary folder."""

import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


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


class Started:
    """Runs until `stop`, and may be started again where it listened before; `close` deletes its folder, too."""

    def __init__(self, flags, variables):
        self.folder = Path(tempfile.mkdtemp(prefix="keyway-test-"))
        self.flags = flags
        self.variables = {name: value for name, value in os.environ.items() if not name.startswith("KEYWAY_")} | variables
        self.listen = "127.0.0.1:0"
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def start(self, patience=60):
        command = [program(), "serve", "--listen", self.listen, "--data", self.folder / "data", *self.flags]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=self.variables)
        ready = select.select([self.process.stdout], [], [], patience)[0]
        line = self.process.stdout.readline() if ready else b""
        if not line:
            raise AssertionError(f"keyway does not start:\n{self.log()}")
        self.listen = json.loads(line)["listen"]
        self.url = f"http://{self.listen}"

    def log(self):
        return (self.folder / "log").read_text(errors="replace")

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
