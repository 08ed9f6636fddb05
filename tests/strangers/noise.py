"""What a hostile or broken client may say: texts that are nearly messages of twin.v1, and bytes that are nearly a websocket's.

Everything comes from a `random.Random`, so a seed says it all.
"""

import itertools
import json
import struct
from random import Random
from typing import Any

NUMBERS: list[Any] = [
    0,
    -1,
    1,
    2,
    0.5,
    59.94,
    2**31,
    2**32,
    2**53 + 1,
    2**63 - 1,
    2**63,
    2**64,
    10**40,
    -(2**63) - 1,
]
NUMBERS += [1e308, -1e308, 5e-324, -0.0, 1e15, 1e16]
WORDS = [
    "",
    "e1",
    "pose",
    "style",
    "x" * 600,
    "\x00",
    "\ud7ff",
    "𝕏" * 40,
    "/World/**",
    "**",
    "/**/" * 200,
    "[",
    "[!",
    "[]a]",
    "[z-a]",
    "[[a]",
    "[a--b]",
    "[a&&b]",
    "[a||~~b]",
]
WORDS += [
    "*" * 511,
    "/World/[A-",
    "(a+)+$",
    "\\",
    "../../etc",
    "line1.*",
    "{0}",
    "%s%n",
    "null",
    "<script>",
    "twk_" + "a" * 52,
]
BARE = [
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "1e-999",
    "9" * 400,
    "01",
    "+1",
    ".5",
    "0x10",
    "tru",
    "'a'",
    '"\\ud800"',
    '"\\u0000"',
]
KINDS = [
    "hello",
    "ready",
    "ack",
    "pause",
    "resume",
    "ping",
    "interest",
    "rate",
    "digest",
    "command",
    "bye",
    "welcome",
    "",
    "Hello",
]
CODES = frozenset({1000, 1002, 1003, 1007, 1009, 1011, 1012, 1013, 4400, 4401, 4406, 4408, 4409, 4429})
"""With which a server may close."""


