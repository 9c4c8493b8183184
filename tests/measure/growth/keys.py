"""Memory, disk, start-up and latency of one node that stands alone, with more keys of 100 bytes."""

import signal
import time

from .. import loadgen, report
from ..machine import OTHER_CORE, PROXY_CORE, calm, disk_mib, memory_mib
from ..programs import kvnode_begun

CORES = (PROXY_CORE, OTHER_CORE)
COLUMNS = [
    ("filled in s", "{filled:.1f}"), ("keys/s", "{fill_rate:,.0f}"), ("MiB filled", "{memory_filled_mib:.0f}"),
    ("MiB on disk", "{disk:.0f}"), ("start after kill ms", "{killed_ms:.0f}"), ("stop ms", "{stop_ms:.0f}"),
    ("start after stop ms", "{clean_ms:.0f}"), ("MiB started", "{memory_started_mib:.0f}"), ("GET/s", "{rate:,.0f}"),
    ("p50 ms", "{p50:.2f}"), ("p99 ms", "{p99:.2f}"), ("p50 ms alone", "{alone_p50:.2f}"),
    ("p99 ms alone", "{alone_p99:.2f}"), ("errors", "{errors:.0f}"),
]


def measure(scope):
    """One number after the other, each in a folder of its own."""
    turns, rows = {}, []
    for keys in scope.chosen.keys or scope.pick([1000, 10_000, 100_000], [1000, 10_000, 100_000, 1_000_000, 5_000_000]):
        turns[f"{keys:,} keys"] = runs = one_number(scope, keys)
        rows += [{"keys": keys, **run} for run in runs]
    report.table("One kvnode by its keys of 100 bytes; reads by 16 clients, then by one alone", turns, COLUMNS)
    along = {"x": "keys", "x_steps": "log"}
    scope.keep("keys", rows, {
        "keys-start": {**along, "y": "start_after_kill_us,start_after_stop_us", "y_steps": "log",
                       "title": "Start-up of a node, by its keys"},
        "keys-memory": {**along, "y": "memory_filled_mib,memory_started_mib,disk_mib",
                        "title": "MiB of memory and disk, by keys"},
        "keys-latency": {**along, "y": "median_us,p99_us", "title": "Latency of 16 readers after a start, by keys"},
    })


def one_number(scope, keys):
    """Fills a node, then kills, starts, stops and starts it again and again."""
    folder = scope.folder / f"k{keys}"
    folder.mkdir()
    node, _ = started(scope, folder)
    filled = loadgen.fill(folder, node.port, keys, cores=CORES)
    once = {"filled": filled, "fill_rate": keys / filled, "memory_filled_mib": memory_mib(node.pids)}
    runs = []
    for _ in range(scope.pick(1, scope.chosen.rounds)):
        # A killed node finds a log that it must read again.
        loadgen.run(folder, node.port, mix="write-only", clients=64, keys=keys, seconds=1, cores=CORES)
        node.signal(signal.SIGKILL)
        node.stop()
        node, killed = started(scope, folder)
        calm(node.pids)
        begun = time.monotonic()
        node.stop()
        stop = time.monotonic() - begun
        node, clean = started(scope, folder)
        run = {"disk": disk_mib(folder), "memory_started_mib": memory_mib(node.pids), "killed_ms": killed * 1e3,
               "clean_ms": clean * 1e3, "start_after_kill_us": killed * 1e6, "start_after_stop_us": clean * 1e6,
               "stop_ms": stop * 1e3}
        seconds = scope.chosen.seconds
        many = loadgen.run(folder, node.port, clients=16, keys=keys, seconds=seconds, cores=CORES)
        alone = loadgen.run(folder, node.port, clients=1, keys=keys, seconds=seconds, cores=CORES)
        run |= {"alone_p50": alone["p50"], "alone_p99": alone["p99"]}
        runs.append({**once, **run, **many, "errors": many["errors"] + alone["errors"]})
    node.stop()
    return runs


def started(scope, folder):
    """A node, and the seconds from its start to the line that says it is ready."""
    begun = time.monotonic()
    node = scope.started(kvnode_begun(scope.binary, folder, "n1"))
    node.ready(patience=600)
    return node, time.monotonic() - begun
