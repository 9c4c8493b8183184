"""What a request costs the proxy with more nodes on the ring.

A ring of more nodes costs in three places, and each is shown: the lookup in a larger ring (three nodes that have as many
points as a hundred times three as shipped), more links with fewer requests in each write (requests per write), and the
question to each node how it is (idle core). The clusters that are not measured stand still meanwhile.
"""

import time

from .. import loadgen, report, wrk
from ..clusters import Cluster
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
    rows = []
    for connections in scope.pick([64], [64, 256]):
        def turn(cluster):
            return taken(scope, cluster, connections, keys)

        turns = take(clusters, scope.chosen.rounds, turn)
        title = f"GET of 100 bytes, {connections} connections, {scope.chosen.points} points a node"
        report.table(title, turns, COLUMNS)
        print()
        first = clusters[0][0]
        for other, _ in clusters[1:]:
            report.goal("proxy CPU per request", turns, "own", other, first, at_most=1.1)
        for label, cluster in clusters:
            size = {"ring": label, "nodes": len(cluster.members), "points_each": cluster.points}
            size["clients"] = connections
            rows += [{**size, **run} for run in turns[label]]
    few = {"series": "points_each,clients", "x": "nodes", "x_steps": "log", "shape": "points"}
    scope.keep("nodes", rows, {
        "nodes-cpu": {**few, "y": "cpu_us", "title": "Processor time of the proxy per request, by nodes on the ring"},
        "nodes-gathered": {**few, "y": "requests_per_write", "title": "Requests in each write to a node, by nodes"},
    })


def prepared(scope, label, size, keys, **shape):
    """A cluster that has every key, and sleeps."""
    begun = time.monotonic()
    cluster = scope.started(Cluster(scope.binary, scope.folder / label.replace(" ", "-"), size, **shape))
    up = time.monotonic() - begun
    loadgen.fill(scope.folder, cluster.port, keys)
    print(f"- {label}: up after {up:.1f} s, with all keys after {time.monotonic() - begun:.1f} s", flush=True)
    cluster.sleep()
    return label, cluster


def taken(scope, cluster, connections, keys):
    """One turn."""
    cluster.wake()
    try:
        idle, asked = at_rest(cluster)
        wrk.run(scope.folder, cluster.port, "get", connections, 1, keys)
        sent, begun = cluster.segments(), time.monotonic()
        seconds = scope.chosen.seconds
        run = cost(cluster, lambda: wrk.run(scope.folder, cluster.port, "get", connections, seconds, keys))
        # The questions how a node is go to the same port.
        sent = cluster.segments() - sent - asked * (time.monotonic() - begun)
        each = memory_mib(cluster.behind) / len(cluster.members)
        return {**run, "idle": idle, "gathered": run["requests"] / sent if sent > 0 else float("nan"), "each": each}
    finally:
        cluster.sleep()


def at_rest(cluster):
    """Which part of its core the proxy takes, and how many segments a second it sends to nodes, without any request."""
    time.sleep(0.5)
    before, sent, begun = processor_seconds(cluster.pids), cluster.segments(), time.monotonic()
    time.sleep(1.5)
    lasted = time.monotonic() - begun
    return (processor_seconds(cluster.pids) - before) / lasted, (cluster.segments() - sent) / lasted
