"""What was told of a file, checked. Pure.

Whoever tells it is not trusted: a child that read a foreign file, or a file of rows that came with a library.
"""

import math
import os
from typing import Any

import msgspec


class _Whole(msgspec.Struct, forbid_unknown_fields=True):
    """Of an asset that was read; see `entry.Entry`. files: absolute; parts: files that are this asset and nothing else."""

    title: str
    kind: str
    tags: list[str]
    license: str
    doc: str
    variants: dict[str, list[str]]
    animated: bool
    thumbnail: str
    triangles: int
    materials: int
    joints: int
    labels: list[str]
    size: tuple[float, float, float]
    low: tuple[float, float, float]
    meters_per_unit: float
    up_axis: str
    files: list[str]
    parts: list[str]
    cut: dict[str, int] = {}


class _Broken(msgspec.Struct, forbid_unknown_fields=True):
    """Of one that cannot be read."""

    problem: str
    cut: dict[str, int] = {}


def are_facts(told: dict[str, Any]) -> bool:
    """Whether this is what `look` tells of a file: an asset, a problem, or nothing for a file that draws nothing."""
    if not told:
        return True
    try:
        if "problem" in told:
            msgspec.convert(told, _Broken)
            return True
        found = msgspec.convert(told, _Whole)
    except msgspec.ValidationError:
        return False
    finite = all(map(math.isfinite, (*found.size, *found.low, found.meters_per_unit)))
    return bool(found.files) and finite and all(map(_is_name, (*found.files, *found.parts, found.thumbnail)))


def _is_name(path: str) -> bool:
    """Whether a file may be called that."""
    try:
        return b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        return False
