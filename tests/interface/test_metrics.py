"""What `/admin/metrics` says, in the eyes of Prometheus, and what the documents say of it."""

import unittest

from tests.started import ROOT, eventually

from . import prometheus
from .keyway import Keyway


class Metrics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.keyway = Keyway()
        cls.addClassCleanup(cls.keyway.close)
        cls.at_start = cls.keyway.metrics()
        cls.keyway.fill()
        cls.after_traffic = cls.keyway.metrics()
        change = cls.keyway.begin_change()
        eventually("the change moves", lambda: cls._moves(change), 30)
        cls.during_a_change = cls.keyway.metrics()
        cls.texts = {"at start": cls.at_start, "after traffic": cls.after_traffic, "in a change": cls.during_a_change}

    @classmethod
    def _moves(cls, change):
        return cls.keyway.told("GET", f"/admin/changes/{change}").get("phase") == "moving"

    @unittest.skipUnless(prometheus.has_tools(), prometheus.MISSING)
    def test_promtool_finds_nothing_to_complain_of_at_any_time(self):
        for when, text in self.texts.items():
            with self.subTest(when):
                self.assertEqual(prometheus.promtool("check", "metrics", text=text), (0, ""))

    @unittest.skipUnless(prometheus.has_tools(), prometheus.MISSING)
    def test_promtool_would_complain_of_a_metric_that_is_wrong(self):
        for wrong in ["# TYPE keyway_x counter\nkeyway_x 1\n", "keyway_x{node=1} 1\n"]:
            code, _ = prometheus.promtool("check", "metrics", text=wrong)
            self.assertNotEqual(code, 0, wrong)

    def test_the_same_metrics_are_there_at_every_time(self):
        known = [prometheus.families(text) for text in self.texts.values()]
        self.assertEqual(known[0], known[1])
        self.assertEqual(known[0], known[2])
        self.assertGreater(len(known[0]), 30)

    def test_a_change_shows(self):
        self.assertIn("\nkeyway_change_open 0\n", self.after_traffic)
        self.assertIn("\nkeyway_change_open 1\n", self.during_a_change)

    def test_the_documents_name_every_metric_and_none_that_is_not_there(self):
        known = prometheus.families(self.during_a_change)
        for document in ROOT.glob("docs/*.md"):
            for name in prometheus.named_in(document.read_text()):
                self.assertIsNotNone(prometheus.family_of(name, known), f"{name} in {document.name}")
        described = prometheus.named_in((ROOT / "docs/operate.md").read_text())
        self.assertEqual(set(known) - described, set())
