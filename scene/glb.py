"""A prototype as a binary glTF 2.0 file: pure numpy, and the same prototype always gives the same bytes.

One node, one mesh, one primitive for each slot that has triangles; all primitives share the vertex attributes
and differ in their indices. There are no materials in the file, because two instances of a prototype may wear
different ones: the scene description says which. Coordinates stay in the frame of the gprim [m]; no axis is
turned.
"""

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from twinstage.base.errors import UserError
from twinstage.scene.skins import SkinWeights
from twinstage.scene.snapshot import Prototype

_FLOAT, _U16, _U32 = 5126, 5123, 5125
_ARRAY_BUFFER, _ELEMENT_ARRAY_BUFFER = 34962, 34963
_TRIANGLES = 4


@dataclass(frozen=True, slots=True)
class Chunk:
    """One accessor with the buffer view of its own that holds it."""

    data: bytes
    accessor: dict[str, object]
    target: int


def primitive_slots(prototype: Prototype) -> list[int]:
    """Slot number of each primitive, in the file's order: the slots that have triangles."""
    return [int(slot) for slot in np.unique(prototype.slot)]


def bake_prototype(prototype: Prototype) -> bytes:
    """The GLB of a prototype: POSITION, NORMAL, TEXCOORD_0 and COLOR_0 (linear rgb) where it has them.

    USD's texture coordinates begin at the lower left, glTF's at the upper left, so v is flipped. UserError
    where a position is not a finite number.
    """
    if not np.isfinite(prototype.points).all():
        raise UserError(f"the geometry of {prototype.source} has points that are not finite numbers")
    document, chunks = _layout(prototype)
    return container(document, [chunk.data for chunk in chunks])


def container(document: bytes, chunks: Sequence[bytes]) -> bytes:
    """A GLB file of its JSON and of the contents of its buffer, each padded to four bytes."""
    binary = b"".join(_padded(chunk, b"\0") for chunk in chunks)
    text = _padded(document, b" ")
    parts = [struct.pack("<I4s", len(text), b"JSON"), text]
    if binary:
        parts += [struct.pack("<I4s", len(binary), b"BIN\0"), binary]
    length = 12 + sum(map(len, parts))
    if length >= 1 << 32:
        raise UserError(f"the scene needs a GLB file of {length >> 20} MiB; the format ends at 4096 MiB")
    return b"".join([struct.pack("<4sII", b"glTF", 2, length), *parts])


def glb_size(prototype: Prototype) -> int:
    """Length of the baked file [B]."""
    document, chunks = _layout(prototype)
    binary = sum(len(chunk.data) + -len(chunk.data) % 4 for chunk in chunks)
    return 12 + 8 + len(document) + -len(document) % 4 + (8 + binary if binary else 0)


def _layout(prototype: Prototype) -> tuple[bytes, list[Chunk]]:
    """The JSON part and the accessors in file order."""
    slots = primitive_slots(prototype)
    document: dict[str, object] = {
        "asset": {"version": "2.0", "generator": "twinstage"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0} if slots else {"name": "empty"}],
    }
    if not slots:
        return _json(document), []
    names, attributes = (
        vertex_chunks(prototype) if prototype.skin is None else skin_chunks(prototype, prototype.skin)
    )
    chunks = attributes + [index_chunk(prototype, slot) for slot in slots]
    shared = {name: i for i, name in enumerate(names)}
    document["meshes"] = [
        {
            "primitives": [
                {
                    "attributes": shared,
                    "indices": len(attributes) + i,
                    "mode": _TRIANGLES,
                    "extras": {"slot": slot, "name": prototype.slots[slot]},
                }
                for i, slot in enumerate(slots)
            ]
        }
    ]
    document["accessors"] = [{"bufferView": i, **chunk.accessor} for i, chunk in enumerate(chunks)]
    document["bufferViews"], length = _views(chunks)
    document["buffers"] = [{"byteLength": length}]
    return _json(document), chunks


