"""What a reader can order: plans come first, and a change in flight can be watched and steered."""

import time

from selenium.webdriver.common.keys import Keys

from tests.started import eventually

from .browser import PageTest


class Orders(PageTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Slow enough to watch at 100 kB/s, and quick without a limit.
        cls.keyway.put(400, b"v" * 2000)

    def setUp(self):
        super().setUp()
        self.settle()
        self.page.open(self.keyway.url)
        self.page.shown()
        self.before = self.keyway.names()

    def settle(self):
        """No change is open: what a test left behind is not the next one's."""
        open_states = ("running", "paused", "queued")
        for change in self.keyway.changes():
            if change["state"] in open_states:
                self.keyway.ask("DELETE", f"/admin/changes/{change['id']}")
        eventually("no change is open", lambda: not [c for c in self.keyway.changes() if c["state"] in open_states])

    def slow_change(self, rate=20_000):
        """Begins one that takes its time."""
        change = self.keyway.ask("POST", "/add-server", {"rate": rate})
        self.page.says("#open-title", f"Add {change['node']}")
        return change

    def look(self, change):
        return self.keyway.ask("GET", f"/admin/changes/{change['id']}")

    def test_a_node_is_added_after_its_plan_was_shown_and_not_before(self):
        plan = self.keyway.ask("POST", "/add-server?dry_run=true", {"weight": 2})
        newcomer = next(share["name"] for share in plan["shares"] if share["before"] == 0)
        self.page.click("#add-node")
        self.page.type("dialog [name=weight]", "2")
        self.page.button("Show the plan", "dialog")
        self.page.says("#plan-sum", f"{plan['keys']:,} key")
        self.page.says("dialog .plan", f"{plan['share'] * 100:.1f} %")
        for width in [360, 1280]:
            self.page.size(width)
            wide = self.page.js(
                "const form = document.querySelector('dialog'); return form.scrollWidth - form.clientWidth"
            )
            self.assertEqual(wide, 0, f"the plan is wider than its dialog at {width}")
        rows = [row.text.split("\n")[0] for row in self.page.all("dialog .plan tbody tr")]
        self.assertTrue(any(row.startswith(newcomer) for row in rows), rows)
        self.assertEqual(self.keyway.names(), self.before)
        self.page.button("Add it", "dialog")
        self.page.says("#past", f"Add {newcomer}")
        eventually("its row is there", lambda: self.page.all(f"tbody[data-node={newcomer}]"))
        self.assertEqual(self.keyway.names(), sorted([*self.before, newcomer]))
        self.assertEqual(self.page.all("dialog"), [])
        self.page.click("#past summary")
        self.assertIn("✓ equal", self.page.says("#past tbody", "equal"))

    def test_a_double_click_shows_the_plan_and_orders_nothing(self):
        self.page.click("#add-node")
        button = self.page.one("dialog .primary")
        # As quick as a plan can come, and as slow as a double click can be.
        for pause in [0.02, 0.1, 0.3]:
            self.page.js("arguments[0].click()", button)
            self.page.says("dialog .plan", "The plan")
            time.sleep(pause)
            self.page.js("arguments[0].click()", button)
            self.page.says("dialog .primary", "Add it")
            self.page.type("dialog [name=weight]", "2")
        self.assertEqual(self.keyway.names(), self.before)
        self.assertEqual([change for change in self.keyway.changes() if change["state"] == "queued"], [])

    def test_altering_an_order_takes_its_plan_away(self):
        self.page.click("#add-node")
        self.page.button("Show the plan", "dialog")
        self.page.says("dialog .plan", "The plan")
        self.page.type("dialog [name=weight]", "3")
        self.assertEqual(self.page.text("dialog .plan"), "")
        self.page.button("Show the plan", "dialog")
        self.page.says("dialog .plan", "The plan")
        self.page.button("Close", "dialog")
        self.assertEqual(self.keyway.names(), self.before)

    def test_a_refusal_is_shown_in_the_words_of_the_proxy(self):
        self.page.click("#add-node")
        self.page.click("dialog [value=other]")
        self.page.type("dialog [name=url]", "http://127.0.0.1:1")
        self.page.button("Show the plan", "dialog")
        refused = self.keyway.ask("POST", "/add-server?dry_run=true", {"url": "http://127.0.0.1:1"})
        shown = self.page.says("dialog .problem", refused["title"])
        self.assertIn(refused["detail"], shown)
        self.page.type("dialog [name=url]", "nonsense")
        self.page.button("Show the plan", "dialog")
        self.page.says("dialog .problem li", "url:")

    def test_a_node_is_removed_by_keyboard_alone(self):
        self.page.tab_to("tbody[data-node=n2] .orders button:last-child")
        outline = self.page.js("return getComputedStyle(document.activeElement).outlineStyle")
        self.assertEqual(outline, "solid", "the focus can be seen")
        self.page.press(Keys.ENTER)
        self.page.says("dialog #plan-sum", "would move")
        for _ in range(8):
            self.page.press(Keys.TAB)
            inside = "return document.activeElement === document.body || !!document.activeElement.closest('dialog')"
            self.assertTrue(self.page.js(inside), "the focus leaves the dialog")
        self.page.press(Keys.ESCAPE)
        eventually("the dialog is closed", lambda: not self.page.all("dialog"))
        self.assertTrue(self.page.js("return document.activeElement.matches('tbody[data-node=n2] .orders button')"))
        self.assertEqual(self.keyway.names(), self.before)
        self.page.press(Keys.ENTER)
        self.page.says("dialog #plan-sum", "would move")
        self.page.says("dialog .danger", "Remove it")
        self.page.tab_to("dialog .danger")
        self.page.press(Keys.ENTER)
        eventually("the row is gone", lambda: not self.page.all("tbody[data-node=n2]"))
        self.assertNotIn("n2", self.keyway.names())
        self.page.says("#past", "Remove n2")

    def test_a_weight_is_changed_after_its_plan_was_shown(self):
        self.page.button("Weight…", "tbody[data-node=n1]")
        self.page.type("dialog [name=weight]", "3")
        self.page.button("Show the plan", "dialog")
        self.page.says("dialog .plan", "n1")
        self.page.button("Change the weight", "dialog")
        eventually("the table says so", lambda: self.page.value("tbody[data-node=n1] [data-key=weight] data") == "3")
        weights = {node["name"]: node["weight"] for node in self.keyway.ring()["nodes"]}
        self.assertEqual(weights["n1"], 3)

    def test_a_change_in_flight_shows_how_far_it_is_and_can_be_paused_limited_and_cancelled(self):
        change = self.slow_change()
        bar = "#open-change .progress progress"
        eventually("the bar moves", lambda: float(self.page.js(f"return document.querySelector('{bar}').value")) > 0)
        eventually(
            "the moves are listed",
            lambda: len(self.page.all("#open-change tbody tr")) == len(self.look(change)["moves"]),
        )
        self.page.says("[data-fact=limit]", "19.5 KiB/s")
        eventually("bows are drawn", lambda: self.page.all("#ring .flow"))
        self.page.button("Pause")
        eventually("it is paused", lambda: self.look(change)["state"] == "paused")
        self.page.says(".phase", "paused")
        told = self.look(change)["bytes"]
        eventually(
            "the bar is where the API is",
            lambda: (
                abs(float(self.page.js(f"return document.querySelector('{bar}').value")) - told["done"] / told["total"])
                < 0.001
            ),
        )
        self.page.button("Limit…")
        self.page.type("dialog [name=rate]", "30KiB")
        self.page.button("Set the limit", "dialog")
        self.page.says("[data-fact=limit]", "30 KiB/s")
        self.assertEqual(self.look(change)["rate"], 30 * 1024)
        self.page.button("Resume")
        eventually("it goes on", lambda: self.look(change)["state"] == "running")
        self.page.button("Cancel…", "#open-change")
        self.page.says("dialog", "nothing is lost")
        self.assertEqual(self.look(change)["state"], "running", "it asks first")
        self.page.button("Cancel the change", "dialog")
        eventually("it is cancelled", lambda: self.look(change)["state"] == "cancelled")
        eventually("it is no longer shown as open", lambda: not self.page.one("#open-change").is_displayed())
        self.assertEqual(self.keyway.names(), self.before)

    def test_changes_that_wait_are_listed_and_can_be_dropped(self):
        self.slow_change()
        waiting = self.keyway.ask("POST", "/remove-server", {"name": "n3"})
        self.page.says("#queued", f"Change {waiting['id']}: Remove n3")
        self.page.button("Cancel…", "#queued")
        self.page.button("Cancel the change", "dialog")
        eventually("none waits", lambda: not self.page.one("#queue").is_displayed())
        self.assertEqual(self.look(waiting)["state"], "cancelled")

    def test_news_is_told_to_who_cannot_see_it(self):
        self.page.js("""
            window.heard = [];
            const hear = (changes) => changes.flatMap((change) => [...change.addedNodes])
                .forEach((node) => heard.push(node.textContent));
            new MutationObserver(hear).observe(document.getElementById('news'), { childList: true });
        """)
        change = self.slow_change(rate=60_000)
        eventually("it is done", lambda: self.look(change)["state"] == "done", 40)
        heard = eventually(
            "the end is told", lambda: (lambda all: "done" in " ".join(all) and all)(self.page.js("return heard"))
        )
        self.assertTrue(any(f"Change {change['id']}" in words and "running" in words for words in heard), heard)
        self.assertLess(len(heard), 12, f"coarse steps only: {heard}")
