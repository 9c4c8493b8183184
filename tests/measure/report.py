"""Tables, ratios with their spread, goals, and what is kept of them in files."""

import csv
import math
import statistics

# Student's t for a two-sided 95 % interval, by degrees of freedom.
T = {1: 12.7, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26, 10: 2.23, 15: 2.13, 20: 2.09}

# Headings of a table and how a median is written below each: what most tables show of a proxy under load.
LOADED = [
    ("requests/s", "{rate:,.0f}"), ("own us/request", "{own:.2f}"), ("us/request behind it", "{behind:.2f}"),
    ("core busy", "{busy:.0%}"), ("p50 ms", "{p50:.2f}"), ("p99 ms", "{p99:.2f}"), ("memory MiB", "{memory:.0f}"),
    ("errors", "{errors:.0f}"),
]


def ratio(ours, theirs):
    """The ratio of pairs taken in one round: its median, and the 95 % interval of its (geometric) mean.

    >>> [round(bound, 3) for bound in ratio([2, 4, 6], [1, 2, 3])]
    [2.0, 2.0, 2.0]
    >>> median, low, high = ratio([1.0, 2.0, 4.0], [1.0, 1.0, 1.0])
    >>> low < 1 < median < 4 < high
    True
    >>> ratio([3], [2])[1:]
    (0.0, inf)
    """
    logs = [math.log(a / b) for a, b in zip(ours, theirs) if a > 0 and b > 0]
    if len(logs) < 2:
        return (math.exp(logs[0]), 0.0, math.inf) if logs else (math.nan, 0.0, math.inf)
    freedom = max((known for known in T if known <= len(logs) - 1), default=1)
    half = T[freedom] * statistics.stdev(logs) / math.sqrt(len(logs))
    mean = statistics.mean(logs)
    return math.exp(statistics.median(logs)), math.exp(mean - half), math.exp(mean + half)


def medians(runs):
    """The median of each figure; of errors the sum; of words nothing.

    >>> medians([{"rate": 1, "errors": 2, "said": "x"}, {"rate": 5, "errors": 1, "said": "y"}])
    {'rate': 3.0, 'errors': 3}
    """
    numbers = [key for key, value in runs[0].items() if isinstance(value, (int, float))]
    middle = {key: statistics.median(run[key] for run in runs) for key in numbers}
    if "errors" in middle:
        middle["errors"] = sum(run["errors"] for run in runs)
    return middle


def table(title, turns, columns=None):
    """Medians of each candidate, a dash where there is nothing to measure."""
    columns = columns or LOADED
    print(f"\n### {title}\n")
    print("| | " + " | ".join(heading for heading, _ in columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for name, runs in turns.items():
        middle = medians(runs)
        cells = [form.format(**middle).replace("nan", "-") for _, form in columns]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def goal(text, turns, key, ours, theirs, at_most=None, at_least=None):
    """Whether a goal is reached: the whole interval of a ratio on the right side. Without a bound only the ratio."""
    median, low, high = ratio([run[key] for run in turns[ours]], [run[key] for run in turns[theirs]])
    said = f"- {text}, {ours} / {theirs}: {median:.3f} (95 %: {low:.3f} to {high:.3f})"
    if at_most is not None or at_least is not None:
        bound, word = verdict(low, high, at_most, at_least)
        said += f"; goal {bound}: {word}"
    print(said)


def limit(text, values, unit, at_most=None, at_least=None):
    """Whether every one of these figures is on the right side of a bound that is no ratio."""
    low, high = min(values), max(values)
    bound, word = verdict(low, high, at_most, at_least)
    spread = f" ({low:,.0f} to {high:,.0f})" if len(values) > 1 else ""
    print(f"- {text}: {statistics.median(values):,.0f} {unit}{spread}; goal {bound} {unit}: {word}")


def verdict(low, high, at_most=None, at_least=None):
    """A bound in words, and whether all from `low` to `high` keeps it.

    >>> verdict(0.9, 1.2, at_most=1.1)
    ('at most 1.1', 'NOT reached')
    >>> verdict(150_000, 160_000, at_least=120_000)
    ('at least 120,000', 'reached')
    >>> verdict(float("nan"), float("nan"), at_most=1)
    ('at most 1', 'NOT reached')
    """
    reached = (at_most is None or high <= at_most) and (at_least is None or low >= at_least)
    bound = f"at most {at_most:,}" if at_most is not None else f"at least {at_least:,}"
    return bound, "reached" if reached else "NOT reached"


# What a figure is called in a file.
COLUMN = {
    "rate": "throughput", "p50": "median_us", "p99": "p99_us", "mean": "mean_us", "own": "cpu_us",
    "behind": "behind_cpu_us", "both": "proxy_and_node_cpu_us", "megabytes": "mb_per_second", "memory": "memory_mib",
    "peak": "peak_memory_mib", "disk": "disk_mib", "gathered": "requests_per_write", "record_rate": "records_per_second",
}


def keep(path, origin, rows):
    """Writes rows to a table of their own, each with where they come from, so that pictures can be made of it again.

    Columns are called as in loadgen's tables where there is such a one, and say their unit.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder) / "new" / "table.csv"
    ...     keep(file, {"machine": "m"}, [{"nodes": 3, "p50": 1.5}, {"nodes": 30, "more": "x"}])
    ...     print(file.read_text().replace("\\r", ""), end="")
    machine,nodes,median_us,more
    m,3,1500.0,
    m,30,,x
    """
    milliseconds = ("p50", "p99", "mean")
    written = []
    for row in rows:
        values = {key: value * 1000 if key in milliseconds else value for key, value in row.items()}
        written.append({**origin, **{COLUMN.get(key, key): value for key, value in values.items()}})
    columns = list(dict.fromkeys(key for row in written for key in row))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(written)
