"""Runs the tests of the page, and says how many in the words of `cargo test`, which tests/run counts by.

python3 -m tests.page                    all
python3 -m tests.page orders access      some of the files
"""

import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
FILES = sorted(path.stem for path in HERE.glob("test_*.py"))


def main(wanted):
    chosen = [f"test_{name}" for name in wanted] or FILES
    unknown = [name for name in chosen if name not in FILES]
    if unknown:
        sys.exit(f"no such file: {', '.join(unknown)}; there are {', '.join(FILES)}")
    suite = unittest.defaultTestLoader.loadTestsFromNames([f"{__package__}.{name}" for name in chosen])
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    failed = len(result.failures) + len(result.errors)
    word = "ok" if result.wasSuccessful() else "FAILED"
    print(f"test result: {word}. {result.testsRun - failed} passed; {failed} failed; 0 ignored;")
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
