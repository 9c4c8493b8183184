"""Keyway beside its peers, in one run on one machine. `latency` has a part of its own; the rest is in `__main__`."""
