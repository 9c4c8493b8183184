"""The JSON form through Python's `requests`, as clients of the HAProxy set-up sent it.

Usage: requests_api.py http://127.0.0.1:5000
"""

import sys

try:
    import requests
except ImportError:
    sys.exit("The Python package `requests` is missing: run tests/run, which sets it up, or pip install requests.")

KEYS = [
    "plain",
    "with space",
    "a+b",
    "a&b=c",
    "100%",
    "%41",
    "key=value&key=other",
    "path/with?query#fragment",
    "schlüssel",
    "日本語",
    "\U0001f511",
    "x" * 1024,
    "ü" * 512,
    "+ +&%=;,/?:@",
]


def main(base):
    session = requests.Session()
    for number, key in enumerate(KEYS):
        value = f"value {number} of {key[:20]} ✓"
        answer = session.post(f"{base}/put", params={"key": key}, json={"value": value})
        expect(answer, 200, {"status": "success"})
    for number, key in enumerate(KEYS):
        value = f"value {number} of {key[:20]} ✓"
        answer = session.get(f"{base}/get", params={"key": key})
        expect(answer, 200, {"status": "success", "value": value})
        raw = session.get(f"{base}/kv", params={"key": key})
        assert raw.content.decode() == value, (key, raw.content)
    for key in KEYS:
        expect(session.delete(f"{base}/del", params={"key": key}), 200, {"status": "success"})
        assert session.get(f"{base}/get", params={"key": key}).status_code == 404, key
        assert session.delete(f"{base}/del", params={"key": key}).status_code == 404, key
    too_long = session.get(f"{base}/get", params={"key": "ü" * 512 + "x"})
    assert too_long.status_code == 400 and "1024" in too_long.text, too_long.text
    print(f"{len(KEYS)} keys stored, read and deleted")


def expect(answer, status, body):
    assert answer.status_code == status, (answer.request.url, answer.status_code, answer.text)
    assert answer.json() == body, (answer.request.url, answer.json(), body)


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"))
