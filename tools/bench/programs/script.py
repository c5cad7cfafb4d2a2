# Dicts, strings, classes, generators, regular expressions and JSON, as scripts use them.
import json
import re
from collections import Counter

state = 12345


def draw():
    global state
    state ^= state << 13 & 0xFFFFFFFF
    state ^= state >> 17
    state ^= state << 5 & 0xFFFFFFFF
    return state


words = [f"w{draw() % 5000:x}" for _ in range(20000)]
print(json.dumps(sorted(Counter(words).items(), key=lambda item: (-item[1], item[0]))[:5]))


class Node:
    __slots__ = ("key", "left", "right")

    def __init__(self, key):
        self.key, self.left, self.right = key, None, None

    def insert(self, key):
        node = self
        while key != node.key:
            side = "left" if key < node.key else "right"
            below = getattr(node, side)
            if below is None:
                setattr(node, side, Node(key))
                return
            node = below

    def depth(self):
        below = [node.depth() for node in (self.left, self.right) if node]
        return 1 + max(below, default=0)


root = Node(1 << 31)
for _ in range(8000):
    root.insert(draw())
print(root.depth())


def primes():
    found = []
    n = 2
    while True:
        if all(n % p for p in found if p * p <= n):
            found.append(n)
            yield n
        n += 1


numbers = primes()
print(sum(next(numbers) for _ in range(700)))

text = " ".join(words[:8000])
text = re.sub(r"w([0-9a-f])([0-9a-f]*)", lambda m: m[2] + m[1], text).upper().replace(" ", "-")
digest = 0
for char in text:
    digest = (digest * 31 + ord(char)) & 0xFFFFFFFF
print(len(text), digest)

x, total = 0.5, 0.0
for _ in range(200000):
    x = 3.9 * x * (1 - x)
    total += x**0.5
print(f"{total:.6f}")
print(len(json.dumps(json.loads(json.dumps([{"w": w, "i": i} for i, w in enumerate(words[:6000])])))))
print(sum(int(c) for c in str(3**4000)))
