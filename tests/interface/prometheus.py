"""Prometheus' own tools, and what its text form and our files say."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import yaml

from tests.started import ROOT

ALERTS = ROOT / "config/alerts.yml"
DASHBOARD = ROOT / "config/grafana-dashboard.json"
SCRAPING = ROOT / "config/prometheus.yml"
# What a range or an interval of Grafana's is when a person looks at a page of it.
OF_GRAFANA = {"$__rate_interval": "1m", "$__interval": "1m", "$instance": ".*", "$node": ".*"}


def tool(name):
    """Where a tool is; None where it is nowhere."""
    target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{target}/test-tools/usr/bin")


MISSING = (
    "there is no promtool, or no prometheus (Debian's package `prometheus` has both). That metrics, rules and "
    "expressions are what Prometheus takes was not tried."
)


def has_tools():
    return bool(tool("promtool") and tool("prometheus"))


def promtool(*arguments, text=None):
    """The exit code of promtool, and what it says."""
    done = subprocess.run(
        [tool("promtool"), *map(str, arguments)], input=text, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr


def families(text):
    """The metrics in a text form: name to kind."""
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))


def named_in(text):
    """The metrics of ours that a text names."""
    return set(re.findall(r"\b(?:keyway|process)_[a-z0-9_]+", text))


def family_of(name, known):
    """The family of a metric; None where there is none."""
    for suffix in ("", "_bucket", "_sum", "_count"):
        family = name.removesuffix(suffix)
        if family in known and (suffix == "" or known[family] == "histogram"):
            return family
    return None


def rules():
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def dashboard():
    return json.loads(DASHBOARD.read_text())


def panels():
    """The panels of the dashboard that show something."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def expressions():
    """Every expression of the dashboard with a name, as Prometheus would be asked it."""
    found = [(panel["title"], target["expr"]) for panel in panels() for target in panel["targets"]]
    found += [(note["name"], note["expr"]) for note in dashboard()["annotations"]["list"] if "expr" in note]
    return [(title, as_asked(expression)) for title, expression in found]


def as_asked(expression):
    for variable, value in OF_GRAFANA.items():
        expression = expression.replace(variable, value)
    return expression


def check_rules(rules):
    """What promtool says of these rules."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rules.yml"
        file.write_text(yaml.safe_dump({"groups": [{"name": "of this test", "rules": rules}]}))
        return promtool("check", "rules", file)