class Talker:
    """One client after another, good for a while each."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.manners = 0.4
        """Share of its messages that are right."""
        self.seq = 0
        """Newest tick that it was sent: so that acks are right now and then."""

    def session(self) -> list[str | bytes]:
        """What one client says: mostly something decent first, or its session would end before it began."""
        random = self.random
        out: list[str | bytes] = []
        self.manners = random.choice([0.97, 0.97, 0.9, 0.4])
        if random.random() < 0.9:
            out.append(self.hello())
            if random.random() < 0.9:
                out.append('{"type":"ready","revision":0}')
        if random.random() < 0.05:  # a flood of one kind
            flood = random.choice(
                [
                    '{"type":"ping","t":1}',
                    '{"type":"digest"}',
                    '{"type":"rate","hz":5}',
                    '{"type":"ready","revision":7}',
                ]
            )
            return [*out, *[flood] * 100]
        return [*out, *(self.message() for _ in range(random.randrange(1, 60)))]

    def hello(self) -> str:
        caps = [cap for cap in ("delta", "zstd", "digest", "more") if self.random.random() < 0.6]
        hello: dict[str, Any] = {"type": "hello", "caps": caps}
        if self.random.random() < 0.05:
            hello["protocol"] = {
                "min": self.random.choice([-1, 2, 10**400]),
                "max": self.random.choice([1, 10**400]),
            }
        if self.random.random() < 0.3:
            hello["have"] = {"epoch": "e1", "revision": 0, "seq": self.random.randrange(50)}
        return json.dumps(hello)

    def message(self) -> str | bytes:
        if self.random.random() < self.manners:
            return json.dumps(self.decent())
        kind = self.random.randrange(4)
        if kind < 2:
            return json.dumps(self.odd()) if kind else self.rubbish()
        return self.scratched(json.dumps(self.decent() if kind == 2 else self.odd()))

    def decent(self) -> dict[str, Any]:
        """A message as the page has it."""
        random = self.random
        kind = random.choice(["ack"] * 6 + KINDS[3:9] + ["ready", "interest", "other"])
        more: dict[str, Any] = {}
        if kind == "ack":
            more = {"seq": max(0, self.seq - random.choice([0, 0, 0, 1, 5]))}
            more |= {
                "fps": random.choice([60, 0, -1, None]),
                "applyMs": random.choice([2.5, 1e300, -4, None]),
            }
        elif kind == "ping":
            more = {"t": random.choice([0, 12.5, 1e300, -7])}
        elif kind == "rate":
            more = {"hz": random.choice([None, 0.001, 10, 1e9])}
        elif kind == "ready":
            more = {"revision": 0}
        elif kind == "interest":
            more = self.interest()
        return {"type": kind, **more}

    def interest(self) -> dict[str, Any]:
        random = self.random

        def words() -> list[str] | None:
            return (
                [random.choice(WORDS) for _ in range(random.randrange(4))] if random.random() < 0.6 else None
            )

        view = None
        if random.random() < 0.4:
            direction = [random.choice([0, 1, -1, 1e-300, 1e14]) for _ in range(3)]
            view = {
                "position": [random.choice([0, 1, 1e14, 1e300]) for _ in range(3)],
                "direction": direction,
            }
            view |= {
                "verticalFov": random.choice([0.8, 1e-12, 7, 3.2]),
                "aspect": random.choice([1, 1e-9, 1e9]),
            }
            view |= {"far": random.choice([None, 0, 10, -5, 1e14])}
        return {"prims": words(), "labels": words(), "signals": words(), "view": view}

    def odd(self) -> Any:
        """Something that JSON can say, in the shape of a message."""
        fields = [
            "type",
            "protocol",
            "token",
            "want",
            "caps",
            "have",
            "interest",
            "rate",
            "revision",
            "seq",
            "t",
            "hz",
        ]
        fields += [
            "fps",
            "applyMs",
            "prims",
            "labels",
            "signals",
            "view",
            "min",
            "max",
            "epoch",
            "position",
            "direction",
            "far",
        ]
        chosen = self.random.sample(fields, self.random.randrange(1, 9))
        made: dict[str, Any] = {name: self.value(3) for name in chosen}
        if self.random.random() < 0.9:
            made["type"] = self.random.choice(KINDS)
        return made if self.random.random() < 0.9 else self.value(4)

    def value(self, depth: int) -> Any:
        random = self.random
        kind = random.randrange(8 if depth else 5)
        if kind < 2:
            return random.choice(NUMBERS)
        if kind < 4:
            return random.choice(WORDS)
        if kind == 4:
            return random.choice([None, True, False])
        if kind < 7:
            return [
                self.value(depth - 1) for _ in range(random.choice([0, 1, 2, 3, 70]) if depth == 1 else 3)
            ]
        return {random.choice(WORDS): self.value(depth - 1) for _ in range(3)}

    def scratched(self, text: str) -> str:
        """A text with one to four pieces gone, doubled, or replaced."""
        random = self.random
        for _ in range(random.randrange(1, 5)):
            a = random.randrange(len(text) + 1)
            b = min(len(text), a + random.choice([0, 1, 1, 2, 8, 40]))
            new = random.choice(
                [
                    "",
                    "",
                    text[a:b] * 2,
                    random.choice(BARE),
                    chr(random.randrange(0xD800)),
                    random.choice('{}[],:"\\'),
                ]
            )
            text = text[:a] + new + text[b:]
        return text

    def rubbish(self) -> str | bytes:
        random = self.random
        deep = random.choice([5, 500, 20_000])
        kind = random.randrange(9)
        if kind == 0:
            return random.randbytes(random.choice([0, 1, 56, 300]))
        if kind == 1:
            return "[" * deep + "]" * random.choice([0, deep])
        if kind == 2:
            return '{"type":' * deep + "1" + "}" * deep
        if kind == 3:
            return '{"type":"ack","seq":' + random.choice(BARE) + "}"
        if kind == 4:
            return '{"type":"ping","t":' + random.choice(BARE) + "}"
        if kind == 5:
            return '{"type":"x","a":' + "[" * deep + "]" * deep + "}"
        if kind == 6:
            return json.dumps(
                {"type": "interest", "prims": [random.choice(WORDS)] * random.choice([64, 65, 3000])}
            )
        if kind == 7:
            return '{"type":"ack","seq":1' * random.choice([2, 900])
        return "".join(chr(random.randrange(0xD800)) for _ in range(random.randrange(60)))


# --- bytes ------------------------------------------------------------------------------------------------------------


def ws_frame(random: Random, body: bytes, first: int = 0x81) -> bytes:
    """A client's frame, as it should be."""
    n, key = len(body), random.randbytes(4)
    size = (
        bytes([0x80 | n])
        if n < 126
        else b"\xfe" + struct.pack(">H", n)
        if n < 1 << 16
        else b"\xff" + struct.pack(">Q", n)
    )
    return (
        bytes([first]) + size + key + bytes(a ^ b for a, b in zip(body, itertools.cycle(key), strict=False))
    )


