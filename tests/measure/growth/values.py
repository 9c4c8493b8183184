"""Throughput and latency through the proxy, with larger values."""

from .. import loadgen, report
from ..clusters import Cluster
from ..turns import cost

KIB = 1024
SIZES = {"0 B": 0, "100 B": 100, "1 KiB": KIB, "10 KiB": 10 * KIB, "100 KiB": 100 * KIB, "1 MiB": KIB**2,
         "8 MiB": 8 * KIB**2}
# More of the largest values at a time than a node has memory for would be refused.
CLIENTS = 16
COLUMNS = [("requests/s", "{rate:,.0f}"), ("MB/s", "{megabytes:,.1f}"), *report.LOADED[1:]]


def measure(scope):
    """Each size in a cluster of its own, so that nobody tidies up after the one before."""
    turns, rows, (most, total) = {"GET": {}, "PUT": {}}, [], scope.pick((500, 2**25), (10_000, 2**28))
    for label, size in SIZES.items():
        keys = max(CLIENTS, min(most, total // max(size, 1)))
        cluster = scope.started(Cluster(scope.binary, scope.folder / f"v{size}", 3))
        loadgen.fill(scope.folder, cluster.port, keys, size=size, clients=CLIENTS)
        for number in range(scope.pick(1, scope.chosen.rounds)):
            for verb, mix in [("GET", "read-only"), ("PUT", "write-only")]:
                shape = {"mix": mix, "clients": CLIENTS, "keys": keys, "size": size}
                run = cost(
                    cluster,
                    lambda: loadgen.run(scope.folder, cluster.port, seconds=scope.chosen.seconds, **shape),
                )
                turns[verb].setdefault(label, []).append(run)
                rows.append({"verb": verb, "value_bytes": size, **run})
        cluster.stop()
    for verb in turns:
        title = f"{verb} through a proxy with three nodes, {CLIENTS} clients, by the size of values"
        report.table(title, turns[verb], COLUMNS)
    # Nothing has no place on an axis of equal ratios.
    along = {"x": "value_bytes", "x_steps": "log", "above": "value_bytes=0", "series": "verb"}
    scope.keep("values", rows, {
        "values-rate": {**along, "y": "throughput", "title": "Requests per second, by the size of values"},
        "values-megabytes": {**along, "y": "mb_per_second", "title": "MB per second, by the size of values"},
        "values-latency": {**along, "y": "median_us,p99_us", "title": "Latency, by the size of values"},
    })
