"""What the page shows is what the API tells."""

from urllib.parse import quote

from selenium.webdriver.common.keys import Keys

from tests.started import eventually

from . import impostor
from .browser import PageTest
from .impostor import Impostor
from .keyway import Keyway


class OfARealKeyway(PageTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.keyway.put(200, b"v" * 500)

    def setUp(self):
        super().setUp()
        self.page.open(self.keyway.url)
        self.page.shown()

    def test_every_figure_of_the_nodes_and_of_the_whole_equals_that_of_the_api(self):
        def differences():
            stats, page = self.keyway.stats(), self.page
            reports = {report["name"]: report for report in stats["nodes"]}
            wanted = {
                "#about-epoch": stats["ring"]["epoch"],
                "#about-version": stats["version"],
                "#about-cluster": stats["ring"]["cluster"],
                "[data-total=keys] data": sum(report["records"] for report in stats["nodes"]),
                "[data-total=bytes] data": sum(report["bytes"] for report in stats["nodes"]),
                "[data-total=errors] data": stats["traffic"]["errors_per_second"],
            }
            for node in stats["ring"]["nodes"]:
                row, report = f"tbody[data-node={node['name']}]", reports[node["name"]]
                wanted[f"{row} [data-key=share] data"] = node["share"]
                wanted[f"{row} [data-key=weight] data"] = node["weight"]
                wanted[f"{row} [data-key=keys] data"] = report["records"]
                wanted[f"{row} [data-key=bytes] data"] = report["bytes"]
                wanted[f"{row} [data-key=flight] data"] = report["in_flight"]
            shown = {selector: page.value(selector) for selector in wanted}
            return [(key, shown[key], value) for key, value in wanted.items() if not same(shown[key], value)]

        eventually("no figure differs", lambda: differences() == [] or print(differences()))
        self.assertEqual(self.page.value("[data-total=keys] data"), "200")
        self.assertEqual(
            [row.get_attribute("data-node") for row in self.page.all("tbody[data-node]")], ["n1", "n2", "n3"]
        )
        self.assertIn("All 3 nodes are up", self.page.text("#health"))

    def test_a_typed_key_shows_the_owner_position_and_url_that_locate_tells_and_what_lies_around_it(self):
        for key in ["greeting", "a+b & c=100%", "schlüssel/日本"]:
            self.page.type("#locate-key", key)
            place = self.keyway.ask("GET", f"/admin/locate?key={quote(key, safe='')}&arcs=6")
            eventually(f"{key} is located", lambda: self.page.text("#place-position") == place["position"])
            self.assertEqual(self.page.text("#place-owner"), place["owner"])
            self.assertEqual(self.page.text("#place-url"), place["url"])
            around = self.page.js(
                "return [...document.querySelectorAll('.lens rect title')].map((one) => one.textContent)"
            )
            self.assertEqual(around, [arc["owner"] for arc in place["arcs"]])
            turned = self.page.js("return document.querySelector('.marker').getAttribute('transform')")
            self.assertAlmostEqual(float(turned[7:-1]), int(place["position"], 16) / 2**64 * 360, places=6)

    def test_the_outer_ring_shows_every_node_by_its_real_part(self):
        lengths = eventually(
            "the ring is drawn",
            lambda: self.page.js(
                "return Object.fromEntries([...document.querySelectorAll('#ring .fine path')]"
                ".map((path) => [path.dataset.node, path.getBBox().width]))"
            ),
        )
        self.assertEqual(sorted(lengths), ["n1", "n2", "n3"])
        slices = self.keyway.ask("GET", "/admin/slices?count=720")
        pieces = sum(
            1 for at, owner in enumerate(slices["owners"]) if owner == 0 and (at == 0 or slices["owners"][at - 1] != 0)
        )
        path = self.page.js("return document.querySelector('#ring .fine path[data-node=n1]').getAttribute('d')")
        self.assertEqual(path.count("M"), pieces)

    def test_without_scripts_it_says_what_to_use_instead(self):
        self.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
        self.addCleanup(self.browser.execute_cdp_cmd, "Emulation.setScriptExecutionDisabled", {"value": False})
        self.page.open(self.keyway.url)
        self.page.says("noscript", "keyway status")


class OfADocument(PageTest):
    STARTED = {"nodes": 1}

    def serve(self, stats):
        fake = Impostor(self.keyway, stats)
        self.addCleanup(fake.close)
        self.page.open(fake.url)
        self.page.shown()
        return fake

    def test_rates_and_quantiles_are_shown_as_they_were_told(self):
        stats = impostor.stats()
        self.serve(stats)
        traffic = stats["traffic"]
        for key, value in [
            ("requests", traffic["requests_per_second"]),
            ("errors", traffic["errors_per_second"]),
            ("p50", traffic["p50_ms"]),
            ("p99", traffic["p99_ms"]),
            ("flight", 12),
            ("connections", 64),
        ]:
            self.assertTrue(same(self.page.value(f"[data-total={key}] data"), value), key)
        self.assertEqual(self.page.value("#about-up"), "93784")
        self.assertEqual(self.page.text("#about-up"), "1 d 2 h")
        for report in stats["nodes"]:
            row = f"tbody[data-node={report['name']}]"
            for key, value in [
                ("requests", report["requests_per_second"]),
                ("errors", report["errors_per_second"]),
                ("p50", report["p50_ms"]),
                ("p99", report["p99_ms"]),
                ("heard", 40),
                ("disk", report["vitals"]["free_bytes"]),
            ]:
                self.assertTrue(same(self.page.value(f"{row} [data-key={key}] data"), value), (row, key))

    def test_means_are_of_what_happened_between_two_looks(self):
        fake = self.serve(impostor.stats())
        row = "tbody[data-node=n2]"
        # Nothing has been looked at twice.
        self.assertEqual(self.page.text(f"{row} [data-key=sync] data"), "–")
        vitals = fake.stats["nodes"][1]["vitals"]
        vitals.update(commits=150, commit_us=125_000 + 50 * 1200, cache_hits=40, cache_misses=12)
        self.page.says(f"{row} [data-key=sync] data", "1.2 ms")
        self.page.says(f"{row} [data-key=cache] data", "75.0 %")

    def test_a_chart_tells_the_value_under_the_pointer_and_under_the_arrow_keys_and_as_a_table(self):
        stats = impostor.stats()
        self.serve(stats)
        self.page.tab_to("[data-chart=requests] .plot")
        self.page.press(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
        wanted = stats["history"]["samples"][-3]["requests_per_second"]
        self.assertIn(f"{wanted:,.0f}", self.page.one("[data-chart=requests] .plot").get_attribute("aria-valuetext"))
        self.assertEqual(self.page.value("[data-chart=requests] figcaption data"), f"{wanted:g}")
        self.assertEqual(self.page.value("[data-chart=latency] figcaption data"), "3.98")
        self.page.press(Keys.HOME)
        self.assertEqual(self.page.value("[data-chart=requests] figcaption data"), "1001")
        self.page.click("#samples summary")
        eventually("the table is there", lambda: len(self.page.all("#samples tbody tr")) == 20)
        self.assertIn("1,200", self.page.text("#samples tbody tr"))

    def test_no_name_url_or_reason_becomes_markup(self):
        evil = "<img src=x onerror=\"document.title='mine'\"><script>document.title='mine'</script>"
        stats = impostor.stats()
        stats["ring"]["nodes"][0].update(url=f"http://{evil}", state="down", trouble=evil)
        stats["ring"]["nodes"][1]["name"] = stats["nodes"][1]["name"] = evil
        stats["changes"] = [
            impostor.change(
                9,
                phase="moving",
                state="running",
                blocked=evil,
                node=evil,
                moves=[move(evil, "n1", trouble=evil), move("n3", evil)],
            ),
            impostor.change(8, state="failed", reason=evil, node=evil, receipt=[receipt(evil, "n1")]),
        ]
        fake = self.serve(stats)
        fake.slices["nodes"] = [evil]
        fake.place = {
            "position": "8000000000000000",
            "owner": evil,
            "url": evil,
            "replicas": [evil],
            "epoch": 1,
            "arcs": [{"from": "7000000000000000", "to": "9000000000000000", "owner": evil}],
        }
        self.page.type("#locate-key", evil)
        self.page.says("#place", evil)
        self.page.click("#past summary")
        self.page.says("#past", evil)
        self.page.says(".why", evil)
        self.page.says("tbody[data-state=down] .trouble", evil)
        self.page.button("Remove…", "tbody[data-node=n1]")
        self.page.says("dialog", "Remove n1")
        self.page.button("Show the plan", "dialog")
        self.page.says("dialog .problem", "by the impostor")
        self.assertEqual(self.page.all("img:not(.logo), main script"), [])
        self.assertEqual(self.browser.title, "Keyway")

    def test_keys_that_a_change_gave_up_are_told_before_its_row_is_opened(self):
        stats = impostor.stats()
        lost = {"ranges": 3085, "keys": 735, "bytes": 9318, "reported_seconds_ago": 4}
        stats["changes"] = [impostor.change(8, force=True, lost=lost), impostor.change(7)]
        self.serve(stats)
        first, second = [row.text for row in self.page.all("#past summary")]
        self.assertIn("735 keys lost", first)
        self.assertNotIn("lost", second)

    def test_a_proxy_that_starts_no_nodes_offers_first_to_add_one_that_runs(self):
        for own, offered in [(True, "own"), (False, "other")]:
            stats = impostor.stats()
            for node in stats["ring"]["nodes"]:
                node["own"] = own
            self.serve(stats)
            self.page.click("#add-node")
            self.assertEqual(self.page.one("dialog [name=kind]:checked").get_attribute("value"), offered)
            self.assertEqual(self.page.one("dialog [name=url]").is_displayed(), not own)

    def test_a_receipt_whose_sides_differ_says_so(self):
        stats = impostor.stats()
        wrong = receipt("n2", "n1")
        wrong["target"] = {**wrong["target"], "records": 6}
        stats["changes"] = [impostor.change(8, longest_hold_us=1500, receipt=[receipt("n3", "n1"), wrong])]
        self.serve(stats)
        self.page.click("#past summary")
        rows = eventually("the receipt is shown", lambda: [row.text for row in self.page.all("#past tbody tr")])
        self.assertIn("✓ equal", rows[0])
        self.assertIn("✕ different", rows[1])
        self.assertIn("5 / 6", rows[1])


def move(source, target, trouble=None):
    return {
        "from": source,
        "to": target,
        "state": "copying",
        "ranges": 3,
        "keys": {"done": 1, "total": 4},
        "bytes": {"done": 10, "total": 40},
        "trouble": trouble,
    }


def receipt(source, target):
    side = {"records": 5, "bytes": 1234, "digest": "cd" * 16}
    return {"from": source, "to": target, "source": side, "target": dict(side), "hold_us": 900}


def same(shown, value):
    """Whether a value on the page is this one of the API; `None` is a dash without a value."""
    if value is None:
        return shown == ""
    if isinstance(value, str):
        return shown == value
    return shown not in (None, "") and float(shown) == float(value)
