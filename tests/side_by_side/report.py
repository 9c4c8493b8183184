"""Ratios with their spread."""

import math
import statistics

# Student's t for a two-sided 95 % interval, by degrees of freedom.
T = {1: 12.7, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26, 10: 2.23, 15: 2.13, 20: 2.09}


def ratio(ours, theirs):
    """The ratio of pairs taken in one round: its median, and the 95 % interval of its (geometric) mean."""
    logs = [math.log(a / b) for a, b in zip(ours, theirs) if a > 0 and b > 0]
    if len(logs) < 2:
        return (math.exp(logs[0]), 0.0, math.inf) if logs else (math.nan, 0.0, math.inf)
    freedom = max((known for known in T if known <= len(logs) - 1), default=1)
    half = T[freedom] * statistics.stdev(logs) / math.sqrt(len(logs))
    mean = statistics.mean(logs)
    return math.exp(statistics.median(logs)), math.exp(mean - half), math.exp(mean + half)


def table(title, turns):
    """Medians of each candidate."""
    print(f"\n### {title}\n")
    print("| | requests/s | own us/request | us/request behind it | core busy | p50 ms | p99 ms | memory MiB | errors |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, runs in turns.items():
        median = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        errors = sum(run["errors"] for run in runs)
        print(
            f"| {name} | {median['rate']:,.0f} | {median['own']:.2f} | {median['behind']:.2f} | {median['busy']:.0%} |"
            f" {median['p50']:.2f} | {median['p99']:.2f} | {median['memory']:.0f} | {errors:.0f} |"
        )


def goal(text, turns, key, ours, theirs, at_most=None, at_least=None):
    """Whether a goal is reached: the whole interval on the right side."""
    median, low, high = ratio([run[key] for run in turns[ours]], [run[key] for run in turns[theirs]])
    reached = (at_most is None or high <= at_most) and (at_least is None or low >= at_least)
    bound = f"at most {at_most}" if at_most is not None else f"at least {at_least}"
    word = "reached" if reached else "NOT reached"
    print(f"- {text}, {ours} / {theirs}: {median:.3f} (95 %: {low:.3f} to {high:.3f}); goal {bound}: {word}")
