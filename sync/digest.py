"""The hash by which a client and its server tell whether they hold the same; section 5 of docs/protocol.md.

SHA-256 of six sections, each a u32 count and then rows in ascending id, little-endian. Both sides hash whole numbers and
bits as they travelled, so that equal means equal and nothing is rounded twice.
"""

import hashlib
from collections.abc import Sequence

import numpy as np

_POSE = np.dtype([("id", "<u4"), ("quanta", "<i8", 3), ("words", "<u2", 3), ("scale", "<f4", 3)])
_STYLE = np.dtype([("id", "<u4"), ("rgba", "u1", 4)])
_SHOWN = np.dtype([("id", "<u4"), ("shown", "u1")])
_SIGNAL = np.dtype([("id", "<u4"), ("value", "<f8"), ("event_ns", "<i8"), ("quality", "<u4")])
_ENTITY = np.dtype([("id", "<u4"), ("entity", "<i8")])
_NAN = np.uint64(0x7FF8000000000000)


def pose_rows(ids: np.ndarray, quanta: np.ndarray, words: np.ndarray, scale: np.ndarray) -> bytes:
    """ids [n] ascending, translations in quanta i8[n, 3], packed rotations u2[n, 3], scales f4[n, 3]."""
    return _section(_POSE, ids, quanta=quanta, words=words, scale=scale)


def style_rows(ids: np.ndarray, rgba: np.ndarray) -> bytes:
    """ids [n] ascending, sRGB rgba u1[n, 4]."""
    return _section(_STYLE, ids, rgba=rgba)


def visibility_rows(ids: np.ndarray, shown: np.ndarray) -> bytes:
    """ids [n] ascending, bool[n]."""
    return _section(_SHOWN, ids, shown=shown)


def signal_rows(ids: np.ndarray, value: np.ndarray, event_ns: np.ndarray, quality: np.ndarray) -> bytes:
    """ids [n] ascending, SI values f8[n] (every NaN counts as one), event times i8[n], quality u4[n]."""
    bits = np.array(value, np.float64)
    bits.view(np.uint64)[np.isnan(bits)] = _NAN
    return _section(_SIGNAL, ids, value=bits, event_ns=event_ns, quality=quality)


def text_rows(ids: np.ndarray, text: Sequence[bytes], quality: np.ndarray) -> bytes:
    """ids [n] ascending, UTF-8, quality u4[n]."""
    parts = [len(text).to_bytes(4, "little")]
    for i, data, level in zip(ids.tolist(), text, quality.tolist(), strict=True):
        parts += [i.to_bytes(4, "little"), len(data).to_bytes(4, "little"), data, level.to_bytes(4, "little")]
    return b"".join(parts)


def entity_rows(ids: np.ndarray, entity: np.ndarray) -> bytes:
    """ids [n] ascending, entities i8[n]."""
    return _section(_ENTITY, ids, entity=entity)


def hex_digest(*sections: bytes) -> str:
    """SHA-256 of poses, styles, visibility, signals, texts, entities, in this order, as hex."""
    hasher = hashlib.sha256()
    for section in sections:
        hasher.update(section)
    return hasher.hexdigest()


def _section(kind: np.dtype, ids: np.ndarray, **columns: np.ndarray) -> bytes:
    rows = np.zeros(len(ids), kind)
    rows["id"] = ids
    for name, column in columns.items():
        rows[name] = column
    return len(ids).to_bytes(4, "little") + rows.tobytes()
