"""Prometheus' own tool, and what its text form says."""

import os
import re
import shutil
import subprocess

from .keyway import ROOT


def tool(name):
    """Where a tool is; None where it is nowhere."""
    target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{target}/test-tools/usr/bin")


MISSING = (
    "there is no promtool (Debian's package `prometheus` has it). That metrics are what Prometheus takes was not tried."
)


def has_tools():
    return bool(tool("promtool"))


def promtool(*arguments, text=None):
    """The exit code of promtool, and what it says."""
    done = subprocess.run(
        [tool("promtool"), *map(str, arguments)], input=text, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr


def families(text):
    """The metrics in a text form: name to kind."""
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
