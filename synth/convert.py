"""A finished native dataset -> another format, in a folder beside it. The dataset itself stays as it is."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinstage.base.errors import UserError, did_you_mean
from twinstage.synth.dataset import MANIFEST, Dataset
from twinstage.synth.overrides import apply_overrides
from twinstage.synth.writers import WRITERS, Writer
from twinstage.synth.writers.base import export
from twinstage.synth.writers.views import REPORT
from twinstage.synth.yaml_file import validated


@dataclass(frozen=True, slots=True)
class Converted:
    """What a conversion wrote. `counts`: those of its report."""

    out: Path
    kind: str
    files: int
    counts: dict[str, int]


def convert(dataset: Path, kind: str, out: Path | None = None, overrides: Sequence[str] = ()) -> Converted:
    """Write the dataset in the format `kind` into `out` (by default DATASET-KIND), a new or empty folder.

    `overrides`: fields of the writer, as in `task=segment`. COCO gets its pictures, too, unless they say `pictures=false`.

    Raises UserError for a folder that holds no finished dataset, an output that is not empty or lies within the dataset,
    wrong fields, and for what the format cannot hold or records that cannot be read; then nothing is left in `out`.
    """
    if not (dataset / MANIFEST).is_file():
        raise UserError(f"{dataset} is no finished dataset: it has no {MANIFEST}")
    writer = _writer(kind, overrides, has_pictures=any((dataset / "images").glob("*_rgb.png")))
    out = dataset.resolve().with_name(f"{dataset.resolve().name}-{kind}") if out is None else out
    _check_out(out, dataset)
    try:
        _check_cameras(writer, dataset)
        # The writer's own folder is where `recipe.export` would put it inside the dataset; here it is `out` itself.
        files = export(writer, Dataset(dataset), out, within=writer.folder)
    except _MALFORMED as error:
        _clear(out)
        what = f"the field {error} is missing" if isinstance(error, KeyError) else str(error)
        raise UserError(f"{dataset} cannot be converted: its records cannot be read ({what})") from None
    except OSError as error:
        _clear(out)
        raise UserError(f"{out} cannot be written: {error.strerror or error}") from None
    except BaseException:
        _clear(out)
        raise
    return Converted(out, kind, files, _counts(out))


_MALFORMED = (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError)
"""What writers raise where data from elsewhere is not what a dataset holds."""


def _writer(kind: str, overrides: Sequence[str], *, has_pictures: bool) -> Writer:
    """The writer with these fields. Where it may leave pictures in the dataset (COCO), they come along."""
    cls = WRITERS.get(kind)
    fields: dict[str, Any] = {"pictures": True} if has_pictures and "pictures" in cls.model_fields else {}
    return validated(cls, apply_overrides({"kind": kind, **fields}, overrides), name=f"--to {kind}")


def _check_cameras(writer: Writer, dataset: Path) -> None:
    """Raise UserError for cameras that the dataset does not have."""
    names = json.loads((dataset / MANIFEST).read_bytes())["cameras"]
    for name in writer.cameras:
        if name not in names:
            raise UserError(f"{dataset} has no camera {name!r}{did_you_mean(name, names)}")


def _check_out(out: Path, dataset: Path) -> None:
    if out.resolve().is_relative_to(dataset.resolve()):
        raise UserError(
            f"{out} lies within the dataset, whose manifest lists all its files; choose a folder beside it"
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is not an empty folder; choose another one or remove it")


def _clear(out: Path) -> None:
    """It was empty, or not there."""
    shutil.rmtree(out, ignore_errors=True)


def _counts(out: Path) -> dict[str, int]:
    path = out / REPORT
    if not path.is_file():  # a writer of another distribution
        return {}
    counts: dict[str, int] = json.loads(path.read_bytes())["counts"]
    return counts
