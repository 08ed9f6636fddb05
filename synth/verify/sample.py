"""Which objects' models are drawn again: a sample over the whole dataset, the same whenever it is asked for.

Drawing costs far more than all other checks, so large datasets are sampled. Objects are chosen by a hash of where they are
listed: early frames, first cameras and low instance ids have no better chance than others.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from heapq import nsmallest
from pathlib import Path
from typing import Any

from twinstage.synth.verify.files import inside, read_json

Key = tuple[int, str, int]
"""(frame, camera, instance id)."""

DRAWN = 1000
"""At least so many objects are drawn again, where there are as many; less than twice as many."""

MOST_TRIANGLES = 20_000
"""Models with more are not drawn again, only measured."""

TRIANGLES_DRAWN = 5_000_000
"""Of all models together that are drawn again; what comes after, in the order of hashes, is only measured."""


def chosen(records: Iterable[dict[str, Any]], triangles: Mapping[str, int]) -> tuple[frozenset[Key], int]:
    """The objects to draw, and how many there are listed at all.

    `triangles`: how many each model has. Objects whose model is not named, or has too many, are left out.
    """
    listed = possible = 0

    def hashed() -> Iterator[tuple[bytes, Key, int]]:
        nonlocal listed, possible
        for record in records:
            for camera, item in _objects(record):
                listed += 1
                count = triangles.get(str(item.get("model")), 0)
                frame, instance = record.get("frame"), item.get("instance_id")
                if not (isinstance(frame, int) and isinstance(camera, str) and isinstance(instance, int)):
                    continue
                if 0 < count <= MOST_TRIANGLES and not item.get("moves"):
                    possible += 1
                    yield _hash(frame, camera, instance), (frame, camera, instance), count

    first = nsmallest(2 * DRAWN, hashed())  # records pass by: no more than these are kept
    out, left = [], TRIANGLES_DRAWN
    for _, key, count in first[: possible // max(1, possible // DRAWN)]:
        if count <= left:
            out.append(key)
            left -= count
    return frozenset(out), listed


def _hash(*key: object) -> bytes:
    return hashlib.blake2b(repr(key).encode(), digest_size=8).digest()


def _objects(record: dict[str, Any]) -> Iterator[tuple[Any, dict[str, Any]]]:
    """(camera, object) of a record that may be malformed."""
    cameras = record.get("cameras")
    for camera in cameras if isinstance(cameras, list) else ():
        objects = camera.get("objects") if isinstance(camera, dict) else None
        for item in objects if isinstance(objects, list) else ():
            if isinstance(item, dict):
                yield camera.get("name"), item


def triangles_of(root: Path) -> dict[str, int]:
    """Triangles by model as `models.json` has them; what it says is checked elsewhere."""
    try:
        document = read_json(inside(root, "models/models.json"))
        return {name: int(entry["triangles"]) for name, entry in document.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
