"""The command."""

import argparse
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

from .. import programs, report, turns, wrk
from ..machine import OTHER_CORE, PROXY_CORE, describe, pin, prepare, version_of
from .latency import latency


def options():
    """What can be chosen."""
    parser = argparse.ArgumentParser(prog="tests/side-by-side", description="Keyway beside its peers, in one run.")
    parser.add_argument("--rounds", type=int, default=9, help="turns of each candidate (9)")
    parser.add_argument("--seconds", type=int, default=3, help="length of a turn (3)")
    parser.add_argument("--keys", type=int, default=100_000, help="number of keys, 100 bytes each (100000)")
    parser.add_argument("--connections", type=int, nargs="+", default=[64, 256], help="at once (64 256)")
    parser.add_argument("--only", choices=["proxies", "stores", "latency"], help="only this part")
    return parser.parse_args()


def proxies(stack, folder, binary, chosen):
    """Reads through proxies. The peers ask kvnodes that stand alone, each with every key, and an nginx that costs less;
    what they do better counts."""

    def started(program):
        stack.callback(program.stop)
        return program

    ours = started(programs.keyway(binary, folder))
    origins = [started(programs.kvnode(binary, folder, number)) for number in range(3)]
    for program in [ours, *origins]:
        wrk.preload(program.port, chosen.keys)
    cheap = started(programs.Origins(folder, 3)).each
    peers = []
    for behind, suffix in [(origins, ""), (cheap, "+nginx")]:
        peers.append(started(programs.haproxy(folder, behind, http2=True, name=f"haproxy-h2{suffix}")))
        peers.append(started(programs.haproxy(folder, behind, http2=False, name=f"haproxy{suffix}")))
        peers.append(started(programs.nginx(folder, behind, name=f"nginx{suffix}")))
    for connections in chosen.connections:
        each = argparse.Namespace(**{**vars(chosen), "connections": connections})
        taken = in_turns(folder, [(program, "get") for program in [ours, *peers]], each, [OTHER_CORE])
        report.table(f"GET of 100 bytes through a proxy with three nodes, {connections} connections", taken)
        print()
        for peer, cpu, rate in [
            ("haproxy-h2", 0.85, 1.15), ("haproxy-h2+nginx", 0.85, 1.15), ("haproxy", 0.60, 1.5),
            ("haproxy+nginx", 0.60, 1.5), ("nginx", 0.60, 1.5), ("nginx+nginx", 0.60, 1.5),
        ]:
            report.goal("proxy CPU per request", taken, "own", "keyway", peer, at_most=cpu)
            report.goal("requests/s", taken, "rate", "keyway", peer, at_least=rate)
        report.goal("CPU of proxy and node", taken, "both", "keyway", "haproxy-h2", at_most=0.80)


def stores(stack, folder, binary, chosen):
    """Durable writes and reads of single stores, on both cores, and of Keyway with three nodes."""
    node, whole = programs.kvnode(binary, folder, 9), programs.keyway(binary, folder / "whole")
    webdis, etcd = programs.webdis(folder), programs.etcd(folder)
    for program in [node, whole, webdis, webdis.redis, etcd]:
        stack.callback(program.stop)
        # Here all share both cores: a store has no core for itself.
        for pid in [*program.pids, *program.behind]:
            pin(pid, PROXY_CORE, OTHER_CORE)
    # Whoever reads finds what it asks for.
    for program, api in [(node, "kv"), (whole, "kv"), (webdis, "webdis"), (etcd, "etcd")]:
        wrk.preload(program.port, chosen.keys, api)
    for connections in chosen.connections:
        each = argparse.Namespace(**{**vars(chosen), "connections": connections})
        for verb in ["put", "get"]:
            candidates = [(node, verb), (whole, verb), (webdis, f"webdis-{verb}"), (etcd, f"etcd-{verb}")]
            taken = in_turns(folder, candidates, each, [PROXY_CORE, OTHER_CORE])
            report.table(f"{verb.upper()} of 100 bytes, stores that sync before they answer, {connections} connections", taken)
            print()
            if verb == "put":
                report.goal("durable PUT/s", taken, "rate", "kvnode", "webdis+redis", at_least=1.5)
                report.goal("durable PUT/s", taken, "rate", "kvnode", "etcd", at_least=4)
                report.goal("durable PUT/s through the proxy", taken, "rate", "keyway", "webdis+redis", at_least=1.0)
            else:
                report.goal("GET/s", taken, "rate", "kvnode", "webdis+redis", at_least=1.2)


def in_turns(folder, candidates, each, cores):
    """Turns of programs, each with what it is asked: a short run to warm up, then the run that counts."""

    def measure(candidate):
        program, what = candidate
        wrk.run(folder, program.port, what, each.connections, 1, each.keys, cores)
        return turns.cost(
            program, lambda: wrk.run(folder, program.port, what, each.connections, each.seconds, each.keys, cores)
        )

    return turns.take([(program.name, (program, what)) for program, what in candidates], each.rounds, measure)


def main():
    """Everything that was chosen."""
    chosen, binary = options(), os.environ["KEYWAY_BIN"]
    prepare()
    print(f"{describe()}\n{version_of(binary, '--version')}; {version_of('haproxy', '-v')}; {version_of('nginx', '-v')}")
    print(f"{chosen.rounds} turns of {chosen.seconds} s each, {chosen.keys} keys")
    for part in [proxies, stores, latency]:
        if chosen.only in (None, part.__name__):
            with ExitStack() as stack:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                (folder / "whole").mkdir()
                part(stack, folder, binary, chosen)


if __name__ == "__main__":
    main()
