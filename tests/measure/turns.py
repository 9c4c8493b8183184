"""Every candidate in turn, again and again."""

import time

from .machine import memory_mib, processor_seconds


def cost(program, load):
    """What a load costs a program and what is behind it; `load` answers how many `requests` it made."""
    before, begun = (processor_seconds(program.pids), processor_seconds(program.behind)), time.monotonic()
    run = load()
    after, lasted = (processor_seconds(program.pids), processor_seconds(program.behind)), time.monotonic() - begun
    own, behind = (now - then for now, then in zip(after, before))
    requests = run["requests"] or float("nan")
    return {
        **run,
        "own": own / requests * 1e6,
        "behind": behind / requests * 1e6,
        "both": (own + behind) / requests * 1e6,
        "busy": own / lasted,
        "memory": memory_mib(program.pids),
    }


def take(candidates, rounds, measure):
    """So many turns of each candidate, a pair of a name and whatever `measure` wants to know of it.

    >>> order = []
    >>> take([("a", 1), ("b", 2)], 2, lambda what: order.append(what) or what)
    {'a': [1, 1], 'b': [2, 2]}
    >>> order
    [1, 2, 2, 1]
    """
    turns = {name: [] for name, _ in candidates}
    for number in range(rounds):
        # Backwards every other time, so that nobody always comes after the same one.
        for name, what in candidates if number % 2 == 0 else reversed(candidates):
            turns[name].append(measure(what))
    return turns
