"""A Prometheus with config/prometheus.yml asks a cluster in the middle of a change, and every panel shows something."""

import math
import re
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

import requests
import yaml

from tests.started import eventually

from . import prometheus
from .keyway import TOKEN, Keyway

# Enough for rates over Grafana's shortest interval.
SCRAPES = 8


class Prometheus:
    """One that scrapes each second what the file in config/ says, but at another address and with another token."""

    def __init__(self, keyway):
        self.folder = tempfile.TemporaryDirectory(prefix="keyway-prometheus-")
        folder = Path(self.folder.name)
        settings = yaml.safe_load(prometheus.SCRAPING.read_text())
        settings["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        (job,) = settings["scrape_configs"]
        job["static_configs"][0]["targets"] = [keyway.listen]
        for name, text in {
            "prometheus.yml": yaml.safe_dump(settings),
            settings["rule_files"][0]: prometheus.ALERTS.read_text(),
            job["authorization"]["credentials_file"]: TOKEN + "\n",
        }.items():
            (folder / name).write_text(text)
        self.settings = folder / "prometheus.yml"
        # It says in its log which port it was given.
        command = [prometheus.tool("prometheus"), "--web.listen-address=127.0.0.1:0"]
        command += [f"--config.file={self.settings}", f"--storage.tsdb.path={folder}/data"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.said, self.port = [], None
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self.process.stderr:
            self.said.append(line)
            found = re.search(r'msg="Listening on" address=127\.0\.0\.1:(\d+)', line)
            self.port = found.group(1) if found else self.port

    def ask(self, what, **parameters):
        answer = requests.get(f"http://127.0.0.1:{self.port}/api/v1/{what}", params=parameters, timeout=10)
        told = answer.json()
        assert told["status"] == "success", (parameters, told)
        return told["data"]

    def values(self, expression):
        return [float(sample["value"][1]) for sample in self.ask("query", query=expression)["result"]]

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()


@unittest.skipUnless(prometheus.has_tools(), prometheus.MISSING)
class Scraping(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.keyway = Keyway()
        cls.addClassCleanup(cls.keyway.close)
        cls.keyway.fill(20)
        cls.prometheus = Prometheus(cls.keyway)
        cls.addClassCleanup(cls.prometheus.stop)
        eventually("it listens", lambda: cls.prometheus.port, 30)
        cls.keyway.begin_change()
        eventually("it has scraped some times", cls._scraped, 60)

    @classmethod
    def _scraped(cls):
        # Rates need requests between the scrapes.
        cls.keyway.fill(20)
        return sum(cls.prometheus.values('count_over_time(up{job="keyway"}[1m])')) >= SCRAPES

    def test_promtool_takes_the_configuration(self):
        code, said = prometheus.promtool("check", "config", self.prometheus.settings)
        self.assertEqual(code, 0, said)

    def test_the_proxy_is_up_with_the_token_from_the_file(self):
        self.assertEqual(self.prometheus.values('min_over_time(up{job="keyway"}[1m])'), [1.0])

    def test_every_panel_shows_something(self):
        for title, expression in prometheus.expressions():
            if "changes(" in expression:
                continue  # Marks the moments at which something was decided.
            with self.subTest(title):
                values = self.prometheus.values(expression)
                self.assertTrue(any(not math.isnan(value) for value in values), f"{expression}: {values}")

    def test_the_variables_have_values(self):
        for variable in prometheus.dashboard()["templating"]["list"]:
            if variable["type"] == "query":
                series, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["definition"]).groups()
                found = self.prometheus.ask(f"label/{label}/values", **{"match[]": prometheus.as_asked(series)})
                self.assertTrue(found, variable["name"])

    def test_every_rule_is_evaluated_without_an_error(self):
        rules = [rule for group in self.prometheus.ask("rules")["groups"] for rule in group["rules"]]
        self.assertEqual({rule["name"] for rule in rules}, {rule["alert"] for rule in prometheus.rules()})
        self.assertEqual([rule for rule in rules if rule["health"] == "err"], [])

    def test_nothing_is_alarming_in_a_change(self):
        alerts = self.prometheus.ask("alerts")["alerts"]
        self.assertEqual([alert["labels"] for alert in alerts if alert["state"] == "firing"], [])
