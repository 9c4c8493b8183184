"""Runs the tests of the page, and says how many in the words of `cargo test`, which tests/run counts by.

python3 -m tests.page                    all
python3 -m tests.page orders access      some of the files
"""

import sys
from pathlib import Path

from tests.runner import run

HERE = Path(__file__).resolve().parent
FILES = sorted(path.stem for path in HERE.glob("test_*.py"))


def main(wanted):
    chosen = [f"test_{name}" for name in wanted] or FILES
    unknown = [name for name in chosen if name not in FILES]
    if unknown:
        sys.exit(f"no such file: {', '.join(unknown)}; there are {', '.join(FILES)}")
    return run([f"{__package__}.{name}" for name in chosen])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
