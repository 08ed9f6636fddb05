"""Calls to several twins that are shown as one: each goes to the twins that it is about, and the answers are put together.

Names are those of the whole: signals and alarms are called after the twin's prefix (`Plant.Line1.` + `motor.hot`), overlays and
controls, too, prims stand below it. What is of one twin alone and says no prim or name (edits, files) is not passed on.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from twinstage.base.errors import UserError
from twinstage.sync.access.roles import Identity, caller
from twinstage.sync.api.globs import id_matcher
from twinstage.sync.api.operation import MOST_BYTES
from twinstage.sync.relay.asking import Refusal
from twinstage.sync.relay.bus import NoAnswer
from twinstage.sync.relay.forward import AWAY, Forward, sorry
from twinstage.sync.relay.past import JoinedPast
from twinstage.telemetry.history.moments import iso_ns, moment_ns

SERVES = ("prims", "values", "history", "past", "alarms", "overlays")
"""Parts of the interface that are passed on, where a twin has them."""
_NAMES = ("signal", "alarm")
_PATHS = ("path", "parent", "prim", "material")
_RANK = {"critical": 0, "high": 1, "medium": 2, "low": 3}
Query = list[tuple[str, str]]


class _NoTwin(Exception):
    """What is asked about is in no twin; a sentence."""


class Whole:
    """`forwards`: by the path below which a twin is shown. `here`, `owner`: a prim's path in the whole, and back."""

    def __init__(
        self,
        forwards: Mapping[str, Forward],
        here: Callable[[str, str], str],
        owner: Callable[[str], tuple[str, str] | None],
        past: JoinedPast,
    ) -> None:
        self._forwards, self._here, self._owner = forwards, here, owner
        self._names = {prefix: prefix[1:].replace("/", ".") + "." for prefix in forwards}
        self.past: JoinedPast = past
        self.overlays = 0
        """Version of the set of overlays: each change at any twin is one."""

    def add_routes(self, app: FastAPI) -> None:
        """Routes of all that is passed on; a sentence for the rest."""
        lists: Mapping[str, Callable[[str, Query], Any]] = {
            "/api/v1/values": self._values,
            "/api/v1/alarms": self._alarms,
            "/api/alarms": self._alarms,
            "/api/v1/past/alarms": self._past_alarms,
            "/api/v1/alarms/journal": self._journal,
            "/api/alarms/journal": self._journal,
            "/api/v1/history": self._history,
            "/api/v1/history/range": self._readings,
            "/api/v1/history/as-of": self._readings,
            "/api/v1/history/chart": self._chart,
            "/api/v1/overlays": self._overlays,
        }
        for path, call in lists.items():
            app.add_api_route(
                path, _listed(path.replace("/api/alarms", "/api/v1/alarms"), call), methods=["GET"]
            )
        app.add_api_route("/api/v1/past", self.past.ticks, methods=["GET"])
        app.add_api_route("/api/v1/prims", self._prims, methods=["GET"])
        for path, one in (
            ("/api/v1/prims/{path:path}", self._prim),
            ("/api/v1/values/{path:path}", self._value),
            ("/api/v1/overlays/{path}", self._content),
        ):
            app.add_api_route(path, one, methods=["GET"])
        for path in ("/api/v1/alarms/{action}", "/api/alarms/{action}"):
            app.add_api_route(path, self._act, methods=["POST"])

    # ------------------------------------------------------------------ lists

    async def _values(self, path: str, query: Query) -> Any:
        pattern = dict(query).get("id")
        told = await self._each(path, [(key, value) for key, value in query if key != "id"])
        values = [row for prefix, one in told.items() for row in self._called(prefix, one["values"], "id")]
        if pattern is not None:
            fits = id_matcher(pattern)
            values = [row for row in values if fits(row["id"])]
        first = next(iter(told.values()))
        return {"total": len(values), "next": None, "nowNs": first["nowNs"], "values": values}

    async def _past_alarms(self, path: str, query: Query) -> Any:
        """Before its history begins a twin has none; one that keeps no history has those of now."""
        begun = await self.past.begun(caller())
        first = min(begun.values(), default=0)
        at = moment_ns(dict(query).get("at", "").replace(" ", "+"), first, where="at")
        rest = _without(query, "at")
        past = {prefix: [("at", iso_ns(at))] for prefix, start in begun.items() if start <= at}
        now = [prefix for prefix in self._forwards if prefix not in begun]
        told = await self._each(path, rest, past) if past else {}
        if now:
            with suppress(Refusal, NoAnswer, TimeoutError):  # they have none, or are away
                told |= await self._each("/api/v1/alarms", rest, {prefix: [] for prefix in now})
        return self._listing(told)

    async def _alarms(self, path: str, query: Query) -> Any:
        return self._listing(await self._each(path, query))

    def _listing(self, told: Mapping[str, Any]) -> Any:
        rows = [row for prefix, one in told.items() for row in self._called(prefix, one["alarms"], "id")]
        rows.sort(key=lambda row: _RANK.get(row["priority"], 9))
        modes = {one["mode"] for one in told.values()}
        return {
            "mode": modes.pop() if len(modes) == 1 else None,
            "flooded": any(one["flooded"] for one in told.values()),
            "count": sum(one["count"] for one in told.values()),
            "alarms": rows,
        }

    async def _journal(self, path: str, query: Query) -> Any:
        if any(key == "before" for key, _ in query):
            raise Refusal(
                404, "a relay of several twins has no numbers of its own for records: ask without `before`"
            )
        limit = int(dict(query).get("limit", "100") or 100)
        alarm = dict(query).get("alarm")
        if alarm is not None:
            prefix, name = self._twin_of(alarm, "alarm")
            told = {prefix: await self._one(prefix, path, [*_without(query, "alarm"), ("alarm", name)])}
        else:
            told = await self._each(path, query)
        rows = [row for prefix, one in told.items() for row in self._named(prefix, one["records"])]
        rows.sort(key=lambda row: int(row["atNs"]), reverse=True)
        return {"records": [row | {"number": None} for row in rows[:limit]]}

    async def _history(self, path: str, query: Query) -> Any:
        told = await self._each(path, query)
        begun = [one for one in told.values() if one["firstNs"] is not None]
        first = min(begun, key=lambda one: int(one["firstNs"]), default=None)
        last = max(begun, key=lambda one: int(one["lastNs"]), default=None)
        signals = [row for prefix, one in told.items() for row in self._called(prefix, one["signals"], "id")]
        return {
            "firstNs": first and first["firstNs"],
            "firstTime": first and first["firstTime"],
            "lastNs": last and last["lastNs"],
            "lastTime": last and last["lastTime"],
            "signals": signals,
        }

    async def _readings(self, path: str, query: Query) -> Any:
        asked: dict[str, list[str]] = {}
        for key, value in query:
            if key == "signal":
                prefix, name = self._twin_of(value, "signal")
                asked.setdefault(prefix, []).append(name)
        if any(key == "after" for key, _ in query):
            raise Refusal(404, "a relay of several twins has no pages of readings: ask for shorter spans")
        rest = _without(query, "signal")
        told = await self._each(path, rest, {p: [("signal", n) for n in names] for p, names in asked.items()})
        rows = [row for prefix, one in told.items() for row in self._named(prefix, one["readings"])]
        rows.sort(key=lambda row: int(row["eventNs"]))
        return {"total": len(rows), "next": None, "readings": rows}

    async def _chart(self, path: str, query: Query) -> Any:
        prefix, name = self._twin_of(dict(query).get("signal", ""), "signal")
        told = await self._one(prefix, path, [*_without(query, "signal"), ("signal", name)])
        return self._named(prefix, told)

    async def _overlays(self, path: str, query: Query) -> Any:
        version = self.overlays  # what changes meanwhile is told by a later event
        told = await self._each(path, query)
        items = [self._drawn(prefix, item) for prefix, one in told.items() for item in one["items"]]
        return {"version": version, "items": items}

    def _drawn(self, prefix: str, item: Mapping[str, Any]) -> dict[str, Any]:
        made = self._named(prefix, item) | {"name": self._names[prefix] + item["name"]}
        if isinstance(item.get("poses"), dict):
            made["poses"] = {self._here(prefix, path): pose for path, pose in item["poses"].items()}
        return dict(made)

    # ------------------------------------------------------------------ one thing

    async def _prims(self) -> Response:
        return sorry(404, "a relay of several twins lists no prims; `/api/v1/scene` has them all")

    async def _prim(self, path: str) -> Response:
        found = self._owner("/" + path.lstrip("/"))
        if found is None:
            return sorry(404, f"there is no prim '/{path[:200]}' in any of the twins of this relay")
        prefix, there = found
        return await _answered(self._told_prim(prefix, there))

    async def _told_prim(self, prefix: str, there: str) -> Any:
        told = self._named(prefix, await self._one(prefix, f"/api/v1/prims{there}", []))
        name = self._names[prefix]
        told["signals"] = [name + one for one in told["signals"]]
        told["children"] = [self._here(prefix, one) for one in told["children"]]
        told["values"] = self._called(prefix, told["values"], "id")
        return told

    async def _value(self, path: str) -> Response:
        async def told() -> Any:
            prefix, name = self._twin_of(path, "signal")
            return self._called(prefix, [await self._one(prefix, f"/api/v1/values/{name}", [])], "id")[0]

        return await _answered(told())

    async def _content(self, path: str) -> Response:
        """An array or a picture, of whichever twin has it."""
        for forward in self._forwards.values():
            try:
                status, headers, data = await forward.asked("GET", f"/api/v1/overlays/{path}", "", caller())
            except (Refusal, NoAnswer, TimeoutError):
                continue
            if status == 200:
                return Response(data, headers=headers)
        return sorry(404, f"no overlay has data with the hash {path[:64]!r} any more")

    async def _act(self, request: Request, action: str) -> Response:
        body = await request.body()
        if len(body) > MOST_BYTES:
            return sorry(413, f"the body is longer than {MOST_BYTES} bytes")

        async def acted() -> Any:
            try:
                order = json.loads(body)
                names = [str(name) for name in order["alarms"]]
            except (ValueError, TypeError, KeyError):
                raise Refusal(422, "the body must be JSON with `alarms`, a list of ids") from None
            by_twin: dict[str, list[str]] = {}
            for name in names:
                prefix, there = self._twin_of(name, "alarm")
                by_twin.setdefault(prefix, []).append(there)
            done: list[Any] = []
            refused: list[Any] = []
            for prefix, there_ in by_twin.items():
                text = json.dumps(order | {"alarms": there_}).encode()
                status, _, data = await self._forwards[prefix].asked(
                    "POST", f"/api/v1/alarms/{action}", "", caller(), text
                )
                told = json.loads(data)
                if status >= 400 and "refused" not in told:
                    raise Refusal(status, str(told.get("error", "it was refused")))
                done += self._named(prefix, told.get("done", []))
                refused += self._named(prefix, told.get("refused", []))
            if not done and refused:
                raise _Undone(refused)
            return {"done": done, "refused": refused}

        return await _answered(acted())

    # ------------------------------------------------------------------ controls

    def take_control(
        self, fields: Mapping[str, Any], who: Identity, refuse: Callable[[str], None], now_ns: int
    ) -> None:
        """A hub's `take_control`: to the twin whose control it is."""
        try:
            prefix, name = self._twin_of(str(fields.get("name", "")), "control")
        except _NoTwin as error:
            refuse(str(error))
            return
        asked = {**fields, "name": name}
        if isinstance(asked.get("path"), str):
            found = self._owner(asked["path"])
            if found is None or found[0] != prefix:
                refuse(f"{asked['path'][:200]} is not in the twin of that control")
                return
            asked["path"] = found[1]
        self._forwards[prefix].take_control(asked, who, refuse, now_ns)

    # ------------------------------------------------------------------ names

    def _twin_of(self, name: str, what: str) -> tuple[str, str]:
        """The twin that something is called after, and its name there."""
        for prefix, start in self._names.items():
            if name.startswith(start):
                return prefix, name[len(start) :]
        raise _NoTwin(
            f"there is no {what} {name[:200]!r} in any of the twins of this relay; names begin with "
            + " or ".join(self._names.values())
        )

    def _called(self, prefix: str, rows: Iterable[Mapping[str, Any]], key: str) -> list[dict[str, Any]]:
        """Rows with their own names, and what else they name, in the whole's names."""
        return [self._named(prefix, row) | {key: self._names[prefix] + row[key]} for row in rows]

    def _named(self, prefix: str, told: Any) -> Any:
        """What a twin says, with signals, alarms and prims in the whole's names."""
        if isinstance(told, list):
            return [self._named(prefix, one) for one in told]
        if not isinstance(told, Mapping):
            return told
        made = dict(told)
        for key in _NAMES:
            if isinstance(made.get(key), str) and made[key]:
                made[key] = self._names[prefix] + made[key]
        for key in _PATHS:
            if isinstance(made.get(key), str) and made[key].startswith("/"):
                made[key] = self._here(prefix, made[key])
        return made

    # ------------------------------------------------------------------ asking

    async def _one(self, prefix: str, path: str, query: Query) -> Any:
        """The JSON of one twin. Raises Refusal with the twin's sentence, NoAnswer."""
        status, _, data = await self._forwards[prefix].asked("GET", path, urlencode(query), caller())
        told = json.loads(data)
        if status >= 400:
            raise Refusal(status, f"{prefix}: {told.get('error', 'it was refused')}")
        return told

    async def _each(self, path: str, query: Query, more: Mapping[str, Query] | None = None) -> dict[str, Any]:
        """The JSON of all twins that answer, at least one; `more`: only of those, with that in the query."""
        asked: Mapping[str, Query] = more or {prefix: [] for prefix in self._forwards}
        told = await asyncio.gather(
            *(self._one(prefix, path, [*query, *extra]) for prefix, extra in asked.items()),
            return_exceptions=True,
        )
        found = {
            prefix: one for prefix, one in zip(asked, told, strict=True) if not isinstance(one, BaseException)
        }
        if not found:
            error = told[0]
            assert isinstance(error, BaseException)
            raise error
        return found


class _Undone(Exception):
    def __init__(self, refused: list[Any]) -> None:
        super().__init__("nothing was done")
        self.refused = refused


def _without(query: Query, name: str) -> Query:
    return [(key, value) for key, value in query if key != name]


def _listed(path: str, call: Callable[[str, Query], Any]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        return await _answered(call(path, parse_qsl(request.url.query, keep_blank_values=True)))

    return endpoint


async def _answered(work: Any) -> Response:
    """What comes of it, or a sentence."""
    try:
        return JSONResponse(await work, headers={"cache-control": "no-store"})
    except _Undone as error:
        sentence = str(error.refused[0].get("reason", error))
        return JSONResponse({"error": sentence, "refused": error.refused}, status_code=409)
    except _NoTwin as error:
        return sorry(404, str(error))
    except UserError as error:
        return sorry(422, str(error))
    except Refusal as error:
        return sorry(error.status, str(error))
    except (TimeoutError, NoAnswer):
        return sorry(503, AWAY)
    except (KeyError, TypeError, ValueError):
        return sorry(502, "a twin answered something that this relay does not understand")
