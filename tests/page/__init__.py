"""The stats page in a real browser, on a real Keyway; `python3 -m tests.page` runs them all.

Needs Selenium (`KEYWAY_TEST_PYTHON` of tests/run has it), Chromium and its driver. `KEYWAY_BIN` names the program.
"""
