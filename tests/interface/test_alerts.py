"""The alerting rules: that Prometheus takes them, that each fires when it should and not otherwise."""

import unittest
from pathlib import Path

import yaml

from tests.started import ROOT

from . import prometheus
from .keyway import Keyway

CASES = Path(__file__).with_name("alerts.yml")


class Alerts(unittest.TestCase):
    @unittest.skipUnless(prometheus.has_tools(), prometheus.MISSING)
    def test_promtool_takes_the_rules(self):
        code, said = prometheus.promtool("check", "rules", prometheus.ALERTS)
        self.assertEqual(code, 0, said)

    @unittest.skipUnless(prometheus.has_tools(), prometheus.MISSING)
    def test_each_alert_fires_when_it_should_and_not_otherwise(self):
        code, said = prometheus.promtool("test", "rules", CASES)
        self.assertEqual(code, 0, said)

    def test_each_alert_is_tried_both_ways(self):
        cases = [case for test in yaml.safe_load(CASES.read_text())["tests"] for case in test["alert_rule_test"]]
        for rule in prometheus.rules():
            fires = {bool(case["exp_alerts"]) for case in cases if case["alertname"] == rule["alert"]}
            self.assertEqual(fires, {True, False}, rule["alert"])

    def test_each_alert_has_a_section_that_says_what_to_do_and_no_other_has_one(self):
        sections = [line for line in (ROOT / "docs/operate.md").read_text().splitlines() if line.startswith("**Keyway")]
        told = {section.split("**")[1].rstrip(".") for section in sections}
        self.assertEqual(told, {rule["alert"] for rule in prometheus.rules()})

    def test_the_rules_name_only_metrics_that_are_there(self):
        keyway = Keyway(nodes=1)
        self.addCleanup(keyway.close)
        known = prometheus.families(keyway.metrics())
        for rule in prometheus.rules():
            for name in prometheus.named_in(rule["expr"]):
                self.assertIsNotNone(prometheus.family_of(name, known), f"{name} in {rule['alert']}")
