"""What a node's readers notice of others who read what is not in memory."""

import os

from .. import loadgen, report
from ..machine import OTHER_CORE, PROXY_CORE, calm
from ..programs import kvnode_begun

CORES = (PROXY_CORE, OTHER_CORE)
SIZE = 4096
# Few enough for the read cache of a node.
POPULAR = 100
COLUMNS = [
    ("popular GET/s", "{rate:,.0f}"), ("p50 ms", "{p50:.2f}"), ("p99 ms", "{p99:.2f}"),
    ("GET/s of all keys", "{cold_rate:,.0f}"), ("their p50 ms", "{cold_p50:.2f}"), ("their p99 ms", "{cold_p99:.2f}"),
    ("errors", "{errors:.0f}"),
]


def measure(scope):
    """Readers of a few keys alone, then beside readers of all keys, whose values have to come from the disk."""
    keys, turns, rows = scope.pick(20_000, 400_000), {"nobody else": [], "readers of all keys": []}, []
    node = scope.started(kvnode_begun(scope.binary, scope.folder, "n1"))
    node.ready()
    loadgen.fill(scope.folder, node.port, keys, size=SIZE, cores=CORES)
    calm(node.pids)
    for _ in range(scope.pick(1, scope.chosen.rounds)):
        for beside, runs in turns.items():
            forget(scope.folder)
            runs.append(popular(scope, node, keys if beside != "nobody else" else 0))
            rows.append({"keys": keys, "value_bytes": SIZE, "beside": beside, **runs[-1]})
    report.table(f"1,000 reads a second of {POPULAR} keys in one kvnode that has {keys:,} values of 4 KiB", turns, COLUMNS)
    scope.keep("cold", rows, {})
    node.stop()


def popular(scope, node, keys):
    """Reads of the popular keys while 32 clients read all of `keys`, if any."""
    seconds, aside = scope.chosen.seconds, scope.folder / "aside"
    aside.mkdir(exist_ok=True)
    others = keys and loadgen.Run(aside, node.port, clients=32, keys=keys, seconds=seconds, cores=CORES)
    run = loadgen.run(scope.folder, node.port, clients=16, keys=POPULAR, rate=1000, seconds=seconds, cores=CORES)
    cold = others.figures() if others else dict.fromkeys(["rate", "p50", "p99"], float("nan")) | {"errors": 0}
    taken = {f"cold_{name}": cold[name] for name in ["rate", "p50", "p99"]}
    return {**run, **taken, "errors": run["errors"] + cold["errors"]}


def forget(folder):
    """Lets the system put what is in these files out of memory; what is not on disk yet goes there first."""
    os.sync()
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
