#!/usr/bin/env python3
"""Known answers about the ring from another implementation of XXH3 and another way to look up an owner.

    pip install xxhash
    python3 proxy/hashring/tests/vectors/generate.py            writes ring.json beside this file
    python3 proxy/hashring/tests/vectors/generate.py --check    fails when ring.json is not what it would write

The vectors are frozen. A difference means that keys would be looked for on nodes that do not have them: then
the code is wrong, not the file. The file changes only together with the format byte of the digest.
"""

import argparse
import bisect
import json
import pathlib
import struct
import sys

import xxhash

COMMAND = "python3 proxy/hashring/tests/vectors/generate.py"
FILE = pathlib.Path(__file__).with_name("ring.json")
RING = 2**64
POINTS = 4096
FORMAT = 1
KEYS = [f"key{i}" for i in range(1000)]

# XXH3 reads 1-3, 4-8, 9-16, 17-128, 129-240 and more bytes in six different ways; 1024 is the longest key.
LENGTHS = [0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 31, 32, 33, 64, 96, 127, 128, 129, 160, 239, 240, 241, 256,
           511, 512, 513, 1023, 1024]

# Two nodes of weight 1 with one point in common. XXH3 of eight bytes can be inverted, so points of longer names
# were turned into eight bytes each until these were a name of three letters, zero, and a number below 4096.
TIE = [("d77", 1526), ("n6325551", 1386)]


def position(key: bytes) -> int:
    return xxhash.xxh3_64_intdigest(key, seed=0)


def point(name: str, i: int) -> int:
    return position(name.encode() + b"\0" + struct.pack("<I", i))


class Ring:
    """`members` maps names to weights."""

    def __init__(self, members, points=POINTS):
        self.points = points
        self.members = dict(sorted(members.items()))
        self.all = sorted((point(name, i), name) for name, weight in members.items() for i in range(points * weight))

    def owner(self, at: int) -> str:
        first = bisect.bisect_left(self.all, (at, ""))
        return self.all[first % len(self.all)][1]

    def replicas(self, at: int, k: int):
        first, found = bisect.bisect_left(self.all, (at, "")), []
        for step in range(len(self.all)):
            name = self.all[(first + step) % len(self.all)][1]
            if name not in found:
                found.append(name)
            if len(found) == k:
                break
        return found

    def sizes(self):
        sizes = dict.fromkeys(self.members, 0)
        before = self.all[-1][0] - RING
        for at, name in self.all:
            sizes[name] += at - before
            before = at
        return sizes

    def digest(self, copies: int) -> str:
        text = struct.pack("<BIB", FORMAT, self.points, copies)
        for name, weight in self.members.items():
            text += name.encode() + b"\0" + struct.pack("<H", weight)
        return f"{xxhash.xxh3_128_intdigest(text):032x}"


def moved(old: Ring, new: Ring):
    """How many positions go from one node to another, for each pair."""
    cuts = sorted({at for at, _ in old.all} | {at for at, _ in new.all})
    sizes, before = {}, cuts[-1] - RING
    for cut in cuts:
        pair = (old.owner(cut), new.owner(cut))
        if pair[0] != pair[1]:
            sizes[pair] = sizes.get(pair, 0) + cut - before
        before = cut
    return [[source, target, str(size)] for (source, target), size in sorted(sizes.items())]


def described(ring: Ring):
    sizes = ring.sizes()
    return {
        "points": ring.points,
        "members": [[name, weight, str(sizes[name])] for name, weight in ring.members.items()],
        "digests": [ring.digest(copies) for copies in (1, 2)],
        "owners": [ring.owner(position(key.encode())) for key in KEYS],
        "replicas": [ring.replicas(position(key.encode()), 3) for key in KEYS[:50]],
    }


def vectors():
    ten = {f"n{i}": 1 for i in range(1, 11)}
    even = Ring(ten)
    weighted = Ring({"n1": 1, "n2": 2, "n3": 3, "drained": 0, "a.b_c-d": 1, "x" * 63: 1}, points=100)
    tied = Ring({name: 1 for name, _ in TIE})
    bytes_of = lambda length: bytes((length + 37 * i) % 256 for i in range(length))
    keys = [bytes_of(length) for length in LENGTHS] + [b"a b", b"\0", b"\xff\xfe", "é".encode(), b"user:42"]
    return {
        "made_by": f"{COMMAND} (do not edit; --check compares)",
        "positions": [[key.hex(), f"{position(key):016x}"] for key in keys],
        "points": [[name, i, f"{point(name, i):016x}"]
                   for name in ["n1", "n2", "n10", "0", "node-with.a_longer-name", "x" * 63]
                   for i in [0, 1, 2, 255, 256, 4095, 4096, 2**20 - 1]],
        "rings": {"even": described(even), "weighted": described(weighted)},
        "added_n11": moved(even, Ring(ten | {"n11": 1})),
        "removed_n4": moved(even, Ring({name: weight for name, weight in ten.items() if name != "n4"})),
        "tie": {
            "position": f"{point(*TIE[0]):016x}",
            "points": TIE,
            "owner": tied.owner(point(*TIE[0])),
            "ring": described(tied),
        },
    }


def written(value, depth=0):
    """JSON with one line per row: lists without objects are filled up to the width of a page."""
    pad = "  " * (depth + 1)
    if isinstance(value, dict):
        rows = [f"{pad}{json.dumps(name)}: {written(one, depth + 1)}" for name, one in value.items()]
        return "{\n" + ",\n".join(rows) + "\n" + "  " * depth + "}"
    if not isinstance(value, (list, tuple)):
        return json.dumps(value)
    lines, line = [], pad
    for one in value:
        text = json.dumps(one) + ", "
        if line.strip() and len(line) + len(text) > 110:
            lines.append(line.rstrip())
            line = pad
        line += text
    lines.append(line.rstrip(", "))
    return "[\n" + "\n".join(lines) + "\n" + "  " * depth + "]"


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--check", action="store_true", help="compare with ring.json instead of writing it")
    text = written(vectors()) + "\n"
    if not options.parse_args().check:
        FILE.write_text(text, encoding="utf-8")
    elif not FILE.exists() or FILE.read_text(encoding="utf-8") != text:
        sys.exit(f"{FILE.name} differs from what {COMMAND} writes")


# The two points that the design names; if these fail, nothing below them is worth writing.
assert (point("n1", 0), point("n1", 1)) == (0xC39CE7446EE20C42, 0x3AE253C6EC8278ED)
assert point(*TIE[0]) == point(*TIE[1])

if __name__ == "__main__":
    main()
