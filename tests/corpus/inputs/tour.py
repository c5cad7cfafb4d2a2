"""A walk through CPython: numbers, text, the standard library, exceptions, files, the exit status."""
import base64
import bisect
import datetime
import fractions
import functools
import hashlib
import itertools
import json
import os
import re
import struct
import sys
import textwrap
import zlib

print("python", ".".join(map(str, sys.version_info[:2])), sys.argv)
print(hashlib.sha1(b"wasm").hexdigest(), hashlib.blake2b(b"", digest_size=8).hexdigest())
print(2**200 % (10**40 + 7), divmod(-7, 3), float("1e-320"), 1e308 * 10, round(2.675, 2))
print(fractions.Fraction(355, 113) - fractions.Fraction(22, 7), 0.1 + 0.7, (2.5).hex())
print(json.loads('{"list": [1, -2.5e3, null, true], "text": "\\u00fcber"}'))
print(zlib.adler32(b"abc" * 5000), zlib.decompress(zlib.compress(b"abc" * 5000)) == b"abc" * 5000)
print(struct.unpack("<fIq", struct.pack("<fIq", 1.5, 4000000000, -9)), base64.b85encode(b"\0\1\2\3"))
print(re.sub(r"(?P<a>\w)(\w*)", r"\2\g<a>ay", "pig latin is fun"), "ß".upper(), "%08.3f" % -3.14159)
print(datetime.date(2000, 2, 29) + datetime.timedelta(days=366), bisect.bisect([1, 3, 5, 7], 4))
print(list(itertools.accumulate(range(1, 9), lambda a, b: a * b)), functools.reduce(max, [3, 9, 4]))


@functools.lru_cache(None)
def ways(total, coins):
    """How many ways there are to pay."""
    if total == 0:
        return 1
    return sum(ways(total - coins[0] * k, coins[1:]) for k in range(total // coins[0] + 1)) if coins else 0


print(ways(200, (200, 100, 50, 20, 10, 5, 2, 1)))


def numbers():
    """A generator that is sent values."""
    got = None
    while got != "stop":
        got = yield (got or 0) * 2


stream = numbers()
print(next(stream), stream.send(4), stream.send(21))
try:
    {}["missing"]
except KeyError as error:
    print("KeyError", error)


def deeper(n):
    """Recurses until Python's own limit."""
    return deeper(n + 1)


try:
    deeper(0)
except RecursionError:
    print("too deep")

os.mkdir("/made")
with open("/made/report.txt", "w", encoding="utf-8") as file:
    file.write(textwrap.fill("one line after another " * 8, 40) + "\n")
print(sorted(os.listdir("/made")), os.stat("/made/report.txt").st_size)
try:
    os.rmdir("/made")
except OSError as error:
    print(type(error).__name__)
sys.stderr.write("to standard error\n")
sys.exit(5)
