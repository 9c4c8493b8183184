"""A cluster on this machine, as the tests of its interfaces ask it."""

from urllib.parse import quote

import requests

from tests.started import Started

TOKEN = "only-for-these-tests-0123456789"
SECRET = "between-these-nodes-0123456789"


class Keyway(Started):
    """It is gone, with its folder, when `close` has returned."""

    def __init__(self, nodes=3):
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {TOKEN}"
        # Fewer points than usual, so that changes are planned at once on a slow machine.
        variables = {"KEYWAY_ADMIN_TOKEN": TOKEN, "KEYWAY_CLUSTER_SECRET": SECRET}
        super().__init__(["--nodes", str(nodes), "--points", "256"], variables)

    def ask(self, method, path, **options):
        return self.session.request(method, self.url + path, timeout=60, **options)

    def told(self, method, path, **options):
        """The JSON document of an answer that must be a good one."""
        answer = self.ask(method, path, **options)
        if not answer.ok:
            raise AssertionError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json()

    def metrics(self):
        return self.ask("GET", "/admin/metrics").text

    def fill(self, keys=200, value=b"x" * 1000):
        """A little of every kind of request, also of those that fail."""
        for number in range(keys):
            key = quote(f"key {number}")
            assert self.ask("PUT", f"/kv?key={key}", data=value).status_code in (201, 204)
            assert self.ask("GET", f"/kv?key={key}").content == value
        for method, path, status in [
            ("HEAD", "/kv?key=key+0", 200),
            ("GET", "/kv?key=nobody", 404),
            ("DELETE", "/kv?key=key+0", 204),
            ("POST", "/kv?key=key+0", 405),
            ("GET", "/kv", 400),
        ]:
            answer = self.ask(method, path)
            assert answer.status_code == status, (method, path, answer.status_code)

    def begin_change(self):
        """A change that goes on for as long as anybody looks, because it may copy next to nothing."""
        return self.told("POST", "/add-server", json={"rate": 100})["id"]
