"""The twin's side of questions: its state, the scene and its files, and calls that a relay's clients make.

A question is a JSON head with `op`, and bytes. Long answers come in pieces: `size` says how long the whole is, and the same
question with `offset` and the `id` of the first answer brings the next piece.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import MutableMapping
from typing import Any

from fastapi import FastAPI

from twinstage.base.clock import Clock
from twinstage.sync import messages as m
from twinstage.sync.access.gate import CALLED_BY
from twinstage.sync.access.roles import ROLES, Identity, Role
from twinstage.sync.access.routes import Routes
from twinstage.sync.assets import AssetStore
from twinstage.sync.edits import needed_for
from twinstage.sync.hub import Hub
from twinstage.sync.messages import CHANNELS, Interest
from twinstage.sync.relay.envelope import CHUNK, EnvelopeError, pack, unpack
from twinstage.sync.relay.publisher import Publisher

FORWARDED = ("/api/", "/camera/", "/stage.usdz")
"""Beginnings of the paths that a relay passes on."""
COMMAND_S = 12.0
"""How long a command may take [s]."""
MOST_ANSWER = 32 << 20
"""Longest answer to a call [B]."""
_KEPT, _KEPT_S = 8, 60.0
"""Long answers that are kept while they are taken, and for how long [s]."""


class Answers:
    """Who answers a relay. `top`: the highest role that a relay's client may have here."""

    def __init__(
        self, hub: Hub, publisher: Publisher, app: FastAPI, clock: Clock, *, top: Role = Role.VIEWER
    ) -> None:
        self._hub, self._publisher, self._app, self._clock = hub, publisher, app, clock
        self._top = top
        self._store = AssetStore(hub)
        self._routes = Routes()
        self._kept: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._made = 0
        self.asked = 0

    async def answer(self, question: bytes) -> bytes:
        """Never raises for what is asked."""
        self.asked += 1
        try:
            ask, body = unpack(question)
        except EnvelopeError as error:
            return pack({"error": str(error), "status": 400})
        if "offset" in ask:
            return self._piece(str(ask.get("id")), ask["offset"])
        work = {
            "state": self._state,
            "clock": self._time,
            "asset": self._asset,
            "http": self._http,
            "command": self._command,
            "control": self._control,
        }.get(str(ask.get("op")))
        if work is None:
            return pack({"error": f"there is no question {ask.get('op')!r}", "status": 404})
        try:
            head, data = await work(ask, body)
        except TimeoutError:
            return pack({"error": "that took too long", "status": 503})
        except (KeyError, TypeError, ValueError) as error:
            return pack({"error": f"a question that is not understood: {error}", "status": 400})
        return self._whole(head, data)

    # ------------------------------------------------------------------ pieces

    def _whole(self, head: dict[str, Any], data: bytes) -> bytes:
        """The answer, or its first piece. `same` in the head: a name of what all who ask get alike, so that it is kept once."""
        same = head.pop("same", None)
        if len(data) <= CHUNK:
            return pack(head | {"size": len(data)}, data)
        self._made += 1
        name = f"{self._hub.epoch}.{self._made if same is None else same}"
        self._kept[name] = time.monotonic(), data
        self._kept.move_to_end(name)
        self._forget()
        return pack(head | {"size": len(data), "id": name}, data[:CHUNK])

    def _piece(self, name: str, offset: Any) -> bytes:
        self._forget()
        if name not in self._kept or type(offset) is not int or offset < 0:
            return pack({"error": "that answer is no longer kept; ask anew", "status": 410})
        data = self._kept[name][1]
        return pack({"size": len(data)}, data[offset : offset + CHUNK])

    def _forget(self) -> None:
        """What was made first, where there is too much, and what is old."""
        now = time.monotonic()
        while self._kept and (len(self._kept) > _KEPT or now - next(iter(self._kept.values()))[0] > _KEPT_S):
            self._kept.popitem(last=False)

    # ------------------------------------------------------------------ what is asked

    async def _state(self, ask: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        """All that changed since what the relay has, or a keyframe; both from one moment."""
        hub, have = self._hub, ask.get("have") or {}
        same = (have.get("epoch"), have.get("revision")) == (hub.epoch, hub.revision)
        base = int(have["seq"]) if same and int(have["seq"]) <= hub.seq else None
        view = hub.view(frozenset(CHANNELS), Interest())
        messages = hub.tiers[0].messages(base, view, delta=False, zstd=True)
        missed = int(ask["n"]) if ask.get("epoch") == hub.epoch else self._publisher.n
        head = {
            "epoch": hub.epoch,
            "revision": hub.revision,
            "seq": hub.seq,
            "n": self._publisher.n,
            "edits": hub.edits(),
            "events": hub.events,
            "serves": hub.serves,
            "ns": str(self._clock.now_ns()),
            "told": [message for n, message in self._publisher.told if n > missed],
            "same": f"state.{hub.revision}.{hub.seq}.{base}",
        }
        return head, b"".join(messages)

    async def _time(self, ask: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        return {"epoch": self._hub.epoch, "ns": str(self._clock.now_ns())}, b""

    async def _asset(self, ask: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        """A file of the scene, gzipped where that helps."""
        kind, name = ask["kind"], str(ask.get("name", ""))
        if kind == "scene":
            found = await asyncio.to_thread(self._store.scene)
        elif kind == "glb":
            geometry = await asyncio.to_thread(self._store.geometry, name)
            if geometry is None:
                return {"error": f"no prototype has the hash {name[:80]!r}", "status": 404}, b""
            found = geometry
        else:
            texture = self._store.texture(name)
            if texture is None:
                return {"error": f"no texture has the hash {name[:80]!r}", "status": 404}, b""
            found = texture
        head = {
            "type": found.content_type,
            "etag": found.etag,
            "zipped": found.zipped is not None,
            "same": found.etag,
        }
        return head, found.data if found.zipped is None else found.zipped

    async def _command(self, ask: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        """What a relay's client wants changed, as if it had said so here."""
        take = self._hub.take_command
        if take is None:
            return {"error": "nothing can be changed through this server", "status": 404}, b""
        needed = needed_for(str(ask["fields"].get("kind")))
        if needed > self._top:
            words = f"this twin lets nobody do through a relay what needs the role {needed.word}"
            return {
                "error": f"{words}: connect to the twin itself, or ask for --relay-role there",
                "status": 403,
            }, b""
        done: asyncio.Future[m.Answer] = asyncio.get_running_loop().create_future()

        def told(answer: m.Answer) -> None:
            if not done.done():
                done.set_result(answer)

        fields: dict[str, Any] = dict(ask["fields"])
        take(fields, self._who(ask), told, int(asyncio.get_running_loop().time() * 1e9))
        async with asyncio.timeout(COMMAND_S):
            return {}, m.to_text(await done).encode()

    async def _control(self, ask: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        """What a relay's client did with a control of a program, as if it had been done here."""
        take = self._hub.take_control
        if take is None:
            return {"error": "controls do not work through this server", "status": 404}, b""
        fields: dict[str, Any] = dict(ask["fields"])
        refused: list[str] = []
        take(fields, self._who(ask), refused.append, int(asyncio.get_running_loop().time() * 1e9))
        return {"refused": refused[0] if refused else None}, b""

    async def _http(self, ask: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        """A call, as if the relay's client had made it here; this server's own gate decides whether its role may."""
        method, path, query = str(ask["method"]), str(ask["path"]), str(ask.get("query", ""))
        line = self._routes.line(method, path)
        if line is None or line.role is None or not path.startswith(FORWARDED) or path.endswith(".mjpg"):
            return {"error": f"there is no {method} {path[:200]} through a relay", "status": 404}, b""
        headers = [(str(k).encode("latin-1"), str(v).encode("latin-1")) for k, v in ask.get("headers", [])]
        headers.append((b"host", b"127.0.0.1"))
        if body:
            headers.append((b"content-length", str(len(body)).encode()))
        scope: MutableMapping[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": headers,
            "client": (str(ask.get("who", {}).get("address", "")), 0),
            "server": ("127.0.0.1", 0),
            CALLED_BY: self._who(ask),
        }
        return await _called(self._app, scope, body)

    def _who(self, ask: dict[str, Any]) -> Identity:
        """Whom the relay has let in, with no more than the role that relays are trusted with."""
        who = ask["who"]
        role = min(ROLES[who["role"]], self._top)
        return Identity(
            str(who["name"])[:200], role, str(who.get("token", ""))[:200], str(who.get("address", ""))[:80]
        )


class _TooLong(Exception):
    pass


async def _called(app: FastAPI, scope: MutableMapping[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
    """What the app answers to one request."""
    head: dict[str, Any] = {}
    parts: list[bytes] = []
    size, asked = 0, False

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if asked:  # who asked stays: its going is not told
            await asyncio.Event().wait()
        asked = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal size
        if message["type"] == "http.response.start":
            head["status"] = message["status"]
            pairs = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in message.get("headers", [])]
            head["headers"] = [
                pair for pair in pairs if pair[0].lower() not in ("content-length", "connection", "date")
            ]
        else:
            parts.append(bytes(message.get("body", b"")))
            size += len(parts[-1])
            if size > MOST_ANSWER:
                raise _TooLong

    try:
        await app(scope, receive, send)
    except _TooLong:
        return {
            "error": f"an answer of more than {MOST_ANSWER >> 20} MiB does not pass through a relay",
            "status": 503,
        }, b""
    except Exception:  # the app has answered with 500 and logged it
        if "status" not in head:
            return {"error": "this is a defect of Twinstage; the twin's log says where", "status": 500}, b""
    return head, b"".join(parts)