def vertex_chunks(prototype: Prototype) -> tuple[list[str], list[Chunk]]:
    """The vertex attributes of a prototype: their names in glTF, and their accessors."""
    columns = {"POSITION": prototype.points, "NORMAL": prototype.normals}
    if prototype.uv is not None:
        columns["TEXCOORD_0"] = np.stack([prototype.uv[:, 0], 1.0 - prototype.uv[:, 1]], -1)
    if prototype.color is not None:
        columns["COLOR_0"] = prototype.color
    return list(columns), [_attribute(name, column) for name, column in columns.items()]


def skin_chunks(prototype: Prototype, skin: SkinWeights) -> tuple[list[str], list[Chunk]]:
    """The same at rest, with what each vertex hangs on: `_JOINTS` (four bones) and `_WEIGHTS`."""
    names, chunks = vertex_chunks(replace(prototype, points=skin.points, normals=skin.normals))
    joints: dict[str, object] = {"componentType": _U16, "count": len(skin.joints), "type": "VEC4"}
    weights: dict[str, object] = {"componentType": _FLOAT, "count": len(skin.weights), "type": "VEC4"}
    chunks.append(Chunk(skin.joints.astype("<u2").tobytes(), joints, _ARRAY_BUFFER))
    chunks.append(Chunk(skin.weights.astype("<f4").tobytes(), weights, _ARRAY_BUFFER))
    return [*names, "_JOINTS", "_WEIGHTS"], chunks


def _attribute(name: str, column: np.ndarray) -> Chunk:
    values = np.ascontiguousarray(_lawful(name, column), "<f4")
    accessor: dict[str, object] = {
        "componentType": _FLOAT,
        "count": len(values),
        "type": f"VEC{values.shape[1]}",
    }
    if name == "POSITION":  # the only attribute whose bounds glTF requires
        accessor |= {"min": values.min(0).tolist(), "max": values.max(0).tolist()}
    return Chunk(values.tobytes(), accessor, _ARRAY_BUFFER)


def _lawful(name: str, column: np.ndarray) -> np.ndarray:
    """What glTF demands of an attribute: unit normals, colours in [0, 1], finite numbers."""
    values = np.asarray(column, np.float32)
    if name == "NORMAL":
        length = np.linalg.norm(values.astype(np.float64), axis=1)
        wrong = ~(np.abs(length - 1.0) < 1e-4)
        if wrong.any():
            values = values.copy()
            good = wrong & np.isfinite(length) & (length > 0)
            values[good] /= length[good, None]
            values[wrong & ~good] = (0, 0, 1)
    elif name == "COLOR_0":
        values = np.clip(np.nan_to_num(values), 0.0, 1.0)
    elif name == "TEXCOORD_0" and not np.isfinite(values).all():
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    return values


def index_chunk(prototype: Prototype, slot: int) -> Chunk:
    """The indices of the triangles of one slot."""
    triangles = prototype.triangles[prototype.slot == slot].reshape(-1)
    # The greatest value of an index type restarts primitives, so it must not be used as an index.
    small = len(prototype.points) <= 0xFFFF
    accessor: dict[str, object] = {
        "componentType": _U16 if small else _U32,
        "count": len(triangles),
        "type": "SCALAR",
        "min": [int(triangles.min())],
        "max": [int(triangles.max())],
    }
    return Chunk(triangles.astype("<u2" if small else "<u4").tobytes(), accessor, _ELEMENT_ARRAY_BUFFER)


def _views(chunks: list[Chunk]) -> tuple[list[dict[str, int]], int]:
    views, offset = [], 0
    for chunk in chunks:
        size = len(chunk.data)
        views.append({"buffer": 0, "byteOffset": offset, "byteLength": size, "target": chunk.target})
        offset += size + -size % 4
    return views, offset


def _json(document: dict[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def _padded(data: bytes, filler: bytes) -> bytes:
    return data + filler * (-len(data) % 4)
