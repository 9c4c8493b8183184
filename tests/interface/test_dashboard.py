"""The dashboard: that Grafana can show it on any Prometheus, and that Prometheus can read every expression."""

import unittest

from . import prometheus


class Dashboard(unittest.TestCase):
    @unittest.skipUnless(prometheus.has_tools(), prometheus.MISSING)
    def test_promtool_can_read_every_expression(self):
        rules = [
            {"record": f"panel:{number}", "expr": expression}
            for number, (_, expression) in enumerate(prometheus.expressions())
        ]
        self.assertGreater(len(rules), 40)
        code, said = prometheus.check_rules(rules)
        self.assertEqual(code, 0, said)

    @unittest.skipUnless(prometheus.has_tools(), prometheus.MISSING)
    def test_promtool_could_not_read_one_that_is_wrong(self):
        self.assertNotEqual(prometheus.check_rules([{"record": "panel:1", "expr": "sum(rate(keyway_epoch)"}])[0], 0)

    def test_no_variable_of_grafanas_is_left_that_we_do_not_know(self):
        for title, expression in prometheus.expressions():
            self.assertNotIn("$", expression, title)

    def test_every_panel_asks_the_data_source_that_is_chosen(self):
        chosen = {"type": "prometheus", "uid": "${datasource}"}
        for panel in prometheus.panels():
            self.assertEqual(panel["datasource"], chosen, panel["title"])
            for target in panel["targets"]:
                self.assertEqual(target["datasource"], chosen, panel["title"])

    def test_the_variables_are_the_data_source_the_proxy_and_the_node(self):
        variables = {one["name"]: one["type"] for one in prometheus.dashboard()["templating"]["list"]}
        self.assertEqual(variables, {"datasource": "datasource", "instance": "query", "node": "query"})

    def test_every_panel_says_what_it_shows_and_no_two_lie_on_each_other(self):
        seen, cells = set(), set()
        for panel in prometheus.dashboard()["panels"]:
            self.assertNotIn(panel["id"], seen)
            seen.add(panel["id"])
            place = panel["gridPos"]
            covered = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            self.assertFalse(covered & cells, panel["title"])
            self.assertLessEqual(place["x"] + place["w"], 24, panel["title"])
            cells |= covered
            if panel["type"] != "row":
                self.assertTrue(panel["description"].endswith("."), panel["title"])
