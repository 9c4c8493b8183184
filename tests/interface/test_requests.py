"""Thousands of requests that schemathesis makes up from docs/openapi.yaml, good and bad ones: the proxy answers each as
the document says."""

import copy
import os
import subprocess
import sys
import tempfile
import unittest
from collections import Counter
from pathlib import Path

import yaml

from tests.started import ROOT

from .keyway import SECRET, TOKEN, Keyway
from .test_openapi import openapi

HERE = Path(__file__).parent
# As long as two slow cores may take; it is a third of that otherwise.
LIMIT = 300
SEED = os.environ.get("KEYWAY_TEST_SEED", "1")


def strict(document):
    """The document as it is meant for this cluster: no member but those that it names, and no way without the token."""
    document = copy.deepcopy(document)
    for name, schema in document["components"]["schemas"].items():
        # Problems may have more members, and say so.
        if name != "Problem":
            close(schema)
    for operations in document["paths"].values():
        for operation in operations.values():
            if isinstance(operation, dict) and {} in operation.get("security", []):
                operation["security"] = [one for one in operation["security"] if one]
    return document


def close(schema):
    """Objects have the members that are named, and no others."""
    if isinstance(schema, dict):
        if schema.get("type") == "object" and "properties" in schema:
            schema["additionalProperties"] = False
        for part in schema.values():
            close(part)
    elif isinstance(schema, list):
        for part in schema:
            close(part)


class Requests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.keyway = Keyway()
        cls.addClassCleanup(cls.keyway.close)
        cls.keyway.fill(50)
        # One change that is done, one on hold, and one that waits behind it.
        cls.keyway.told("PATCH", "/admin/nodes/n2?wait=30s", json={"weight": 2})
        cls.keyway.told("POST", "/add-server", json={"paused": True})
        cls.keyway.told("PATCH", "/admin/nodes/n3", json={"weight": 3})
        cls.before = cls.keyway.told("GET", "/admin/changes")["changes"]
        cls.code, cls.said, cls.answers = cls._made_up()

    @classmethod
    def _made_up(cls):
        with tempfile.TemporaryDirectory(prefix="keyway-openapi-") as folder:
            schema = Path(folder) / "openapi.yaml"
            schema.write_text(yaml.safe_dump(strict(openapi()), sort_keys=False))
            command = [Path(sys.executable).with_name("schemathesis"), "--config-file", HERE / "schemathesis.toml"]
            command += ["run", schema, "--url", cls.keyway.url, "--seed", SEED]
            command += ["--header", f"Authorization: Bearer {TOKEN}", "--header", f"Keyway-Secret: {SECRET}"]
            answers = Path(folder) / "answers"
            environment = os.environ | {
                "SCHEMATHESIS_HOOKS": "tests.interface.hooks",
                "PYTHONPATH": str(ROOT),
                "KEYWAY_TEST_ANSWERS": str(answers),
                "KEYWAY_TEST_URL": cls.keyway.url,
            }
            done = subprocess.run(
                [str(part) for part in command],
                cwd=folder, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False,
            )  # fmt: skip
            return done.returncode, done.stdout + done.stderr, Counter(answers.read_text().splitlines())

    def test_every_answer_is_as_the_document_says(self):
        self.assertEqual(self.code, 0, self.said)
        print(self.said[-1500:])

    @property
    def operations(self):
        return sum("operationId" in operation for path in openapi()["paths"].values() for operation in path.values())

    def test_every_operation_was_answered_with_success_and_most_with_a_refusal(self):
        statuses = {}
        for answer in self.answers:
            operation, status = answer.split()
            statuses.setdefault(operation, set()).add(int(status))
        # A node joins only when it runs, which tests/system sees to.
        statuses.pop("join")
        self.assertEqual({name for name, seen in statuses.items() if min(seen) >= 400}, set())
        self.assertEqual(len(statuses), self.operations - 1)
        self.assertGreater(sum(max(seen) >= 400 for seen in statuses.values()), 30)

    def test_no_order_was_carried_out(self):
        after = self.keyway.told("GET", "/admin/changes")["changes"]
        self.assertEqual({change["id"] for change in after}, {change["id"] for change in self.before})
        self.assertEqual(len(self.keyway.told("GET", "/admin/ring")["nodes"]), 3)

    def test_every_key_is_still_where_it_belongs(self):
        self.assertTrue(self.keyway.told("POST", "/admin/verify")["ok"])

    def test_the_proxy_did_not_complain(self):
        complaints = [line for line in self.keyway.log().splitlines() if "ERROR" in line or "panicked" in line]
        self.assertEqual(complaints, [])
