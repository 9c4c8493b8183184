"""Runs tests in Python, and says how many passed in the words of `cargo test`, which tests/run counts by."""

import unittest


def run(modules):
    """The exit code; 77: a tool is missing, and the last lines say which, and what was not tried."""
    done = unittest.TextTestRunner(verbosity=2).run(unittest.defaultTestLoader.loadTestsFromNames(modules))
    good = done.wasSuccessful()
    bad = len(done.failures) + len(done.errors)
    passed = done.testsRun - bad - len(done.skipped)
    print(f"test result: {'ok' if good else 'FAILED'}. {passed} passed; {bad} failed; {len(done.skipped)} ignored;")
    if good and done.skipped:
        for why in sorted({why for _, why in done.skipped}):
            print(f"SKIPPED: {why}")
        return 77
    return 0 if good else 1
