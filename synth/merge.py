"""Shards -> one dataset, with the bytes of a run that was never shared out.

Touches files. Frames are copied, and checked against the manifests they come from; what is made of all frames together
(exports, sheet, report, manifest) is made anew. The order of the parts does not matter, and a part may come twice.
"""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinstage.base.errors import UserError
from twinstage.synth import dataset as layout
from twinstage.synth.canonical import TEMPORARY, sha256_file
from twinstage.synth.finish import MADE_TOGETHER, Generated, finish
from twinstage.synth.recipe import Recipe, load_recipe
from twinstage.synth.shards import pairs_of, united
from twinstage.synth.unfinished import begin, check_out, cpu, resumable

_SAME = {
    "recipe_hash": "another recipe, seed or number of frames",
    "stages": "another version of the stage",
    "start": "another state to start from",
    "inputs": "other image files beside the stage",
    "versions": "other versions of the libraries",
}

_NEEDED = tuple(key for key in _SAME if key != "start")


@dataclass(frozen=True, slots=True)
class Part:
    """A finished dataset that is to be merged."""

    root: Path
    manifest: dict[str, Any]

    @property
    def files(self) -> dict[str, str]:
        """SHA-256 by path of what belongs to frames: all but what is made anew."""
        folders = {export["folder"] for export in self.manifest["exports"]}
        return {
            name: digest
            for name, digest in self.manifest["files"].items()
            if name not in MADE_TOGETHER and name.split("/")[0] not in folders
        }


def merge(parts: Sequence[Path], out: Path, *, judged: bool = True) -> Generated:
    """Merge finished shards of one dataset into the folder `out`.

    Raises UserError for parts that are not finished, not of one dataset, damaged, or that disagree about a frame.
    """
    if not parts:
        raise UserError("merge: there is nothing to merge; name the folders of the shards")
    read = [_part(Path(root)) for root in parts]
    _check_one_dataset(read)
    check_out(out)
    chosen = _files(read)
    recipe = _recipe(read)
    state = {
        **{key: read[0].manifest[key] for key in _SAME if key in read[0].manifest},
        "frames_hash": recipe.frames_hash,
        "exports": [writer.folder for writer in recipe.export],
        "shard": united(pairs_of(part.manifest["shard"]) for part in read),
        "cpu": cpu(),
    }
    first = min(read, key=lambda part: (part.root / layout.RECIPE).read_bytes())
    fixed = {name: (first.root / name).read_bytes() for name in (layout.RECIPE, layout.LABELS)}
    begin(out, state, fixed)
    with resumable(out):
        for name, (part, digest) in sorted(chosen.items(), key=_records_last):
            _copy(part, name, digest, out)
        return finish(out, recipe, state, judged=judged)


def _part(root: Path) -> Part:
    path = root / layout.MANIFEST
    if not path.is_file() or (root / layout.STATE).exists():
        raise UserError(f"{root} holds no finished dataset; expected one with a manifest.json to merge")
    try:
        manifest = json.loads(path.read_bytes())
        pairs_of(manifest["shard"])
        part = Part(root, {key: manifest[key] for key in (*_NEEDED, "shard", "exports", "files")})
        if "start" in manifest:  # only where the recipe names a state
            part.manifest["start"] = manifest["start"]
        dict(part.files)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{path} is damaged or of another version; make the shard again") from None
    return part


def _check_one_dataset(parts: Sequence[Part]) -> None:
    first = parts[0]
    for part in parts[1:]:
        for key, words in _SAME.items():
            if part.manifest.get(key) != first.manifest.get(key):
                raise UserError(
                    f"{part.root} is of {words} than {first.root}; only shards of one run can be merged"
                )


def _recipe(parts: Sequence[Part]) -> Recipe:
    path = parts[0].root / layout.RECIPE
    recipe = load_recipe(path)
    if recipe.hash != parts[0].manifest["recipe_hash"]:
        raise UserError(f"{path} is not the recipe of the manifest beside it; make the shard again")
    return recipe


def _files(parts: Sequence[Part]) -> dict[str, tuple[Part, str]]:
    """Which part each file comes from. Raises UserError where two parts disagree."""
    out: dict[str, tuple[Part, str]] = {}
    for part in sorted(parts, key=lambda part: str(part.root)):
        for name, digest in part.files.items():
            if not _inside(name):
                raise UserError(
                    f"{part.root}: its manifest lists {name!r}, which lies outside of the dataset"
                )
            known = out.setdefault(name, (part, digest))
            if known[1] != digest:
                raise UserError(
                    f"{known[0].root} and {part.root} both hold {name}, and it is not the same; "
                    "were they made on different kinds of machines?"
                )
    return out


def _inside(name: str) -> bool:
    parts = name.split("/")
    return bool(name) and not name.startswith("/") and not {"", ".", ".."} & set(parts)


def _records_last(item: tuple[str, tuple[Part, str]]) -> tuple[bool, str]:
    return item[0].startswith("records/"), item[0]


def _copy(part: Part, name: str, digest: str, out: Path) -> None:
    source, target = part.root / name, out / name
    if target.is_file() and sha256_file(target) == digest:
        return
    if not source.is_file() or not source.resolve().is_relative_to(part.root.resolve()):
        raise UserError(f"{source} is not there, though the manifest lists it; make the shard again")
    target.parent.mkdir(parents=True, exist_ok=True)
    copy = target.with_name(f"{target.name}{TEMPORARY}")
    shutil.copyfile(source, copy)
    if sha256_file(copy) != digest:
        copy.unlink()
        raise UserError(
            f"{source} is damaged: its SHA-256 is not the one in the manifest; make the shard again"
        )
    os.replace(copy, target)
