"""How fast keys move to a node that joins, and what clients notice of it."""

from datetime import datetime

from .. import loadgen, report
from ..clusters import Cluster
from ..machine import calm

COLUMNS = [
    ("records moved", "{records:,.0f}"), ("MB moved", "{moved:,.1f}"), ("s from order to done", "{asked:.2f}"),
    ("s from plan to done", "{lasted:.2f}"), ("records/s", "{record_rate:,.0f}"), ("MB/s", "{megabytes:,.1f}"),
    ("writes held ms", "{hold:.1f}"),
]
# Seconds that a change may take.
PATIENCE = 660
# Of what clients get at most: a closed loop gathers more requests in each read, write and sync, so half of its peak
# takes much more than half of the processors.
PARTS = [0.25, 0.5]
UNDER_LOAD = [
    ("offered/s", "{offered:,.0f}"), ("requests/s", "{rate:,.0f}"), ("p50 ms", "{p50:.2f}"), ("p99 ms", "{p99:.2f}"),
    ("errors", "{errors:.0f}"), *(column for column in COLUMNS if "MB" not in column[0]),
]


def measure(scope):
    """Small values, then large ones, while nobody else asks for anything; then small ones with clients."""
    turns, rows = {}, []
    cases = [("100 B", 100, scope.pick(100_000, 1_000_000)), ("1 MiB", 2**20, scope.pick(256, 2048))]
    for label, size, keys in cases:
        turns[f"{keys:,} x {label}"] = runs = [moved(scope, f"m{size}-{number}", size, keys)
                                               for number in range(scope.pick(1, min(3, scope.chosen.rounds)))]
        rows += [{"value_bytes": size, "keys": keys, **run} for run in runs]
    report.table("Half of the keys move from one node to another, both of which sync what they take", turns, COLUMNS)
    print()
    small, large = turns.values()
    report.limit("records of 100 B moved", [run["record_rate"] for run in small], "records/s", at_least=120_000)
    report.limit("values of 1 MiB moved", [run["megabytes"] for run in large], "MB/s", at_least=150)
    scope.keep("moves", rows, {})
    under_load(scope)


def moved(scope, label, size, keys):
    """One change: a second node joins."""
    cluster = filled(scope, label, size, keys)
    change = joined(cluster)
    cluster.stop()
    return speed(change)


def filled(scope, label, size, keys):
    """One node that has every key."""
    cluster = scope.started(Cluster(scope.binary, scope.folder / label, 1, workers=0, pinned=False))
    loadgen.fill(scope.folder, cluster.port, keys, size=size, clients=256 if size < 2**20 else 16, cores=(0, 1))
    calm(cluster.behind)
    return cluster


def joined(cluster):
    """Lets a second node join; the change, once it is done."""
    url = cluster.one_more("joins")
    change = cluster.ask("/add-server?wait=10m", "POST", {"url": url}, patience=PATIENCE)
    if change["state"] != "done":
        raise SystemExit(f"the change is not done after ten minutes: {change}")
    return change


def under_load(scope):
    """What clients notice of a change: half reads, half writes, at parts of what they get at most."""
    turns, rows, keys = {}, [], scope.pick(100_000, 1_000_000)
    for part in PARTS:
        for number in range(scope.pick(1, min(3, scope.chosen.rounds))):
            before, during = beside(scope, f"busy{part}-{number}", keys, part)
            for when, run in [("before", before), ("during", during)]:
                turns.setdefault(f"{part:.0%} {when}", []).append(run)
                rows.append({"part": part, "when": when, **run})
    report.table("The same with clients at parts of what they get at most", turns, UNDER_LOAD)
    print()
    for part in PARTS:
        during = turns[f"{part:.0%} during"]
        report.goal("p99", turns, "p99", f"{part:.0%} during", f"{part:.0%} before", at_most=2)
        report.limit(f"records of 100 B moved at {part:.0%}", [run["record_rate"] for run in during], "records/s",
                     at_least=20_000)
        report.limit(f"longest write hold at {part:.0%}", [run["hold"] for run in during], "ms", at_most=20)
    scope.keep("moves-under-load", rows, {})


def beside(scope, label, keys, part):
    """A change beside clients, and the same clients before it."""
    cluster = filled(scope, label, 100, keys)
    shape = {"mix": "ycsb-a", "clients": 64, "keys": keys, "cores": (0, 1)}
    peak = loadgen.run(scope.folder, cluster.port, seconds=scope.chosen.seconds, **shape)["rate"]
    shape["rate"] = round(peak * part)
    calm(cluster.behind)
    before = loadgen.run(scope.folder, cluster.port, seconds=scope.chosen.seconds, **shape)
    load = loadgen.Run(scope.folder, cluster.port, seconds=PATIENCE, **shape)
    change = speed(joined(cluster))
    load.end()
    during = load.figures()
    cluster.stop()
    return [{**change, **run, "offered": peak * part} for run in (before, during)]


def speed(change):
    """What a change says of itself once it is done.

    >>> counted = {"records": 50, "bytes": 6000}
    >>> change = {"requested_at": "2026-01-01T00:00:00Z", "started_at": "2026-01-01T00:00:01Z",
    ...     "finished_at": "2026-01-01T00:00:03.500Z", "longest_hold_us": 1500,
    ...     "receipt": [{"source": counted, "target": counted}]}
    >>> taken = speed(change)
    >>> taken["lasted"], taken["asked"], taken["record_rate"], taken["megabytes"], taken["hold"]
    (2.5, 3.5, 20.0, 0.0024, 1.5)
    """
    requested, began, ended = (
        datetime.fromisoformat(change[when].replace("Z", "+00:00"))
        for when in ["requested_at", "started_at", "finished_at"]
    )
    records = sum(pair["target"]["records"] for pair in change["receipt"])
    size = sum(pair["target"]["bytes"] for pair in change["receipt"])
    lasted, asked = ((ended - since).total_seconds() for since in [began, requested])
    return {
        "records": records, "moved": size / 1e6, "lasted": lasted, "asked": asked, "record_rate": records / lasted,
        "megabytes": size / lasted / 1e6, "hold": (change["longest_hold_us"] or 0) / 1000,
    }
