"""What a request costs the proxy with more nodes on the ring.

A ring of more nodes costs in three places, and each is shown: the lookup in a larger ring (three nodes that have as many
points as a hundred times three as shipped), more links with fewer requests in each write (requests per write), and the
question to each node how it is (idle core). The clusters that are not measured stand still meanwhile.

The second of them nobody escapes who keeps a connection to each node. HAProxy at its best, in front of as many servers,
shows how much of the growth that is: each of its servers is an nginx of its own, as each node is a process.
"""

import time

from .. import loadgen, programs, report, wrk
from ..clusters import Cluster, segments_to
from ..machine import memory_mib, processor_seconds
from ..turns import cost, take

KEYS = 100_000
# As shipped; weight 100 makes three nodes' ring as large as that of three hundred.
SHIPPED, LARGE = 4096, 100
COLUMNS = [
    *report.LOADED[:6], ("requests per write to a node", "{gathered:.2f}"), ("core busy when idle", "{idle:.1%}"),
    ("proxy MiB", "{memory:.0f}"), ("MiB of each node", "{each:.0f}"), ("errors", "{errors:.0f}"),
]


def measure(scope):
    """Each size in turn, at every number of connections."""
    sizes = scope.chosen.nodes or scope.pick([3, 30], [3, 30, 300])
    keys = scope.pick(10_000, KEYS)
    clusters = []
    for size in sizes:
        clusters.append(prepared(scope, f"{size} nodes", size, keys, points=scope.chosen.points))
    large = f"3 nodes, {3 * SHIPPED * LARGE:,} points"
    clusters.append(prepared(scope, large, 3, keys, points=SHIPPED, weight=LARGE))
    peers = [Peer(scope, size) for size in sizes]
    rows = []
    for connections in scope.pick([64], [64, 256]):
        def turn(candidate):
            return candidate.taken(scope, connections, keys)

        turns = take([*clusters, *((peer.label, peer) for peer in peers)], scope.chosen.rounds, turn)
        title = f"GET of 100 bytes, {connections} connections, {scope.chosen.points} points a node"
        report.table(title, turns, COLUMNS)
        print()
        first = clusters[0][0]
        for other, _ in clusters[1:]:
            report.goal("proxy CPU per request", turns, "own", other, first, at_most=1.1)
        for peer in peers[1:]:
            report.goal("proxy CPU per request", turns, "own", peer.label, peers[0].label)
        for (label, _), peer in zip(clusters, peers):
            report.goal("proxy CPU per request", turns, "own", label, peer.label, at_most=0.85)
        for label, candidate in [*clusters, *((peer.label, peer) for peer in peers)]:
            size = {"ring": label, "nodes": candidate.size, "points_each": candidate.points, "clients": connections}
            ring = ", large ring" if candidate.points == SHIPPED * LARGE else ""
            size["proxy"] = f"{candidate.name}{ring}, {connections} clients"
            rows += [{**size, **run} for run in turns[label]]
    few = {"series": "proxy", "x": "nodes", "x_steps": "log"}
    scope.keep("nodes", rows, {
        "nodes-cpu": {**few, "y": "cpu_us", "title": "Processor time of the proxy per request, by nodes on the ring"},
        "nodes-gathered": {**few, "y": "requests_per_write", "title": "Requests in each write to a node, by nodes"},
    })


def prepared(scope, label, size, keys, **shape):
    """A cluster that has every key, and sleeps."""
    begun = time.monotonic()
    cluster = scope.started(Ring(scope.binary, scope.folder / label.replace(" ", "-"), size, **shape))
    up = time.monotonic() - begun
    loadgen.fill(scope.folder, cluster.port, keys)
    print(f"- {label}: up after {up:.1f} s, with all keys after {time.monotonic() - begun:.1f} s", flush=True)
    cluster.sleep()
    return label, cluster


class Ring(Cluster):
    """A cluster that sleeps between its turns."""

    name = "keyway"

    @property
    def size(self):
        """How many nodes it has."""
        return len(self.members)

    def taken(self, scope, connections, keys):
        """One turn."""
        self.wake()
        try:
            idle, asked = self.at_rest()
            run = loaded(scope, self, connections, keys, self.segments, asked)
            return {**run, "idle": idle, "each": memory_mib(self.behind) / self.size}
        finally:
            self.sleep()

    def at_rest(self):
        """Which part of its core the proxy takes, and how many segments a second it sends to nodes, without any
        request: the questions how a node is go to the same port."""
        time.sleep(0.5)
        before, sent, begun = processor_seconds(self.pids), self.segments(), time.monotonic()
        time.sleep(1.5)
        lasted = time.monotonic() - begun
        return (processor_seconds(self.pids) - before) / lasted, (self.segments() - sent) / lasted


class Peer:
    """HAProxy with HTTP/2 to so many servers. It asks nobody while nobody asks it."""

    name, points = "haproxy-h2", ""

    def __init__(self, scope, size):
        self.label, self.size = f"haproxy-h2, {size} servers", size
        origins = (scope.started(programs.Origins(scope.folder, 1, f"{size}-{number}")) for number in range(size))
        servers = [origin.each[0] for origin in origins]
        self.ports = {server.http2 for server in servers}
        self.program = scope.started(programs.haproxy(scope.folder, servers, http2=True, name=f"haproxy{size}"))

    def taken(self, scope, connections, keys):
        """One turn."""
        run = loaded(scope, self.program, connections, keys, lambda: segments_to(self.ports))
        return {**run, "idle": float("nan"), "each": float("nan")}


def loaded(scope, program, connections, keys, segments, asked=0):
    """What a request costs under load, and how many of them share a write to a node; `asked`: segments a second without
    any request."""
    wrk.run(scope.folder, program.port, "get", connections, 1, keys)
    sent, begun = segments(), time.monotonic()
    run = cost(program, lambda: wrk.run(scope.folder, program.port, "get", connections, scope.chosen.seconds, keys))
    sent = segments() - sent - asked * (time.monotonic() - begun)
    return {**run, "gathered": run["requests"] / sent if sent > 0 else float("nan")}
