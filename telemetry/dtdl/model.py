"""Interfaces of a DTDL file, flattened: everything that a twin of one of them tells, by the name it has in a message.

Bounds follow the language: 1 MiB a file is far beyond what one model may have, 10 levels of `extends`, 5 of schemas inside of
schemas, no component inside of a component.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twinstage.base.errors import UserError, did_you_mean

_DTMI = re.compile(
    r"dtmi:[A-Za-z](?:\w*[A-Za-z0-9])?(?::[A-Za-z_](?:\w*[A-Za-z0-9])?)*(?:;[1-9]\d{0,8}(?:\.[1-9]\d{0,5})?)?",
    re.ASCII,
)
_NAME = re.compile(r"[A-Za-z](?:\w*[A-Za-z0-9])?", re.ASCII)
_LARGEST = 8 << 20
_EXTENDS, _SCHEMAS, _CONTENTS = 10, 5, 100_000
_PRIMITIVE = frozenset(
    {"boolean", "date", "dateTime", "double", "duration", "float", "integer", "long", "string", "time"}
)

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Channel:
    """One value that a twin tells.

    Attributes:
        path: its name in a message; dots lead into components and objects.
        kind: `telemetry` or `property`.
        schema: a primitive schema, or `enum`.
        unit: name of the unit in DTDL, "" for none.
        values: of an enum, name and value as in the message.
        description: in words.
    """

    path: str
    kind: str
    schema: str
    unit: str = ""
    values: tuple[tuple[str, str | int], ...] = ()
    description: str = ""


@dataclass(slots=True)
class Flat:
    """One interface with all that it inherits and is composed of; `left_out`: what gives no channel, a sentence each."""

    dtmi: str
    channels: list[Channel] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def read_models(path: Path) -> "Models":
    """The interfaces of a JSON file. Raises UserError."""
    try:
        if path.stat().st_size > _LARGEST:
            raise UserError(f"{path} has more than {_LARGEST >> 20} MiB; a DTDL model is far smaller")
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"there is no DTDL model {str(path)!r}") from None
    except OSError as error:
        raise UserError(f"the DTDL model {str(path)!r} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: this is not JSON: {error}") from None
    return Models(data, str(path))


class Models:
    """All interfaces of one file."""

    def __init__(self, data: object, where: str) -> None:
        self.where = where
        self.interfaces: dict[str, Item] = {}
        self._schemas: dict[str, Item] = {}
        for item in data if isinstance(data, list) else [data]:
            self._add(item)
        if not self.interfaces:
            raise UserError(f"{where} has no Interface; a DTDL model was expected")

    def root(self, dtmi: str | None) -> str:
        """The interface to take: the one that is named, or the only one that no other is made of. Raises UserError."""
        if dtmi is not None:
            if dtmi not in self.interfaces:
                raise UserError(
                    f"{self.where} has no interface {dtmi!r}{did_you_mean(dtmi, self.interfaces)}"
                )
            return dtmi
        used = {name for item in self.interfaces.values() for name in self._uses(item)}
        roots = [name for name in self.interfaces if name not in used]
        if len(roots) != 1:
            known = ", ".join(roots or self.interfaces)
            raise UserError(f"{self.where} has several interfaces; say with --interface which: {known}")
        return roots[0]

    def flat(self, dtmi: str) -> Flat:
        """What a twin of that interface tells. Raises UserError where the model is wrong."""
        out = Flat(dtmi)
        self._collect(dtmi, "", out, inside=False)
        seen: set[str] = set()
        for channel in out.channels:
            if channel.path in seen:
                raise UserError(f"{self.where}: {dtmi} has two contents named {channel.path!r}")
            seen.add(channel.path)
        return out

    def _add(self, item: object) -> None:
        if not isinstance(item, dict) or "Interface" not in _types(item):
            raise UserError(f"{self.where}: an Interface was expected, and there is {str(item)[:60]!r}")
        context = item.get("@context")
        contexts = context if isinstance(context, list) else [context]
        if not {"dtmi:dtdl:context;2", "dtmi:dtdl:context;3"} & {str(one).split("#")[0] for one in contexts}:
            raise UserError(f"{self.where}: @context is {context!r}; dtmi:dtdl:context;3 was expected")
        dtmi = item.get("@id")
        if not isinstance(dtmi, str) or not _DTMI.fullmatch(dtmi):
            raise UserError(
                f"{self.where}: @id is {dtmi!r}; expected a DTMI such as 'dtmi:com:example:Pump;1'"
            )
        if dtmi in self.interfaces:
            raise UserError(f"{self.where}: the interface {dtmi!r} is there twice")
        self.interfaces[dtmi] = item
        for schema in _list(item.get("schemas")):
            if isinstance(schema, dict) and isinstance(schema.get("@id"), str):
                self._schemas[schema["@id"]] = schema

    def _uses(self, item: Item) -> Iterator[str]:
        yield from (name for name in _list(item.get("extends")) if isinstance(name, str))
        for content in _list(item.get("contents")):
            if isinstance(content, dict) and "Component" in _types(content):
                yield str(content.get("schema"))

    def _collect(self, dtmi: str, prefix: str, out: Flat, *, inside: bool) -> None:
        for name in self._lineage(dtmi, ()):
            for content in _list(self.interfaces[name].get("contents")):
                if not isinstance(content, dict) or len(out.channels) > _CONTENTS:
                    raise UserError(
                        f"{self.where}: contents of {name} is no list of at most {_CONTENTS} elements"
                    )
                self._content(name, content, prefix, out, inside=inside)

    def _lineage(self, dtmi: str, below: tuple[str, ...]) -> list[str]:
        """The interface and all that it extends, each once, the farthest first."""
        if dtmi in below:
            raise UserError(f"{self.where}: {dtmi} extends itself")
        if dtmi not in self.interfaces:
            raise UserError(
                f"{self.where}: {below[-1] if below else dtmi} needs the interface {dtmi!r}, which is not in the file"
            )
        if len(below) > _EXTENDS:
            raise UserError(f"{self.where}: {below[0]} extends more than {_EXTENDS} levels")
        out: list[str] = []
        for parent in _list(self.interfaces[dtmi].get("extends")):
            name = (
                parent
                if isinstance(parent, str)
                else str(parent.get("@id"))
                if isinstance(parent, dict)
                else ""
            )
            out += [one for one in self._lineage(name, (*below, dtmi)) if one not in out]
        return [*out, dtmi]

    def _content(self, owner: str, item: Item, prefix: str, out: Flat, *, inside: bool) -> None:
        name, types = item.get("name"), _types(item)
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise UserError(
                f"{self.where}: {owner} has a content named {name!r}; letters, digits and _ were expected"
            )
        path = prefix + name
        if "Telemetry" in types or "Property" in types:
            kind = "telemetry" if "Telemetry" in types else "property"
            self._value(path, kind, item, item.get("schema"), out, 0)
        elif "Component" in types:
            if inside:
                raise UserError(
                    f"{self.where}: {owner} has the component {name!r} inside of a component; DTDL v3 knows none"
                )
            self._collect(self._lineage(str(item.get("schema")), (owner,))[-1], f"{path}.", out, inside=True)
        elif "Relationship" in types:
            target = item.get("target", "any interface")
            out.left_out.append(
                f"relationship {path!r} to {target}: give it to the assets, as parent or as a field"
            )
        else:
            out.left_out.append(f"{(types or ['content'])[0].lower()} {path!r}")

    def _value(self, path: str, kind: str, item: Item, schema: object, out: Flat, deep: int) -> None:
        if isinstance(schema, str) and schema in self._schemas:
            schema = self._schemas[schema]
        words, unit = _words(item), item.get("unit")
        unit = unit if isinstance(unit, str) else ""
        if isinstance(schema, str):
            if schema not in _PRIMITIVE:
                raise UserError(f"{self.where}: the schema of {path!r} is {schema!r}, which is not there")
            out.channels.append(Channel(path, kind, schema, unit, (), words))
            return
        if not isinstance(schema, dict) or deep >= _SCHEMAS:
            raise UserError(
                f"{self.where}: {path!r} has no schema, or one that is nested more than {_SCHEMAS} levels"
            )
        types = _types(schema)
        if "Enum" in types:
            out.channels.append(Channel(path, kind, "enum", "", self._enum(path, schema), words))
        elif "Object" in types:
            for part in _list(schema.get("fields")):
                if isinstance(part, dict):
                    self._value(f"{path}.{part.get('name')}", kind, part, part.get("schema"), out, deep + 1)
        else:
            out.left_out.append(
                f"{kind} {path!r}: {(types or ['a schema'])[0].lower()}s have no fixed number of values"
            )

    def _enum(self, path: str, schema: Item) -> tuple[tuple[str, str | int], ...]:
        out: list[tuple[str, str | int]] = []
        for item in _list(schema.get("enumValues")):
            value = item.get("enumValue") if isinstance(item, dict) else None
            if not isinstance(value, str | int):
                raise UserError(f"{self.where}: the enum of {path!r} has {item!r}, which has no enumValue")
            out.append((str(item.get("name")), value))
        if not out:
            raise UserError(f"{self.where}: the enum of {path!r} has no values")
        return tuple(out)


def _types(item: Item) -> list[str]:
    return [str(one) for one in _list(item.get("@type"))]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _words(item: Item) -> str:
    """Description or display name, in English where there are several languages."""
    for key in ("description", "displayName"):
        value = item.get(key)
        if isinstance(value, dict):
            value = value.get("en") or next(iter(value.values()), "")
        if isinstance(value, str) and value:
            return value[:512]
    return ""
