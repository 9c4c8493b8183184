"""Latency beside HAProxy: at the same offered load, and of one client that asks one request at a time.

loadgen offers the load, and a request's latency counts from when it was due, so what had to wait is in it."""

from .. import loadgen, programs, report
from ..turns import cost, take

COLUMNS = [*report.LOADED[:4], ("mean ms", "{mean:.3f}"), ("p50 ms", "{p50:.3f}"), ("p99 ms", "{p99:.3f}"),
           ("errors", "{errors:.0f}")]
PARTS = [0.5, 0.8]


def latency(stack, folder, binary, chosen):
    """Keyway and HAProxy, at its best and as it is usually set up, in turns; both ask kvnodes."""

    def started(program):
        stack.callback(program.stop)
        return program

    ours = started(programs.keyway(binary, folder))
    origins = [started(programs.kvnode(binary, folder, number)) for number in range(3)]
    for program in [ours, *origins]:
        loadgen.fill(folder, program.port, chosen.keys)
    peers = [started(programs.haproxy(folder, origins, http2=http2, name=name))
             for name, http2 in [("haproxy-h2", True), ("haproxy", False)]]
    candidates = [(program.name, program) for program in [ours, *peers]]
    for connections in chosen.connections:
        for peer in peers:
            against(folder, [(ours.name, ours), (peer.name, peer)], connections, chosen)
    taken = take(candidates, chosen.rounds, load(folder, 1, chosen))
    report.table("GET of 100 bytes, one connection, one request at a time", taken, COLUMNS)
    print()
    for peer in peers:
        report.goal("median latency, alone", taken, "p50", "keyway", peer.name, at_most=1.0)


def against(folder, pair, connections, chosen):
    """Keyway and one peer at parts of what this peer can bear."""
    peer, program = pair[1]
    peaks = take([(peer, program)], max(3, chosen.rounds // 3), load(folder, connections, chosen))
    peak = report.medians(peaks[peer])
    bears = f"{peer} bears {peak['rate']:,.0f} requests/s of {connections} connections"
    print(f"\n{bears}, its core {peak['busy']:.0%} busy")
    if peak["busy"] < 0.95:
        print("(less than its core could do: what shares the other core was the limit)")
    for part in PARTS:
        rate = round(peak["rate"] * part)
        taken = take(pair, chosen.rounds, load(folder, connections, chosen, rate))
        report.table(title(connections, part, peer, rate), taken, COLUMNS)
        print()
        report.goal(f"p99 at {part:.0%} of {peer}'s peak", taken, "p99", "keyway", peer, at_most=1.0)


def title(connections, part, peer, rate):
    """What is offered.

    >>> title(64, 0.5, "haproxy", 20000)
    "GET of 100 bytes over 64 connections, 20,000 a second offered: 50% of haproxy's peak"
    """
    return f"GET of 100 bytes over {connections} connections, {rate:,} a second offered: {part:.0%} of {peer}'s peak"


def load(folder, connections, chosen, rate=None):
    """What measures one turn: a short run to warm up, then the run that counts; as many as answers come, or a rate."""

    def measure(program):
        shape = {"clients": connections, "keys": chosen.keys, "rate": rate}
        loadgen.run(folder, program.port, seconds=1, **shape)
        return cost(program, lambda: loadgen.run(folder, program.port, seconds=chosen.seconds, **shape))

    return measure
