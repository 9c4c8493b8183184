"""Runs the tests of some subjects, and says at the end how many passed. Exit code 77: a tool is missing, and the last
lines say which, and what was not tried."""

import sys
import unittest

SUBJECTS = {
    "metrics": ["test_metrics", "test_alerts", "test_dashboard", "test_scraping"],
    "openapi": ["test_openapi", "test_requests"],
}


def main(subjects):
    unknown = [subject for subject in subjects if subject not in SUBJECTS]
    if unknown or not subjects:
        sys.exit(f"say which of {', '.join(SUBJECTS)}")
    modules = [f"{__package__}.{module}" for subject in subjects for module in SUBJECTS[subject]]
    done = unittest.TextTestRunner(verbosity=2).run(unittest.defaultTestLoader.loadTestsFromNames(modules))
    bad = len(done.failures) + len(done.errors)
    good = done.testsRun - bad - len(done.skipped)
    # In cargo's words, which tests/run counts.
    print(f"test result: {'ok' if bad == 0 else 'FAILED'}. {good} passed; {bad} failed; {len(done.skipped)} ignored;")
    if bad == 0 and done.skipped:
        for why in sorted({why for _, why in done.skipped}):
            print(f"SKIPPED: {why}")
        sys.exit(77)
    sys.exit(1 if bad else 0)


main(sys.argv[1:])
