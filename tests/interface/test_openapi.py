"""docs/openapi.yaml beside docs/http.md: the same paths, methods and problems."""

import re
import unittest

import yaml
from openapi_spec_validator import validate

from tests.started import ROOT

from .keyway import Keyway

OPENAPI = ROOT / "docs/openapi.yaml"
HTTP = ROOT / "docs/http.md"
METHODS = ("get", "head", "put", "post", "patch", "delete", "options")
# What a proxy answers whatever the path is, or never.
OF_NO_OPERATION = {405, 421, 501}
NAMES = {"NAME": "{name}", "ID": "{id}"}


def openapi():
    return yaml.safe_load(OPENAPI.read_text())


def section(title):
    """The text of a section of docs/http.md, with those in it."""
    level = title.split(" ")[0]
    text = HTTP.read_text().split(f"\n{title}\n", 1)[1]
    return re.split(rf"\n#{{1,{len(level)}}} ", text)[0]


def path_of(text):
    """A path as OpenAPI writes it."""
    return "/".join(NAMES.get(part, part) for part in text.split("?")[0].split("/"))


def rows(text):
    """The cells of the rows of all tables."""
    lines = [line.strip("|") for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.split("|")] for line in lines]


def told_of_data():
    """Methods and paths of tables such as "| `PUT /kv?key=K`, the value as body | 201 .. |"."""
    for cells in rows(section("## Data")):
        for method, path in re.findall(r"`([A-Z]+) (/[^` ]*)", cells[0]):
            yield method.lower(), path_of(path)


def told_of_administration():
    """Methods and paths of the table of paths."""
    for cells in rows(section("## Administration")):
        if cells[0].startswith("`/") and len(cells) == 3:
            for path in re.findall(r"`(/[^`]+)`", cells[0] + cells[2]):
                for method in cells[1].split(", "):
                    yield method.lower(), path_of(path)


def problems_told(title):
    """Types and statuses of a table of problems."""
    found = set()
    for cells in rows(section(title)):
        if cells[1].isdigit():
            found |= {(name, int(cells[1])) for name in re.findall(r"`([^`]+)`", cells[0])}
    return {(name, status) for name, status in found if status not in OF_NO_OPERATION}


def problems_described(document, wanted):
    """Types and statuses of the operations whose tags are `wanted`."""
    found = set()
    for operations in document["paths"].values():
        for method, operation in operations.items():
            if method in METHODS and wanted(operation["tags"]):
                for status, response in operation["responses"].items():
                    found |= {(name, int(status)) for name in types_in(document, response)}
    return found


def types_in(document, response):
    if "$ref" in response:
        response = document["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
    schema = response.get("content", {}).get("application/problem+json", {}).get("schema", {})
    for part in schema.get("allOf", []):
        for name in part.get("properties", {}).get("type", {}).get("enum", []):
            yield name.removeprefix("urn:keyway:problem:")


class OpenApi(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.document = openapi()

    def described(self):
        return {
            (method, path)
            for path, operations in self.document["paths"].items()
            for method in operations
            if method in METHODS
        }

    def test_it_is_openapi(self):
        validate(self.document)

    def test_it_describes_every_path_and_method_of_http_md_and_no_other(self):
        told = set(told_of_data()) | set(told_of_administration())
        self.assertGreater(len(told), 20)
        # HEAD is where GET is, and OPTIONS is on every path of the data.
        usual = {"head", "options"}
        of_both = [{pair for pair in pairs if pair[0] not in usual} for pairs in (self.described(), told)]
        self.assertEqual(*of_both)

    def test_head_is_where_get_is(self):
        described = self.described()
        self.assertEqual({p for m, p in described if m == "head"}, {p for m, p in described if m == "get"})

    def test_it_has_the_problems_of_data_requests(self):
        described = problems_described(self.document, lambda tags: "data" in tags)
        self.assertEqual(described, problems_told("### Of data requests"))

    def test_it_has_the_problems_of_administration(self):
        described = problems_described(self.document, lambda tags: "data" not in tags)
        told = problems_told("### Of administration")
        self.assertEqual(told - described, set())
        # Before it is known to be an admin request, the proxy treats it as any other.
        self.assertEqual(described - told - problems_told("### Of data requests"), set())

    def test_the_version_is_that_of_the_program(self):
        keyway = Keyway(nodes=1)
        self.addCleanup(keyway.close)
        self.assertEqual(self.document["info"]["version"], keyway.told("GET", "/admin/stats.json")["version"])
