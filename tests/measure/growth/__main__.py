"""The command."""

import argparse
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

from .. import loadgen, report
from ..machine import commit, describe, name, prepare, version_of
from . import cold, connections, keys, moves, nodes, values

SUBJECTS = {module.__name__.rsplit(".", 1)[1]: module for module in [nodes, connections, keys, cold, values, moves]}


class Scope:
    """What a subject gets: what was chosen, a folder that is gone afterwards, and where its results go."""

    def __init__(self, chosen, stack):
        self.chosen, self.quick, self.binary = chosen, chosen.quick, os.environ["KEYWAY_BIN"]
        self.stack, self.folder = stack, Path(stack.enter_context(tempfile.TemporaryDirectory()))
        self.origin = {"machine": name(), "commit": commit()}

    def started(self, program):
        """Ends it with the subject, however that ends."""
        self.stack.callback(program.stop)
        return program

    def pick(self, quick, full):
        """By the form that was chosen."""
        return quick if self.quick else full

    def keep(self, subject, rows, pictures):
        """A table as a file, and the pictures of it, each a name and what loadgen's chart is told."""
        table = self.chosen.out / f"{subject}.csv"
        report.keep(table, self.origin, rows)
        for picture, options in pictures.items():
            loadgen.chart(table, self.chosen.out / f"{picture}.svg", **options)
        files = [table.name, *(f"{picture}.svg" for picture in pictures)]
        print(f"\nin {table.parent}: {', '.join(files)}", flush=True)


def options():
    """What can be chosen."""
    parser = argparse.ArgumentParser(prog="tests/growth", description="How Keyway behaves as things grow.")
    add = parser.add_argument
    add("--only", choices=SUBJECTS, nargs="+", help="only these subjects")
    add("--quick", action="store_true", help="the short forms: whether it runs, not what it costs")
    add("--rounds", type=int, help="turns of each candidate (5; quick 2)")
    add("--seconds", type=int, help="length of a turn (4; quick 1)")
    add("--nodes", type=int, nargs="+", help="nodes on the ring (3 30 300; quick 3 30)")
    add("--points", type=int, default=256, help="points of each node in `nodes` (256)")
    add("--connections", type=int, nargs="+", help="busy ones (1 10 100 1000 10000; quick up to 1000)")
    add("--idle", type=int, help="idle connections (10000; quick 1000)")
    add("--keys", type=int, nargs="+", help="on one node (1000 .. 5000000; quick up to 100000)")
    out = Path(os.environ.get("CARGO_TARGET_DIR", "target")) / "growth"
    add("--out", type=Path, default=out, help="tables and pictures go here")
    chosen = parser.parse_args()
    chosen.rounds = chosen.rounds or (2 if chosen.quick else 5)
    chosen.seconds = chosen.seconds or (1 if chosen.quick else 4)
    return chosen


def main():
    """Everything that was chosen."""
    chosen, files = options(), prepare()
    version = version_of(os.environ["KEYWAY_BIN"], "--version")
    form = "short" if chosen.quick else "full"
    print(f"{describe()}\n{version}, commit {commit()}; {version_of('wrk', '-v')}")
    print(f"{form} form, {chosen.rounds} turns of {chosen.seconds} s, at most {files} open files")
    for subject in chosen.only or SUBJECTS:
        with ExitStack() as stack:
            SUBJECTS[subject].measure(Scope(chosen, stack))


if __name__ == "__main__":
    main()
