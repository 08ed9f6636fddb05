"""A contract's text for an interface: one JSON-lines source, and a signal for each telemetry and property."""

import json

from twinstage.base.errors import UserError
from twinstage.telemetry.contract import parse_contract
from twinstage.telemetry.dtdl.model import Channel, Flat
from twinstage.telemetry.dtdl.units import UCUM
from twinstage.telemetry.units import compile_unit

_TYPES = {"boolean": "bool", "double": "f64", "float": "f64", "integer": "i64", "long": "i64"}


def draft_contract(flat: Flat, *, source: str, uri: str, prefix: str = "") -> tuple[str, list[str]]:
    """YAML of a contract that `parse_contract` accepts, and notes of all that it could not take over.

    prefix: put before every signal's id. Raises UserError where nothing is left to read, or a name cannot be one.
    """
    notes = list(flat.left_out)
    lines = []
    for channel in flat.channels:
        line, note = _signal(channel, source, prefix)
        lines.append(line)
        notes += [note] if note else []
    if not lines:
        raise UserError(f"{flat.dtmi} has neither telemetry nor properties that a contract could hold")
    text = (
        f"# From the DTDL interface {flat.dtmi}. Ranges, periods and ages are not in DTDL: add them.\n"
        "contract: 1\n"
        f"description: {json.dumps(flat.dtmi)}\n"
        "sources:\n"
        f"  {source}:\n"
        f"    uri: {json.dumps(uri)}\n"
        "    reader: {format: jsonl, time: {field: time, unit: iso8601}}\n"
        "signals:\n" + "".join(lines)
    )
    parse_contract(text, where="the drafted contract")
    return text, notes


def _signal(channel: Channel, source: str, prefix: str) -> tuple[str, str]:
    note = ""
    kind = "enum" if channel.schema == "enum" else _TYPES.get(channel.schema, "string")
    unit = UCUM.get(channel.unit, "")
    if channel.unit and not unit:
        note = (
            f"{channel.path!r}: the unit {channel.unit!r} has no UCUM code here; its values stay as they are"
        )
    elif unit and kind == "i64" and (compile_unit(unit).scale, compile_unit(unit).offset) != (1.0, 0.0):
        kind = "f64"  # a whole number that is converted is none any more
    parts = [
        f"id: {json.dumps(prefix + channel.path)}",
        f"source: {source}",
        f"field: {json.dumps(channel.path)}",
    ]
    parts += [f"type: {kind}"] if kind != "f64" else []
    parts += [f"unit: {json.dumps(unit)}"] if unit and kind in ("f64", "i64") else []
    if channel.values:
        parts.append(f"values: {json.dumps(_codes(channel.values))}")
    parts += [f"description: {json.dumps(channel.description)}"] if channel.description else []
    return f"  - {{{', '.join(parts)}}}\n", note


def _codes(values: tuple[tuple[str, str | int], ...]) -> dict[str, int]:
    """Name and code; where messages carry texts, those texts are the names."""
    if all(isinstance(value, int) for _, value in values):
        return {name: int(value) for name, value in values}
    return {str(value): code for code, (_, value) in enumerate(values)}
