"""A headless Chromium that looks at the page as a reader does."""

import os
import re
import shutil
import tempfile
import unittest
from pathlib import Path

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.started import eventually

from .keyway import Keyway

# Names that lead to this machine without being names of it.
STRANGER = "proxy.example"


def programs():
    """The browser and its driver. Ends everything where one is missing, so it is asked before anything is started."""
    browser = shutil.which(os.environ.get("KEYWAY_TEST_BROWSER", "chromium")) or missing("chromium")
    return browser, shutil.which("chromedriver") or missing("chromedriver")


def driver(folder, browser, by):
    """This browser, by this driver, with an empty profile; it talks to this machine only."""
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in [
        "--headless=new",
        "--no-first-run",
        "--disable-gpu",
        "--hide-scrollbars",
        "--disable-dev-shm-usage",
        "--no-proxy-server",
        "--disable-background-networking",
        "--disable-component-update",
        "--window-size=1280,900",
        f"--host-resolver-rules=MAP {STRANGER} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        f"--user-data-dir={folder}",
    ]:
        options.add_argument(argument)
    if os.geteuid() == 0:
        # Its own sandbox refuses to work for root.
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(by)
    service.env = {**os.environ, "HOME": str(folder), "TMPDIR": str(folder)}
    return webdriver.Chrome(options=options, service=service)


def missing(name):
    raise SystemExit(f"{name} is missing: install Debian's packages chromium and chromium-driver")


class Page:
    """What stands on the page, and what a reader does there."""

    def __init__(self, browser):
        self.browser = browser

    def open(self, url, path="/admin/stats"):
        self.browser.get(url + path)

    def shown(self):
        """Waits until there are figures."""
        try:
            eventually("figures", lambda: self.one("#main").is_displayed() and self.all("tbody[data-node]"))
        except AssertionError as error:
            raise AssertionError(f"{error} {self.text('#live')}, {self.browser.get_log('browser')}") from None

    def one(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        """What can be read there; nothing, where there is no such thing."""
        try:
            return next((found.text for found in self.all(selector)), "")
        except StaleElementReferenceException:
            return ""

    def value(self, selector):
        """The exact value behind a figure."""
        return self.js("return document.querySelector(arguments[0])?.getAttribute('value')", selector)

    def js(self, script, *arguments):
        return self.browser.execute_script(script, *arguments)

    def click(self, selector):
        eventually(f"{selector} can be clicked", lambda: any(found.is_displayed() for found in self.all(selector)))
        element = next(found for found in self.all(selector) if found.is_displayed())
        self.js("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def button(self, words, within=""):
        """Clicks the button with these words."""
        found = eventually(f"there is a button {words}", lambda: self._buttons(words, within))
        self.js("arguments[0].scrollIntoView({block: 'center'})", found[0])
        found[0].click()

    def _buttons(self, words, within):
        return [one for one in self.all(f"{within} button") if one.is_displayed() and one.text == words]

    def type(self, selector, text):
        field = self.one(selector)
        field.clear()
        field.send_keys(text)

    def says(self, selector, words, limit=20):
        """Waits until these words stand there, and gives all that does."""
        eventually(f"{selector} says {words!r}", lambda: words in self.text(selector), limit)
        return self.text(selector)

    def press(self, *keys):
        webdriver.ActionChains(self.browser).send_keys(*keys).perform()

    def tab_to(self, matches, limit=150):
        """Goes on by the Tab key until the focused element matches this selector."""
        for _ in range(limit):
            if self.js("return document.activeElement.matches(arguments[0])", matches):
                return
            self.press(Keys.TAB)
        raise AssertionError(f"{limit} times Tab do not lead to {matches}")

    def size(self, width, height=900):
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def media(self, **features):
        """Sets what style sheets ask for, such as `prefers_color_scheme="dark"`."""
        named = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": named})

    def complaints(self):
        """What stands on the console since the last time, without refusals: a browser notes each of them."""
        lines = [entry["message"] for entry in self.browser.get_log("browser")]
        return [line for line in lines if not re.search(r"the server responded with a status of 4\d\d", line)]


class PageTest(unittest.TestCase):
    """One browser and one Keyway for all tests of a class. None of them may leave a complaint on the console."""

    # How the Keyway is started.
    STARTED = {"nodes": 3}

    @classmethod
    def setUpClass(cls):
        browser, by = programs()
        cls.keyway = Keyway(**cls.STARTED)
        cls.addClassCleanup(cls.keyway.close)
        cls.profile = Path(tempfile.mkdtemp(prefix="keyway-browser-"))
        cls.addClassCleanup(shutil.rmtree, cls.profile, ignore_errors=True)
        cls.browser = driver(cls.profile, browser, by)
        cls.addClassCleanup(cls.browser.quit)
        cls.page = Page(cls.browser)

    def setUp(self):
        self.page.size(1280)
        self.page.media()

    def tearDown(self):
        self.assertEqual(self.page.complaints(), [])
