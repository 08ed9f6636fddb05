"""Writes viewer/src/wire/messages.ts: the control messages of twin.v1 as TypeScript, from the Python structures that the server
speaks with. Tests compare the committed file; run this after a change of sync/messages.py.

    python scripts/viewer_types.py
"""

import json
import sys
from pathlib import Path
from typing import Any, get_args

import msgspec

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "viewer" / "src" / "wire" / "messages.ts"
HEAD = """/**
 * Control messages of twin.v1 (docs/protocol.md, sections 4 and 7). Made by scripts/viewer_types.py from the server's own
 * structures: do not edit. What has a default may be left out.
 */
"""
SIMPLE = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def type_of(schema: dict[str, Any]) -> str:
    """A JSON Schema as a TypeScript type."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[1]
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(map(type_of, schema["anyOf"])))
    if isinstance(schema.get("type"), list):
        return " | ".join(SIMPLE[one] for one in schema["type"])
    if schema.get("type") == "array":
        item = type_of(schema["items"]) if schema.get("items") else "unknown"
        return f"readonly ({item})[]" if "|" in item else f"readonly {item}[]"
    if schema.get("type") == "object":
        extra = schema.get("additionalProperties")
        return (
            f"Readonly<Record<string, {type_of(extra) if isinstance(extra, dict) and extra else 'unknown'}>>"
        )
    return SIMPLE.get(str(schema.get("type")), "unknown")


def interface(name: str, schema: dict[str, Any]) -> str:
    """One structure; its first paragraph is what its docstring says."""
    needed = set(schema.get("required", ()))
    note = " ".join(str(schema.get("description", "")).split("\n\n")[0].split())
    lines = [f"/** {note} */"] if note else []
    lines.append(f"export interface {name} {{")
    for field, inner in schema["properties"].items():
        lines.append(f"  readonly {field}{'' if field in needed else '?'}: {type_of(inner)};")
    return "\n".join([*lines, "}"])


def text() -> str:
    """The whole file."""
    from twinstage.sync import messages

    sides = {
        "ClientMessage": [t for t in get_args(messages.ClientMessage) if t is not messages.Unknown],
        "ServerMessage": [t for t in get_args(messages.ServerMessage) if t is not messages.Unknown],
    }
    _, parts = msgspec.json.schema_components([t for side in sides.values() for t in side])
    codes = {
        name: value
        for name, value in vars(messages).items()
        if name.isupper() and isinstance(value, int) and 1000 <= value < 5000
    }
    out = [HEAD.rstrip()]
    out += [interface(name, parts[name]) for name in sorted(parts)]
    out += [f"export type {side} = {' | '.join(t.__name__ for t in types)};" for side, types in sides.items()]
    listed = "\n".join(f"  {name}: {value}," for name, value in codes.items())
    out.append(f"/** Codes with which the server closes. */\nexport const CLOSE = {{\n{listed}\n}} as const;")
    return "\n\n".join(out) + "\n"


def main() -> None:
    TARGET.write_text(text(), "utf-8")
    print(TARGET.relative_to(ROOT))


if __name__ == "__main__":
    sys.exit(main())