class Breaker:
    """Bytes of a websocket after its handshake, some of them wrong."""

    def __init__(self, random: Random, talker: Talker) -> None:
        self.random, self.talker = random, talker

    def frame(self) -> bytes:
        """One message, mostly within the rules of the frames around it."""
        random = self.random
        message = self.talker.message()
        body, first = (message.encode(), 0x81) if isinstance(message, str) else (message, 0x82)
        if len(body) > 70_000:
            body = body[:70_000]
        kind = random.randrange(24)
        if kind < 12:
            return ws_frame(random, body, first)
        if kind < 15:
            return self.fragments(body, first)
        return self.wrong(kind, body, first)

    def fragments(self, body: bytes, first: int) -> bytes:
        """The same in pieces, some of them empty, with control frames in between."""
        random = self.random
        cuts = sorted(random.randrange(len(body) + 1) for _ in range(random.randrange(1, 6)))
        pieces = [body[a:b] for a, b in itertools.pairwise([0, *cuts, len(body)])]
        out = []
        for k, piece in enumerate(pieces):
            kind = (first & 0x0F if k == 0 else 0) | (0x80 if k == len(pieces) - 1 else 0)
            out.append(ws_frame(random, piece, kind))
            if random.random() < 0.3:
                out.append(
                    ws_frame(random, random.randbytes(random.randrange(126)), random.choice([0x89, 0x8A]))
                )
        return b"".join(out)

    def wrong(self, kind: int, body: bytes, first: int) -> bytes:
        random = self.random
        good = ws_frame(random, body, first)
        size = random.choice([0, 1, 125, 126, 65_535, 65_536, 2**31, 2**62, 2**63, 2**64 - 1])
        if kind == 15:  # not masked
            return bytes([first, min(len(body), 125)]) + body[:125]
        if kind == 16:  # bits and kinds that there are not: compression among them
            return bytes([random.randrange(256)]) + good[1:]
        if kind == 17:  # a length that is none, or longer than all messages
            return (
                bytes([first, 0x80 | random.choice([126, 127])])
                + struct.pack(">Q", size)
                + random.randbytes(20)
            )
        if kind == 18:  # a length in more bytes than it needs
            return bytes([first, 0xFF]) + struct.pack(">Q", len(body)) + good[-len(body) - 4 :]
        if kind == 19:  # control frames that are too long or in pieces
            return ws_frame(
                random,
                random.randbytes(random.choice([125, 126, 4000])),
                random.choice([0x88, 0x89, 0x8A, 0x09, 0x0A]),
            )
        if kind == 20:  # a close, with and without a code that may be sent
            code = random.choice(
                [b"", b"\x03", struct.pack(">H", random.choice([999, 1000, 1005, 1006, 3000, 4400, 65_535]))]
            )
            return ws_frame(
                random, code + random.choice([b"", b"bye", b"\xff\xfe"]) if len(code) > 1 else code, 0x88
            )
        if kind == 21:  # not UTF-8, short and long
            return ws_frame(random, b"\xff\xc0" * random.choice([1, 60, 400]), 0x81)
        if kind == 22:  # the next piece of nothing
            return ws_frame(random, body, random.choice([0x00, 0x80]))
        return random.randbytes(random.randrange(1, 400))

    def connection(self) -> tuple[bytes, int]:
        """All that one client sends, and how many messages and frames that is; the end may be missing."""
        random = self.random
        said = [] if random.random() < 0.1 else [ws_frame(random, self.talker.hello().encode())]
        if random.random() < 0.9:
            said.append(ws_frame(random, b'{"type":"ready","revision":0}'))
        said += [self.frame() for _ in range(random.randrange(1, 14))]
        data = b"".join(said)
        return (data[: random.randrange(len(data))] if random.random() < 0.3 else data), len(said)
