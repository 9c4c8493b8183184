"""Who sees the figures, and what becomes of the token."""

from selenium.webdriver.common.keys import Keys

from tests.started import eventually

from .browser import STRANGER, PageTest

TOKEN = "a-token-of-the-tests"


class WithAToken(PageTest):
    STARTED = {"nodes": 1, "token": TOKEN}

    def test_it_is_asked_for_refused_if_wrong_and_kept_in_this_tab_only(self):
        page = self.page
        page.open(self.keyway.url, "/admin")
        page.says("#gate", "Admin token")
        self.assertFalse(page.one("#main").is_displayed())
        self.assertEqual(page.js("return document.activeElement.id"), "gate-token")
        self.assertEqual(page.one("#gate-token").get_attribute("type"), "password")
        page.press("wrong", Keys.ENTER)
        page.says("#gate-wrong", "not this proxy's token")
        self.assertEqual(page.js("return sessionStorage.length"), 0)
        page.type("#gate-token", TOKEN)
        page.press(Keys.ENTER)
        page.shown()
        self.assertFalse(page.one("#gate").is_displayed())
        self.assertEqual(page.js("return localStorage.length"), 0)
        self.assertEqual(page.js("return document.cookie"), "")
        self.assertNotIn(TOKEN, self.browser.current_url)
        self.assertEqual(page.one("#gate-token").get_attribute("value"), "")
        self.browser.refresh()
        page.shown()
        # Orders carry it, too.
        page.button("Weight…", "tbody[data-node=n1]")
        page.type("dialog [name=weight]", "2")
        page.button("Show the plan", "dialog")
        page.says("dialog .plan", "n1")

    def test_another_tab_asks_again(self):
        self.page.open(self.keyway.url)
        first = self.browser.current_window_handle
        self.browser.switch_to.new_window("tab")
        self.page.open(self.keyway.url)
        self.page.says("#gate", "Admin token")
        self.browser.close()
        self.browser.switch_to.window(first)


class WithoutAToken(PageTest):
    STARTED = {"nodes": 1}

    def test_who_is_not_on_the_machine_of_the_proxy_reads_why_not(self):
        self.page.open(self.keyway.url.replace("127.0.0.1", STRANGER))
        self.page.says("#gate", "KEYWAY_ADMIN_TOKEN")
        self.assertFalse(self.page.one("#main").is_displayed())
        self.assertFalse(self.page.one("#gate-form").is_displayed())

    def test_a_restart_of_the_proxy_is_survived_and_the_silence_is_said_plainly(self):
        page = self.page
        page.open(self.keyway.url)
        page.shown()
        line = "return document.querySelector('.line').getAttribute('d')"
        # As many samples as the next process takes some time to have.
        eventually("there is history", lambda: page.js(line).count("L") > 8)
        self.keyway.stop()
        page.says("#live", "No answer since")
        page.says("#notice", "goes on asking")
        self.keyway.start()
        page.says("#live", "Live")
        self.assertFalse(page.one("#notice").is_displayed())
        eventually("it counts anew", lambda: float(page.value("#about-up")) < 20)
        seen = page.js(line)
        eventually("the charts go on", lambda: page.js(line) != seen, 5)
        gone = [line for line in page.complaints() if "ERR_CONNECTION_REFUSED" not in line]
        self.assertEqual(gone, [])

    def test_a_hidden_page_does_not_ask(self):
        page = self.page
        page.open(self.keyway.url)
        page.shown()
        looks = (
            "return performance.getEntriesByType('resource').filter((one) => one.name.includes('stats.json')).length"
        )
        hide = (
            "Object.defineProperty(document, 'hidden', {value: arguments[0], configurable: true});"
            "document.dispatchEvent(new Event('visibilitychange'))"
        )
        page.js("window.stats = 0; const real = fetch; window.fetch = (...all) => { stats += 1; return real(...all); }")
        eventually("it looks", lambda: page.js("return stats") > 1)
        page.js(hide, True)
        # The look that was under way may still end.
        rest = page.js(
            "return new Promise((done) => setTimeout(() => { const before = stats;"
            " setTimeout(() => done(stats - before), 2500); }, 500))"
        )
        self.assertEqual(rest, 0)
        page.js(hide, False)
        seen = page.js("return stats")
        eventually("it looks again", lambda: page.js("return stats") > seen)
        self.assertGreater(page.js(looks), 1)
