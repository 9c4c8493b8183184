"""Throughput, latency, processor time and memory of the proxy with more clients; connections that are idle."""

import socket
import time

from .. import loadgen, report, wrk
from ..clusters import Cluster
from ..machine import forget_peak, memory_mib, processor_seconds
from ..turns import cost, take

KEYS = 100_000
GOAL_MIB = 300
# Of a proxy as it is shipped, for each worker.
SHIPPED_LIMIT = 20_000
COLUMNS = [*report.LOADED[:6], ("peak memory MiB", "{peak:.0f}"), ("errors", "{errors:.0f}")]


def measure(scope):
    """Busy ones, then idle ones."""
    busy(scope)
    idle(scope)


def started(scope, label, connections, keys):
    """A cluster for so many connections, with every key."""
    limit = connections + 100 if connections > SHIPPED_LIMIT - 100 else None
    cluster = scope.started(Cluster(scope.binary, scope.folder / label, 3, connections=limit))
    # Few clients, so that little memory was needed before it is measured.
    loadgen.fill(scope.folder, cluster.port, keys, clients=32)
    return cluster


def busy(scope):
    """Each number has a cluster for itself, because memory that was once needed is given back late."""
    numbers = scope.chosen.connections or scope.pick([1, 10, 100, 1000], [1, 10, 100, 1000, 10_000])
    keys, clusters = scope.pick(10_000, KEYS), []
    for number in numbers:
        cluster = started(scope, f"c{number}", number, keys)
        cluster.sleep()
        clusters.append((f"{number:,}", (number, cluster)))

    def turn(candidate):
        number, cluster = candidate
        cluster.wake()
        try:
            # Many need a while to connect: they are not counted for that long.
            wrk.run(scope.folder, cluster.port, "get", number, 1, keys)
            seconds = scope.chosen.seconds + number // 2000
            forget_peak(cluster.pids)
            run = cost(cluster, lambda: wrk.run(scope.folder, cluster.port, "get", number, seconds, keys))
            return {**run, "peak": memory_mib(cluster.pids, "VmHWM")}
        finally:
            cluster.sleep()

    turns = take(clusters, scope.chosen.rounds, turn)
    report.table("GET of 100 bytes through a proxy with three nodes, by connections", turns, COLUMNS)
    for _, (_, cluster) in clusters:
        cluster.stop()
    rows = [{"clients": number, **run} for label, (number, _) in clusters for run in turns[label]]
    along = {"x": "clients", "x_steps": "log"}
    scope.keep("connections", rows, {
        "connections-rate": {**along, "y": "throughput", "title": "Requests per second, by connections"},
        "connections-latency": {**along, "y": "median_us,p99_us", "y_steps": "log", "title": "Latency, by connections"},
        "connections-cpu": {**along, "y": "cpu_us", "title": "Processor time of the proxy per request, by connections"},
        "connections-memory": {**along, "y": "peak_memory_mib", "title": "Peak memory of the proxy, by connections"},
    })


def idle(scope):
    """So many connections that have asked once and stay."""
    number, keys, rest = scope.chosen.idle or scope.pick(1000, 10_000), 10_000, scope.pick(2, 10)
    cluster = started(scope, "idle", number, keys)
    memory, held = {"before": memory_mib(cluster.pids)}, []
    try:
        for at in range(number):
            held.append(socket.create_connection(("127.0.0.1", cluster.port), timeout=10))
            answered(held[at], at % keys)
        memory["connected"] = memory_mib(cluster.pids)
        before = processor_seconds(cluster.pids)
        time.sleep(rest)
        core = (processor_seconds(cluster.pids) - before) / rest
        memory["idle"] = memory_mib(cluster.pids)
        # Whoever was closed meanwhile was not held.
        errors = sum(not answered(connection, at % keys) for at, connection in enumerate(held))
    finally:
        for connection in held:
            connection.close()
    time.sleep(rest)
    memory["after"] = memory_mib(cluster.pids)
    each = (memory["idle"] - memory["before"]) * 1024 / number
    columns = [(f"MiB {when}", f"{{{when}:.0f}}") for when in memory]
    columns += [("KiB a connection", "{each:.1f}"), ("core busy", "{core:.1%}"), ("errors", "{errors}")]
    run = {**memory, "each": each, "core": core, "errors": errors}
    report.table(f"Connections that asked once and are idle for {rest} s", {f"{number:,}": [run]}, columns)
    print()
    report.limit(f"proxy memory with {number:,} idle connections", [memory["idle"]], "MiB", at_most=GOAL_MIB)
    scope.keep("idle", [{"connections": number, **run}], {})


def answered(connection, number):
    """Asks for a key over a connection that is kept, and whether the whole answer came."""
    try:
        connection.sendall(f"GET /kv?key=key{number} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        said = b""
        while not (complete := whole(said)):
            part = connection.recv(65_536)
            if not part:
                return False
            said += part
        return complete and said.startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def whole(said):
    """Whether an answer with a length is complete.

    >>> whole(b"HTTP/1.1 200 OK\\r\\ncontent-le")
    False
    >>> whole(b"HTTP/1.1 200 OK\\r\\nContent-Length: 3\\r\\n\\r\\nab")
    False
    >>> whole(b"HTTP/1.1 200 OK\\r\\nContent-Length: 3\\r\\n\\r\\nabc")
    True
    """
    head, end, body = said.partition(b"\r\n\r\n")
    lengths = [int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(end) and len(body) >= sum(lengths)
