"""twin.v1 binary frames: columns to bytes and back. docs/protocol.md is the text; the parts are in `twinstage.sync.wire`.

A message holds one or more frames back to back; each is a 56-byte header with size and checksum, columns in falling order
of element size, and zeros up to a multiple of 8 bytes. All bodies but the pose delta are absolute, so that they are
idempotent and need no baseline.
"""

from twinstage.sync.wire.delta import MAX_DELTA_ROWS, DeltaBody, encode_delta
from twinstage.sync.wire.header import (
    FLAG_KEYFRAME,
    FLAG_SCALE,
    FLAG_ZSTD,
    HEADER_SIZE,
    MAX_BODY,
    MESSAGE_BYTES,
    OP_DELTA,
    OP_ENTITY,
    OP_POSE,
    OP_SIGNALS,
    OP_STYLE,
    OP_TEXT,
    OP_TICK_END,
    OP_VISIBILITY,
    VERSION,
    FrameError,
    Header,
    Stamp,
    epoch_crc,
    read_header,
)
from twinstage.sync.wire.message import Body, Frame, decode, decode_counting, encode_tick_end, packed
from twinstage.sync.wire.pose import (
    FARTHEST,
    QUANTUM,
    PoseBody,
    encode_packed,
    encode_pose,
    quanta_of,
    snap_pose,
)
from twinstage.sync.wire.rotation import pack_quaternions, unpack_quaternions
from twinstage.sync.wire.texts import (
    MAX_TEXT,
    encode_entities,
    encode_texts,
    utf8,
)
from twinstage.sync.wire.values import encode_signals, encode_style, encode_visibility

__all__ = [
    "FARTHEST",
    "FLAG_KEYFRAME",
    "FLAG_SCALE",
    "FLAG_ZSTD",
    "HEADER_SIZE",
    "MAX_BODY",
    "MAX_DELTA_ROWS",
    "MAX_TEXT",
    "MESSAGE_BYTES",
    "OP_DELTA",
    "OP_ENTITY",
    "OP_POSE",
    "OP_SIGNALS",
    "OP_STYLE",
    "OP_TEXT",
    "OP_TICK_END",
    "OP_VISIBILITY",
    "QUANTUM",
    "VERSION",
    "Body",
    "DeltaBody",
    "Frame",
    "FrameError",
    "Header",
    "PoseBody",
    "Stamp",
    "decode",
    "decode_counting",
    "encode_delta",
    "encode_entities",
    "encode_packed",
    "encode_pose",
    "encode_signals",
    "encode_style",
    "encode_texts",
    "encode_tick_end",
    "encode_visibility",
    "epoch_crc",
    "pack_quaternions",
    "packed",
    "quanta_of",
    "read_header",
    "snap_pose",
    "unpack_quaternions",
    "utf8",
]
