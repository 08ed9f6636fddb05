"""Scenes between the watching process and the twin: prototypes and images that the twin has are named only. numpy only."""

import gzip
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np

from twinstage.scene.snapshot import Prototype, Snapshot, Texture


@dataclass(frozen=True, slots=True)
class Packed:
    """A snapshot without its prototypes and textures; hashes in their order, and those that are new.

    `models`: GLB files of the new prototypes, plain and gzipped, by hash.
    """

    rest: Snapshot
    prototypes: tuple[str, ...]
    textures: tuple[str, ...]
    new_prototypes: tuple[Prototype, ...]
    new_textures: tuple[Texture, ...]
    models: Mapping[str, tuple[bytes, bytes]]
    sources: tuple[str, ...]
    paths: tuple[str, ...]


def pack(snapshot: Snapshot, known: Collection[str]) -> Packed:
    """`known`: hashes of what the twin has."""
    from twinstage.scene.glb import bake_prototype

    shapes = tuple(one for one in snapshot.prototypes if one.hash not in known)
    images = tuple(one for one in snapshot.textures if one.hash not in known)
    models = {}
    for shape in shapes:
        data = bake_prototype(shape)
        models[shape.hash] = data, gzip.compress(data, 1, mtime=0)
    return Packed(
        replace(snapshot, prototypes=(), textures=()),
        tuple(one.hash for one in snapshot.prototypes),
        tuple(one.hash for one in snapshot.textures),
        shapes,
        images,
        models,
        tuple(one.source for one in snapshot.prototypes),
        tuple(one.path for one in snapshot.textures),
    )


def unpack(packed: Packed, old: Snapshot) -> Snapshot:
    """The snapshot, with the prototypes and textures of the old one where they are the same."""
    shapes = {one.hash: one for one in (*old.prototypes, *packed.new_prototypes)}
    images = {one.hash: one for one in (*old.textures, *packed.new_textures)}
    for one in packed.new_prototypes:
        _freeze(one)
    for table in (packed.rest.prims, packed.rest.points, packed.rest.instances, packed.rest.objects):
        _freeze(table)
    return replace(
        packed.rest,
        prototypes=tuple(
            _named(shapes[key], "source", name)
            for key, name in zip(packed.prototypes, packed.sources, strict=True)
        ),
        textures=tuple(
            _named(images[key], "path", name) for key, name in zip(packed.textures, packed.paths, strict=True)
        ),
    )


def hashes(snapshot: Snapshot) -> set[str]:
    """Of prototypes and textures."""
    return {one.hash for one in snapshot.prototypes} | {one.hash for one in snapshot.textures}


def _named(one: Any, field: str, name: str) -> Any:
    return one if getattr(one, field) == name else replace(one, **{field: name})


def _freeze(value: Any) -> None:
    """Arrays lose on the way that nobody may write into them."""
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    elif is_dataclass(value):
        for field in fields(value):
            _freeze(getattr(value, field.name))
