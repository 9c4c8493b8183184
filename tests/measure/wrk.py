"""wrk: so many connections, as many requests as the other side answers."""

import base64
import re
import subprocess
import threading
from http.client import HTTPConnection

from .machine import OTHER_CORE

VALUE = "x" * 100
# What a run may take beyond its own length: with many connections it ends late.
PATIENCE = 120

# What is asked of whom: the Lua function that makes the next request for key number `n`.
REQUESTS = {
    "get": 'return wrk.format("GET", "/kv?key=key" .. n)',
    "put": f'return wrk.format("PUT", "/kv?key=key" .. n, nil, "{VALUE}")',
    "webdis-get": 'return wrk.format("GET", "/GET/key" .. n)',
    "webdis-put": f'return wrk.format("PUT", "/SET/key" .. n, nil, "{VALUE}")',
    # Keys and values are base64 there. Key numbers are padded, so that three digits make four letters.
    "etcd-get": 'return wrk.format("POST", "/v3/kv/range", nil, string.format(\'{"key":"%s"}\', key(n)))',
    "etcd-put": 'return wrk.format("POST", "/v3/kv/put", nil, string.format(\'{"key":"%s","value":"'
                + "eHh4" * 34 + '"}\', key(n)))',
}
PRELUDE = """
local letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
-- The base64 form of nine digits.
function key(n)
  local text, out = string.format("%09d", n), ""
  for at = 1, 9, 3 do
    local a, b, c = text:byte(at, at + 2)
    local bits = a * 65536 + b * 256 + c
    for shift = 18, 0, -6 do
      local six = math.floor(bits / 2 ^ shift) % 64
      out = out .. letters:sub(six + 1, six + 1)
    end
  end
  return out
end
"""


def run(folder, port, what, connections, seconds, keys, cores=(OTHER_CORE,)):
    """One run: requests, requests a second, p50 and p99 in milliseconds, and how many were not answered with success."""
    script = folder / f"{what}.lua"
    script.write_text(
        f"{PRELUDE}\nrequest = function()\n  local n = math.random(0, {keys - 1})\n  {REQUESTS[what]}\nend\n"
        'done = function(summary, latency)\n'
        '  io.write(string.format("SUM %d %d %f %f %d\\n", summary.requests, summary.duration,\n'
        "    latency:percentile(50) / 1000, latency:percentile(99) / 1000,\n"
        "    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write\n"
        "      + summary.errors.timeout))\nend\n"
    )
    # Its own patience of two seconds is too short for ten thousand connections.
    command = ["taskset", "-c", ",".join(map(str, cores)), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s",
               "--timeout", "10s", "-s", script, f"http://127.0.0.1:{port}"]
    said = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=True, timeout=seconds + PATIENCE
    ).stdout
    requests, duration, p50, p99, errors = map(float, re.search(r"SUM (.*)", said).group(1).split())
    return {"requests": requests, "rate": requests / duration * 1e6, "p50": p50, "p99": p99, "errors": errors}


def stored(api, number):
    """The request that stores a key: method, path, body.

    >>> stored("webdis", 7)[:2]
    ('PUT', '/SET/key7')
    >>> stored("etcd", 7)[2][:24]
    '{"key":"MDAwMDAwMDA3","v'
    """
    if api == "etcd":
        key = base64.b64encode(b"%09d" % number).decode()
        return "POST", "/v3/kv/put", f'{{"key":"{key}","value":"{"eHh4" * 34}"}}'
    return "PUT", f"/SET/key{number}" if api == "webdis" else f"/kv?key=key{number}", VALUE


def preload(port, keys, api="kv"):
    """Stores every key once."""

    def part(first):
        connection = HTTPConnection("127.0.0.1", port)
        for number in range(first, keys, 32):
            method, path, body = stored(api, number)
            connection.request(method, path, body=body)
            answer = connection.getresponse()
            answer.read()
            assert answer.status in (200, 201, 204), answer.status

    threads = [threading.Thread(target=part, args=(first,)) for first in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
