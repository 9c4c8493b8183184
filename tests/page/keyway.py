"""A Keyway of its own, as the tests of the page ask it."""

import json
import urllib.error
import urllib.request
from urllib.parse import quote

from tests.started import Started, eventually


class Keyway(Started):
    """One proxy with its nodes. `close` ends it and deletes its folder."""

    def __init__(self, nodes=3, token=None):
        self.token = token
        variables = {"KEYWAY_ADMIN_TOKEN": token} if token else {}
        super().__init__(["--nodes", str(nodes), "--workers", "1"], variables)

    def start(self):
        """Starts it; once more, where it listened before."""
        super().start()
        eventually("all nodes are up", lambda: all(node["state"] == "up" for node in self.ring()["nodes"]))

    def ask(self, method, path, body=None):
        """The answer's document; a problem is one, too."""
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=40) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return json.load(error)

    def ring(self):
        return self.ask("GET", "/admin/ring")

    def names(self):
        return [node["name"] for node in self.ring()["nodes"]]

    def stats(self):
        return self.ask("GET", "/admin/stats.json")

    def changes(self):
        return self.ask("GET", "/admin/changes")["changes"]

    def put(self, keys, value):
        """Stores this value under `key0`, `key1`, .."""
        for number in range(keys):
            request = urllib.request.Request(f"{self.url}/kv?key={quote(f'key{number}')}", data=value, method="PUT")
            urllib.request.urlopen(request, timeout=20).close()
