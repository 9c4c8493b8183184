"""Whether everybody can read it: contrast, narrow screens, many nodes, names for screen readers."""

from pathlib import Path

from tests.started import eventually

from . import impostor
from .browser import PageTest
from .impostor import Impostor


def audit(name):
    return (Path(__file__).parent / "audit" / f"{name}.js").read_text()


def troubled(names):
    """A document with everything at once: what is down, what moves and is blocked, what waits, what ended."""
    stats = impostor.stats(names)
    stats["ring"]["nodes"][1].update(state="down", trouble="It does not answer: connection refused. " * 4)
    stats["ring"]["nodes"][2].update(state="joining")
    stats["nodes"][1]["vitals"] = None
    moves = [
        {
            "from": "n1",
            "to": "n3",
            "state": "copying",
            "ranges": 1300,
            "keys": {"done": 1_000_000, "total": 4_000_000},
            "bytes": {"done": 10 << 30, "total": 40 << 30},
            "trouble": "connection refused, os error 111",
        },
    ]
    side = {"records": 5, "bytes": 1234, "digest": "cd" * 16}
    stats["changes"] = [
        impostor.change(
            12,
            phase="moving",
            state="running",
            blocked="n2 does not answer: start it again. " * 3,
            moves=moves,
            bytes_per_second=12_345_678,
            eta_seconds=4000,
            longest_hold_us=1234,
        ),
        impostor.change(13, state="queued"),
        impostor.change(11, receipt=[{"from": "n1", "to": "n2", "source": side, "target": side, "hold_us": 900}]),
        impostor.change(10, state="failed", reason="n9 did not say hello within 10 s. " * 4),
        impostor.change(9, state="cancelled"),
    ]
    del stats["changes"][1]["finished_at"], stats["changes"][1]["started_at"]
    return stats


class Reading(PageTest):
    STARTED = {"nodes": 1}

    def serve(self, stats):
        fake = Impostor(self.keyway, stats)
        names = [node["name"] for node in stats["ring"]["nodes"]]
        fake.slices = {"epoch": 1, "nodes": names, "owners": [at * 7 % len(names) for at in range(720)]}
        fake.place = {
            "position": "8000000000000001",
            "owner": names[0],
            "url": "http://127.0.0.1:41001",
            "replicas": [names[0]],
            "epoch": 1,
            "arcs": [
                {"from": f"{at:x}000000000000000", "to": f"{at + 1:x}000000000000000", "owner": names[at % len(names)]}
                for at in range(5, 11)
            ],
        }
        self.addCleanup(fake.close)
        self.page.open(fake.url)
        self.page.shown()
        self.page.type("#locate-key", "k" * 60)
        self.page.says("#place", "kkk")
        self.page.js("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        return fake

    def test_every_text_has_enough_contrast_in_both_themes(self):
        for theme in ["light", "dark"]:
            self.page.media(prefers_color_scheme=theme, prefers_reduced_motion="reduce")
            self.serve(troubled([f"n{number}" for number in range(1, 31)]))
            self.page.button("Remove…", "tbody[data-node=n2]")
            found = self.page.js(audit("contrasts"))
            self.assertGreater(len(found), 300)
            weak = [(one["text"], round(one["ratio"], 2)) for one in found if one["ratio"] < one["needed"]]
            self.assertEqual(weak, [], theme)
        grounds = self.page.js("return getComputedStyle(document.body).backgroundColor")
        self.assertEqual(grounds, "rgb(13, 18, 24)", "the last theme was the dark one")

    def test_nothing_is_wider_than_the_screen_of_a_phone(self):
        for names in [["n1", "n2", "n3"], ["n1", "a-name-as-long-as-it-may-be" + "e" * 36, "n3"]]:
            for width in [360, 800, 1280]:
                self.page.size(width)
                self.serve(troubled(names))
                wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
                self.assertEqual(self.page.js(wide), 0, (width, names))
                self.page.click("#add-node")
                self.page.click("dialog [value=other]")
                box = self.page.js("return document.querySelector('dialog').getBoundingClientRect().toJSON()")
                self.assertTrue(box["left"] >= 0 and box["right"] <= width, (width, box))

    def test_thirty_nodes_can_be_sorted_and_filtered_and_three_hundred_are_drawn(self):
        self.serve(impostor.stats([f"n{number}" for number in range(1, 31)]))
        rows = "return [...document.querySelectorAll('tbody[data-node]')].map((row) => row.dataset.node)"
        self.assertEqual(self.page.js(rows), [f"n{number}" for number in range(1, 31)], "n2 comes before n10")
        self.page.button("Keys")
        self.assertEqual(self.page.js(rows)[0], "n30")
        self.assertEqual(self.page.one("th[data-key=keys]").get_attribute("aria-sort"), "descending")
        self.page.type("#filter-text", "n7")
        eventually("one is left", lambda: self.page.js(rows) == ["n7"])
        self.serve(impostor.stats([f"n{number}" for number in range(1, 301)]))
        eventually("all are drawn", lambda: len(self.page.all("#ring .broad path")) == 300)
        took = self.page.js("""
            return new Promise((done) => new PerformanceObserver((list, observer) => {
                observer.disconnect(); done(list.getEntries()[0].duration);
            }).observe({ type: 'longtask', buffered: false }) ?? setTimeout(() => done(0), 4000))""")
        self.assertLess(took, 1000, "a look does not keep the reader waiting")

    def test_a_screen_reader_finds_names_headings_captions_and_what_is_referred_to(self):
        self.serve(troubled(["n1", "n2", "n3"]))
        for within in ["page", "dialog"]:
            self.assertEqual(self.page.js(audit("nameless")), [], within)
            self.assertEqual(self.page.js(audit("flaws")), [], within)
            self.page.click("#add-node") if within == "page" else None
        states = [self.page.text(f"tbody[data-node=n{number}] .state") for number in (1, 2, 3)]
        self.assertEqual(states, ["✓ up", "✕ down", "… joining"], "a mark and a word, not colour alone")

    def test_who_wants_less_motion_gets_none(self):
        self.page.media(prefers_reduced_motion="reduce")
        self.serve(troubled(["n1", "n2", "n3"]))
        moving = "return document.getAnimations().filter((one) => one.playState === 'running').length"
        self.assertEqual(self.page.js(moving), 0)
        self.page.media(prefers_reduced_motion="no-preference")
        eventually("else it moves", lambda: self.page.js(moving) > 0)
