"""A proxy with nodes that are started beside it, so that there can be as many as the machine bears, and so that all of
it can be put to sleep: what many idle nodes cost would otherwise be in the figures of the cluster beside them."""

import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

from .machine import OTHER_CORE, PROXY_CORE, pin
from .programs import Program, kvnode_begun

# The nodes know each other, and nobody else is to join them.
SECRET = {"KEYWAY_CLUSTER_SECRET": os.urandom(16).hex()}


class Cluster:
    """`port`, `pids` and `behind` as a program has them."""

    def __init__(self, binary, folder, nodes, *, points=4096, weight=1, workers=1, pinned=True, connections=None):
        folder.mkdir()
        self.binary, self.folder, self.pinned, self.members = binary, Path(folder), pinned, []
        self.proxy, self.points = None, points * weight
        try:
            self.members = [kvnode_begun(binary, folder, f"n{number}", SECRET) for number in range(nodes)]
            for member in self.members:
                member.ready()
            file = folder / "keyway.toml"
            file.write_text(self.settings(weight, connections))
            command = [binary, "serve", "--config", file, "--listen", "127.0.0.1:0", "--workers", workers,
                       "--points", points, "--data", folder / "proxy"]
            self.proxy = Program("keyway", command, None, port=None, environment=SECRET)
            self.proxy.ready()
            self.wait()
        except BaseException:
            self.stop()
            raise
        if pinned:
            pin(self.proxy.process.pid, PROXY_CORE)
            for pid in self.behind:
                pin(pid, OTHER_CORE)

    def settings(self, weight, connections):
        """The proxy's configuration: everything as shipped, but for its nodes."""
        limit = f"[limits]\nconnections = {connections}\n" if connections else ""
        return limit + "".join(
            f'[[node]]\nname = "n{number}"\nurl = "http://127.0.0.1:{member.port}"\nweight = {weight}\n'
            for number, member in enumerate(self.members)
        )

    @property
    def port(self):
        """Where clients connect."""
        return self.proxy.port

    @property
    def pids(self):
        """The proxy."""
        return self.proxy.pids

    @property
    def behind(self):
        """Its nodes."""
        return [pid for member in self.members for pid in member.pids]

    def one_more(self, name):
        """A node that runs and is not a member yet; its URL."""
        member = kvnode_begun(self.binary, self.folder, name, SECRET)
        self.members.append(member)
        member.ready()
        return f"http://127.0.0.1:{member.port}"

    def ask(self, path, method="GET", body=None, patience=10):
        """An answer of the admin plane."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(request, data=data, timeout=patience) as answer:
            return json.load(answer)

    def wait(self, patience=120):
        """Until the proxy has heard every node twice."""
        deadline, well = time.monotonic() + patience, 0
        while well < 2:
            try:
                states = [node["state"] for node in self.ask("/admin/ring")["nodes"]]
            except OSError:
                states = ["no answer"]
            well = well + 1 if set(states) == {"up"} else 0
            if time.monotonic() > deadline:
                raise SystemExit(f"after {patience} s {states.count('up')} of {len(self.members)} nodes are up")
            time.sleep(0.3)

    def sleep(self):
        """Lets it stand still, so that it costs nothing."""
        for program in [self.proxy, *self.members]:
            program.signal(signal.SIGSTOP)

    def wake(self):
        """Lets it go on, and waits until it is as it was."""
        for program in [*self.members, self.proxy]:
            program.signal(signal.SIGCONT)
        self.wait()

    def segments(self):
        """How many segments with data the proxy has sent to its nodes so far: about as many as it made writes, as a
        node's socket takes each at once."""
        return segments_to({member.port for member in self.members})

    def stop(self):
        """Ends all of it; the nodes at the same time, as there may be many."""
        for program in self.members:
            program.signal(signal.SIGTERM)
            program.signal(signal.SIGCONT)
        for program in [self.proxy, *self.members]:
            if program:
                program.stop()


def segments_to(ports):
    """How many segments with data this machine's connections to these ports have sent so far."""
    command = ["ss", "-tniH", "state", "established"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return segments(said.stdout, ports)


def segments(text, ports):
    """Adds up what `ss -tniH` says of the connections to these ports.

    >>> segments('''0 0 127.0.0.1:39152 127.0.0.1:5001
    ...      cubic segs_out:9 segs_in:9 data_segs_out:7 data_segs_in:7
    ... 0 0 127.0.0.1:5001 127.0.0.1:39152
    ...      cubic segs_out:9 segs_in:9 data_segs_out:100 data_segs_in:7
    ... 0 0 127.0.0.1:39160 127.0.0.1:5002
    ...      cubic segs_out:9
    ... 0 0 127.0.0.1:39164 127.0.0.1:5002
    ...      cubic data_segs_out:2 lost:1
    ... ''', {5001, 5002})
    9
    """
    total, counts = 0, False
    for line in text.splitlines():
        if not line[:1].isspace():
            counts = int(line.split()[-1].rsplit(":", 1)[1]) in ports
        elif counts:
            total += sum(map(int, re.findall(r"\bdata_segs_out:(\d+)", line)))
    return total
