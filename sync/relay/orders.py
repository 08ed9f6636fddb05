"""Commands to several twins that are shown as one: each goes to the twin that it is for, its answer back in the whole's names.

A prim says which twin it is; what names no prim (alarms, bindings) says so with `twin`, the path below which the twin is shown.
Ids of alarms and fields of bindings are the twin's own. Versions are those of the whole (`versions`).
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from twinstage.sync import messages as m
from twinstage.sync.access.roles import Identity
from twinstage.sync.relay.forward import Forward, refused
from twinstage.sync.relay.link import Link
from twinstage.sync.relay.versions import Versions

_MOST_PEOPLE = 1000


class _Unclear(Exception):
    """A command that is for no twin, in one sentence."""


class Orders:
    """Implements a hub's `take_command` and `edits`. `links`: the twins by the path below which each is shown."""

    def __init__(self, links: Mapping[str, Link]) -> None:
        self._links = links
        self.forwards = {prefix: Forward(link.asker) for prefix, link in links.items()}
        self._versions = Versions()
        self.at_home: frozenset[str] = frozenset()
        """Prefixes of twins whose prims have the same paths here as there."""
        self._last: OrderedDict[str, str] = OrderedDict()
        """The twin that somebody has changed last: what an undo without more is for."""

    def edits(self) -> int:
        """Number of the newest transaction of the whole."""
        for prefix, link in self._links.items():
            if link.hub.epoch:
                self._versions.heard(prefix, link.hub.epoch, link.edge.edits)
        return self._versions.newest

    def told(self, prefix: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """The data of a twin's `edit` event, in the whole's names."""
        self._heard(prefix, int(data["version"]))
        transactions = [
            {
                **one,
                "version": self._versions.whole(prefix, one["version"]),
                "edits": [[self.here(prefix, path), name] for path, name in one["edits"]],
            }
            for one in data.get("transactions", ())
        ]
        return {**data, "version": self._versions.newest, "transactions": transactions}

    def take_command(
        self, fields: Mapping[str, Any], who: Identity, say: Callable[[m.Answer], None], now_ns: int
    ) -> None:
        """Passes a command on."""
        self.edits()
        try:
            prefix, asked = self._for_one(fields, who)
        except _Unclear as error:
            say(self._numbered(refused(fields, str(error), "invalid")))
            return

        def answered(answer: m.Answer) -> None:
            if answer.ok and fields.get("kind") != "alarm":
                self._last[who.name] = prefix
                self._last.move_to_end(who.name)
                while len(self._last) > _MOST_PEOPLE:
                    self._last.popitem(last=False)
            say(self._in_whole(prefix, answer))

        self.forwards[prefix].take_command(asked, who, answered, now_ns)

    # ------------------------------------------------------------------ there

    def _for_one(self, fields: Mapping[str, Any], who: Identity) -> tuple[str, dict[str, Any]]:
        """The twin, and the command in its names."""
        asked = dict(fields)
        named = asked.pop("twin", None)
        if named is not None and not (isinstance(named, str) and named in self._links):
            raise _Unclear(f"there is no twin {str(named)[:200]!r} here, only {', '.join(self._links)}")
        prefixes = {named} if named is not None else set()
        asked |= self._named(asked, prefixes)
        edits = asked.get("edits")
        if isinstance(edits, list):
            asked["edits"] = list(self._edits(edits, prefixes))
        if isinstance(asked.get("of"), int):
            found = self._versions.named(asked["of"])
            if found is None:
                raise _Unclear(f"nobody knows version {asked['of']} any more at this relay")
            asked["of"] = found[1]
            prefixes.add(found[0])
        elif asked.get("kind") in ("undo", "redo") and not prefixes and who.name in self._last:
            prefixes = {self._last[who.name]}
        if len(prefixes) != 1:
            raise _Unclear(
                f"a command is for one twin, and this one names {' and '.join(sorted(prefixes))}"
                if prefixes
                else f"it does not say for which twin it is: add `twin`, one of {', '.join(self._links)}"
            )
        (prefix,) = prefixes
        if isinstance(asked.get("base"), int) and self._links[prefix].hub.epoch:
            asked["base"] = self._versions.known(prefix, asked["base"])
        return prefix, asked

    def owner(self, path: str) -> tuple[str, str] | None:
        """The twin of a prim, and the prim's path there; None where it is in none."""
        try:
            return self._owner(path)
        except _Unclear:
            return None

    def _edits(self, edits: list[Any], prefixes: set[str]) -> Iterable[Any]:
        for edit in edits:
            yield {**edit, **self._named(edit, prefixes)} if isinstance(edit, dict) else edit

    def _named(self, edit: Mapping[str, Any], prefixes: set[str]) -> dict[str, str]:
        """The prims that a command names, as their twin calls them; its prefix goes to the others."""
        found: dict[str, str] = {}
        for name in ("path", "parent"):
            if isinstance(edit.get(name), str):
                if name == "parent" and edit[name] in self._links and edit[name] not in self.at_home:
                    prefix, found[name] = edit[name], "/"  # all of that twin
                else:
                    prefix, found[name] = self._owner(edit[name])
                prefixes.add(prefix)
        return found

    def _owner(self, path: str) -> tuple[str, str]:
        """The twin of a prim, and the prim's path there."""
        for prefix in self._links:
            if (path + "/").startswith(prefix + "/") and prefix in self.at_home:
                return prefix, path
            if path.startswith(prefix + "/"):
                return prefix, path[len(prefix) :]
        raise _Unclear(f"{path[:200]} is in none of the twins of this relay: {', '.join(self._links)}")

    # ------------------------------------------------------------------ and back

    def _heard(self, prefix: str, version: int) -> None:
        self.edits()
        link = self._links[prefix]
        self._versions.heard(prefix, link.hub.epoch, max(version, link.edge.edits))

    def here(self, prefix: str, path: str) -> str:
        """A prim's path in the whole; "" is none."""
        return prefix + path if path and prefix not in self.at_home else path

    def _numbered(self, answer: m.Answer) -> m.Answer:
        answer.version = self._versions.newest
        return answer

    def _in_whole(self, prefix: str, answer: m.Answer) -> m.Answer:
        if not answer.ok and not answer.version and not self._links[prefix].hub.epoch:
            return self._numbered(answer)
        self._heard(prefix, answer.version)
        answer.placed = [self.here(prefix, path) for path in answer.placed]
        if not answer.ok:
            answer.error = f"{prefix}: {answer.error}"
            if answer.current is not None:
                current = answer.current
                path, version = current.get("path", ""), int(current.get("version", 0))
                answer.current = {
                    **current,
                    "path": self.here(prefix, path),
                    "version": self._versions.whole(prefix, version),
                }
            return self._numbered(answer)
        answer.version = self._versions.whole(prefix, answer.version) or self._versions.newest
        return answer
