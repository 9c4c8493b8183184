"""Runs the tests of some subjects, and says at the end how many passed. Exit code 77: a tool is missing, and the last
lines say which, and what was not tried."""

import sys

from tests.runner import run

SUBJECTS = {
    "metrics": ["test_metrics", "test_alerts", "test_dashboard", "test_scraping"],
    "openapi": ["test_openapi", "test_requests"],
}


def main(subjects):
    unknown = [subject for subject in subjects if subject not in SUBJECTS]
    if unknown or not subjects:
        sys.exit(f"say which of {', '.join(SUBJECTS)}")
    modules = [f"{__package__}.{module}" for subject in subjects for module in SUBJECTS[subject]]
    sys.exit(run(modules))


main(sys.argv[1:])
