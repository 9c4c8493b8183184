"""Every candidate in turn, again and again."""

import time

from . import load
from .machine import memory_mib, processor_seconds


def measure(folder, candidate, what, options, cores):
    """One turn of one candidate: a short run to warm up, then the run that counts."""
    load.run(folder, candidate.port, what, options.connections, 1, options.keys, cores)
    before, begun = (processor_seconds(candidate.pids), processor_seconds(candidate.behind)), time.monotonic()
    run = load.run(folder, candidate.port, what, options.connections, options.seconds, options.keys, cores)
    after, lasted = (processor_seconds(candidate.pids), processor_seconds(candidate.behind)), time.monotonic() - begun
    own, behind = (now - then for now, then in zip(after, before))
    return {
        **run,
        "own": own / run["requests"] * 1e6,
        "behind": behind / run["requests"] * 1e6,
        "both": (own + behind) / run["requests"] * 1e6,
        "busy": own / lasted,
        "memory": memory_mib(candidate.pids),
    }


def take(folder, candidates, options, cores):
    """`options.rounds` turns of each; each candidate is a pair of a program and what it is asked."""
    turns = {program.name: [] for program, _ in candidates}
    for number in range(options.rounds):
        # Backwards every other time, so that nobody always comes after the same one.
        for program, what in candidates if number % 2 == 0 else reversed(candidates):
            turns[program.name].append(measure(folder, program, what, options, cores))
    return turns
