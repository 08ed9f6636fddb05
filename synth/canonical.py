"""Bytes that do not vary: canonical JSON and files that appear whole or not at all."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any


def canonical_json(value: Any) -> bytes:
    """Sorted keys, no spaces beyond one newline at the end, floats by `repr`; refuses NaN and infinity."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def sha256_hex(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """SHA-256 of a file in hex, read in pieces."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


TEMPORARY = ".part"
"""Suffix of files being written; a run that resumes deletes what it finds of them."""


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file under another name in its folder, then rename it into place."""
    part = path.with_name(f"{path.name}{TEMPORARY}")
    try:
        part.write_bytes(data)
    except FileNotFoundError:  # only the first file of a folder has to make it
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
    os.replace(part, path)
