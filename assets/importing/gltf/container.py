"""A glTF file's JSON and buffers: .gltf with files or data URIs beside it, or .glb. Reads files through its Source."""

import base64
import binascii
import json
import struct
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from twinstage.assets.importing.gltf.entry import Entry
from twinstage.assets.importing.source import Source
from twinstage.base.errors import UserError

MAX_JSON = 256 << 20
_JSON, _BIN = 0x4E4F534A, 0x004E4942


@dataclass
class Container:
    """The document's root object and where its bytes are. `binary`: a GLB's own chunk, None where there is none."""

    root: Entry
    binary: bytes | None
    source: Source
    _lists: dict[str, list[Entry]] = field(default_factory=dict)
    _buffers: dict[int, bytes] = field(default_factory=dict)

    def list(self, key: str, noun: str) -> list[Entry]:
        """All objects of a kind, such as ("accessors", "accessor")."""
        if key not in self._lists:
            self._lists[key] = self.root.entries(key, noun)
        return self._lists[key]

    def item(self, key: str, noun: str, number: int, owner: str) -> Entry:
        """One object of a kind; UserError, naming `owner`, where there is none of that number."""
        items = self.list(key, noun)
        if not 0 <= number < len(items):
            raise UserError(f"{owner} names {noun} {number}, and there are {len(items)}")
        return items[number]

    def buffer(self, number: int, owner: str) -> bytes:
        """The bytes of a buffer."""
        if number not in self._buffers:
            entry = self.item("buffers", "buffer", number, owner)
            data = self._read(entry, number)
            length = entry.integer("byteLength", low=1)
            if len(data) < length:
                raise UserError(f"{entry.where} has {len(data):,} bytes; its byteLength says {length:,}")
            self._buffers[number] = data[:length]
        return self._buffers[number]

    def _read(self, entry: Entry, number: int) -> bytes:
        if "uri" not in entry:
            if entry.extension("EXT_meshopt_compression") is not None:
                return bytes(min(entry.integer("byteLength", low=1), 1 << 30))  # a stand-in: nothing reads it
            if number == 0 and self.binary is not None:
                return self.binary
            raise UserError(f"{entry.where} has no uri, and the file has no binary chunk for it")
        return self.uri(entry.text("uri"), entry.where)[0]

    def uri(self, text: str, owner: str) -> tuple[bytes, str, str]:
        """(bytes, media type or "", file name or "") of a data URI or of a file beside this one."""
        if text.startswith("data:"):
            head, comma, body = text[5:].partition(",")
            if not comma or not head.endswith(";base64"):
                raise UserError(f"{owner}: its data URI is not of the form data:TYPE;base64,...")
            try:
                return base64.b64decode(body, validate=True), head.partition(";")[0], ""
            except (binascii.Error, ValueError):
                raise UserError(f"{owner}: its data URI is not valid base64") from None
        if "://" in text:
            raise UserError(f"{owner} lies on the network ({text[:80]}); put the file beside this one")
        name = unquote(text)
        return self.source.beside(name, owner), "", name

    def view(self, number: int, owner: str) -> tuple[bytes, int, Entry]:
        """(bytes of the buffer, byte offset, the buffer view) after checking that the view lies inside."""
        view = self.item("bufferViews", "buffer view", number, owner)
        data = self.buffer(view.integer("buffer"), view.where)
        offset, length = view.integer("byteOffset", 0), view.integer("byteLength", low=1)
        if offset + length > len(data):
            raise UserError(
                f"{view.where} ends at byte {offset + length:,} of a buffer of {len(data):,} bytes"
            )
        return data, offset, view


def open_container(source: Source) -> Container:
    """Read the file's JSON. UserError where it is no glTF 2."""
    data = source.data()
    binary = None
    if data[:4] == b"glTF":
        text, binary = _chunks(data)
    else:
        text = data
    if len(text) > MAX_JSON:
        raise UserError(f"its JSON is larger than {MAX_JSON >> 20} MiB")
    root = Entry(_parse(text), "the file")
    asset = root.entry("asset", "asset")
    version = asset.text("minVersion") or asset.text("version")
    if "asset" not in root or not version:
        raise UserError("it is no glTF file: its JSON has no asset with a version")
    if version.partition(".")[0] != "2":
        raise UserError(f"it is glTF {version}; version 2 can be imported")
    return Container(root, binary, source)


def _chunks(data: bytes) -> tuple[bytes, bytes | None]:
    """The JSON and the binary chunk of a GLB file."""
    if len(data) < 20:
        raise UserError(f"it ends after {len(data)} bytes, before its first chunk")
    version, length = struct.unpack_from("<II", data, 4)
    if version != 2:
        raise UserError(f"it is a GLB file of version {version}; version 2 can be imported")
    if length > len(data):
        raise UserError(f"it is cut off: it has {len(data):,} of {length:,} bytes")
    at = 12
    found: dict[int, bytes] = {}
    while at + 8 <= length:
        size, kind = struct.unpack_from("<II", data, at)
        if at + 8 + size > length:
            raise UserError(f"its chunk at byte {at} says {size:,} bytes, more than the file has left")
        found.setdefault(kind, data[at + 8 : at + 8 + size])
        at += 8 + size
    if _JSON not in found:
        raise UserError("it has no JSON chunk")
    return found[_JSON], found.get(_BIN)


def _parse(text: bytes) -> dict[str, Any]:
    def refuse(word: str) -> None:
        raise UserError(f"its JSON holds {word}, which is no number there")

    try:
        value = json.loads(text.decode("utf-8-sig").rstrip("\0 "), parse_constant=refuse)
    except UnicodeDecodeError as problem:
        raise UserError(f"its JSON is not UTF-8 (byte {problem.start})") from None
    except json.JSONDecodeError as problem:
        raise UserError(
            f"its JSON is broken at line {problem.lineno}, column {problem.colno}: {problem.msg}"
        ) from None
    except (RecursionError, ValueError):
        raise UserError("its JSON is nested too deeply, or holds a number too long, to be read") from None
    if not isinstance(value, dict):
        raise UserError("its JSON is no object")
    return value
