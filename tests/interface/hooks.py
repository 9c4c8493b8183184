"""What schemathesis does before and after each request.

A run must end and be repeatable: orders only say what they would do, a change on hold stays on hold, and no address but
this machine's is asked. Which operation was answered how is written down, so that a test can tell whether each was tried
with success.
"""

import os
import re

import requests
import schemathesis

ORDERS = {"addServer", "removeServer", "reweightNode"}
WANT_A_RECORD = {"getValue", "headValue", "deleteValue", "getText", "headText", "deleteText"}
# What a switch may be; another text is refused, and is to be seen to be refused.
SWITCH = {"", "true", "1", "false", "0"}
# Nobody listens there, and only root could.
NOBODY = "http://127.0.0.1:1"
TAGS = re.compile(r'\*|(W/)?"[!#-~]*"(, ?(W/)?"[!#-~]*")*')


@schemathesis.hook
def before_call(_context, case, _arguments):
    name = operation(case)
    # A request that repeats another one, to see what is said to it without the token, has no story of its own.
    if case.meta and case.meta.generation.mode.is_positive:
        mend_tags(case)
    if name in ORDERS:
        only_try(case)
    if name in WANT_A_RECORD and case.meta and case.meta.phase.name.value != "stateful":
        sometimes_write(case)
    if isinstance(case.body, dict):
        settle(name, case.body)


@schemathesis.hook
def after_call(_context, case, response):
    # A request with another method than the operation has is no try of it.
    if case.method == case.operation.method.upper():
        with open(os.environ["KEYWAY_TEST_ANSWERS"], "a", encoding="utf-8") as answers:
            print(operation(case), response.status_code, file=answers)


def operation(case):
    return case.operation.definition.raw.get("operationId")


def mend_tags(case):
    """What schemathesis takes for tags in its phase `coverage` is not always of their pattern."""
    for field, usual in {"If-Match": "*", "If-None-Match": '"0123456789abcdef"'}.items():
        value = (case.headers or {}).get(field)
        if value is not None and not TAGS.fullmatch(value):
            case.headers[field] = usual


def only_try(case):
    query = dict(case.query or {})
    asked = query.get("dry_run")
    if not isinstance(asked, str) or asked in SWITCH:
        query["dry_run"] = "true"
    case.query = query


def sometimes_write(case):
    """Half of the keys are there when they are read or removed; those that are made up never would be."""
    key = (case.query or {}).get("key")
    if isinstance(key, str) and 0 < len(key) < 256 and len(key) % 2 == 0:
        requests.put(os.environ["KEYWAY_TEST_URL"] + "/kv", params={"key": key}, data=b"text", timeout=30)


def settle(name, body):
    for member, value in body.items():
        # To a schema 2.0 is a whole number, to the proxy it is none.
        if isinstance(value, float) and value.is_integer():
            body[member] = int(value)
    if name == "adjustChange" and body.get("paused") is False:
        body["paused"] = True
    if re.fullmatch(r"http://[A-Za-z0-9_.:\[\]-]+/?", str(body.get("url", ""))):
        body["url"] = NOBODY
    if name in ("join", "leave") and re.fullmatch("[0-9a-f]{32}", str(body.get("id", ""))):
        # Of no node: one whose identity was seen in an answer would be removed.
        body["id"] = "0" * 32
    if name == "addServer" and {"name", "erase"} & body.keys():
        # Otherwise it is no order, which a schema can say and its reader does not always heed.
        body.setdefault("url", NOBODY)
