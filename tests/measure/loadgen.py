"""loadgen: the load tool of this project, one run at a time, and its pictures."""

import csv
import os
import signal
import subprocess
import time

from .machine import OTHER_CORE

# What a run may take beyond its own length, its preload included.
PATIENCE = 900


def binary():
    """Where it is: the bash front has built it."""
    return os.environ["LOADGEN_BIN"]


class Run:
    """One that goes on beside what else is done meanwhile: `folder` is for its row, the rest is as for `run`."""

    def __init__(self, folder, port, *, mix="read-only", clients, keys, size=100, seconds=0, rate=None, preload=False,
                 timeout="10s", cores=(OTHER_CORE,)):
        self.row, self.patience, self.told = folder / "loadgen.csv", seconds + PATIENCE, False
        self.row.unlink(missing_ok=True)
        command = ["run", "--quiet", "--allow-errors", "--target", f"http://127.0.0.1:{port}", "--mix", mix,
                   "--keys", keys, "--clients", clients, "--value-size", size, "--timeout", timeout, "--csv", self.row,
                   "--cpu", ",".join(map(str, cores)), "--threads", len(cores)]
        command += ["--duration", f"{seconds}s"] if seconds else ["--requests", 1]
        command += ["--preload"] if preload else []
        command += ["--rate", rate] if rate else []
        self.command = [binary(), *map(str, command)]
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def end(self):
        """Lets it end at the next second. It keeps what it measured, and says that it was told to."""
        self.told = True
        self.process.send_signal(signal.SIGINT)

    def figures(self):
        """What it measured, once it is over: requests, requests and bytes a second, p50 and p99 in milliseconds, and
        how many failed."""
        try:
            said, complained = self.process.communicate(timeout=self.patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            said, complained = self.process.communicate()
        if self.process.returncode and not self.told:
            raise SystemExit(f"{' '.join(self.command)}\n{said}{complained}")
        with self.row.open(newline="") as file:
            return figures(next(csv.DictReader(file)), "FAILED" in said)


def run(folder, port, **shape):
    """One run from beginning to end. With `preload` every key is written once before; without `seconds` that is all."""
    return Run(folder, port, **shape).figures()


def figures(row, failed=False):
    """What this package needs of a row of loadgen's table.

    >>> row = {"operations": "100", "throughput": "50.0", "failures": "2", "elapsed_s": "2", "troubles": "timeout=2",
    ...        "bytes_in": "3000000", "bytes_out": "1000000", "mean_us": "1500", "median_us": "1000", "p99_us": ""}
    >>> taken = figures(row)
    >>> taken["rate"], taken["megabytes"], taken["p50"], taken["errors"]
    (50.0, 2.0, 1.0, 2.0)
    >>> taken["p99"]
    nan
    """

    def milliseconds(column):
        return float(row[column] or "nan") / 1000

    operations, elapsed = float(row["operations"]), float(row["elapsed_s"]) or float("nan")
    return {
        "requests": operations, "rate": float(row["throughput"]), "p50": milliseconds("median_us"),
        "p99": milliseconds("p99_us"), "mean": milliseconds("mean_us"),
        # A preload that failed shows only in words.
        "errors": max(float(row["failures"]), float(failed)), "troubles": row["troubles"],
        "megabytes": (float(row["bytes_in"]) + float(row["bytes_out"])) / elapsed / 1e6,
    }


def fill(folder, port, keys, *, size=100, clients=256, cores=(OTHER_CORE,)):
    """Writes every key once, again where some could not be written; how many seconds it took."""
    begun = time.monotonic()
    for _ in range(5):
        written = run(folder, port, mix="write-only", clients=clients, keys=keys, size=size, preload=True, timeout="30s",
                      cores=cores)
        if not written["errors"]:
            return time.monotonic() - begun
    raise SystemExit(f"{keys} keys of {size} bytes could not be written in five attempts: {written['troubles']}")


def chart(table, out, *, x, y, title, series=None, above=None, shape="lines", x_steps="auto", y_steps="auto"):
    """A picture of a table."""
    command = ["chart", table, "--out", out, "--x", x, "--y", y, "--title", title, "--shape", shape,
               "--x-steps", x_steps, "--y-steps", y_steps]
    for name, values in [("--series", series), ("--above", above)]:
        command += [name, values] if values else []
    said = subprocess.run([binary(), *map(str, command)], capture_output=True, text=True, timeout=60)
    if said.returncode:
        raise SystemExit(f"loadgen {' '.join(map(str, command))}\n{said.stderr}")
