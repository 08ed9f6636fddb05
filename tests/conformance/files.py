"""What a file of the manifest must do: open with its counts, read as pxr says, bake to valid GLB, or end with a reason."""

import csv
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pxr import Usd, UsdGeom

from conformance.judge import differences
from conformance.oracle import quiet
from conformance.reading import Library, Reading
from twinstage.scene.glb import bake_prototype

Validate = Callable[[bytes], list[str]]


@dataclass(frozen=True)
class Row:
    """One row of MANIFEST.csv; counts are None where the file did not open when the manifest was made.

    `errors`: composition errors that pxr alone has. What it cannot reach (.mtlx files) may be composed here.
    """

    file: str
    counts: tuple[int, int, int, int] | None
    errors: int = 0


@dataclass
class Verdict:
    """What became of a file. `state`: `equal`, `different` or `refused`.

    `counts`: prims, meshes, triangles, native instances as the manifest counts them; `prototypes`: shapes baked to GLB;
    `finding_codes`: what the reading said; `problems`: everything that must not be.
    """

    file: str
    state: str
    reason: str = ""
    counts: tuple[int, int, int, int] | None = None
    rows: int = 0
    points: int = 0
    drawings: int = 0
    prototypes: int = 0
    finding_codes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def manifest(assets: Path) -> list[Row]:
    """All rows, in the file's order."""
    out = []
    for row in csv.DictReader((assets / "MANIFEST.csv").read_text().splitlines()):
        values = [row[name] for name in ("prims", "meshes", "triangles", "instances")]
        numbers = tuple(int(v) for v in values if v)
        errors = int(row["composition_errors"] or 0)
        out.append(Row(row["file"], numbers if len(numbers) == 4 else None, errors))
    return out


def counts(stage: Any) -> tuple[int, int, int, int]:
    """Prims, meshes, triangles and native instances as MANIFEST.csv counts them.

    Prims and instances: Stage.TraverseAll(), so undefined, abstract and inactive ones, too, but no proxies. Meshes and
    triangles also of the native prototypes, each once. Triangles: corners - 2 of each face of each mesh, at the earliest time.
    """
    prims = list(stage.TraverseAll())
    every = [*prims, *(p for root in stage.GetPrototypes() for p in Usd.PrimRange.AllPrims(root))]
    meshes = [UsdGeom.Mesh(p) for p in every if p.IsA(UsdGeom.Mesh)]
    triangles = 0
    for mesh in meshes:
        corners = np.array(mesh.GetFaceVertexCountsAttr().Get(Usd.TimeCode.EarliestTime()) or [], np.int64)
        triangles += int(np.maximum(corners - 2, 0).sum())
    return len(prims), len(meshes), triangles, sum(p.IsInstance() for p in prims)


def examine(library: Library, row: Row) -> Verdict:
    """Read one file whole and compare it with the manifest and with pxr."""
    reading = library.read(row.file)
    if reading.opened is None:
        return Verdict(row.file, "refused", reason=reading.refusal)
    verdict = Verdict(row.file, "equal")
    with quiet():
        verdict.counts = counts(reading.opened.stage)
    if row.counts is not None and not _fits(row, verdict.counts):
        verdict.problems.append(f"{row.file} | counts | expected {row.counts} | got {verdict.counts}")
    verdict.problems += differences(reading)
    _measure(reading, verdict)
    verdict.state = "different" if verdict.problems else "equal"
    return verdict


def _fits(row: Row, got: tuple[int, int, int, int]) -> bool:
    """Whether a file has the manifest's counts: prims may be more where pxr alone could not compose a reference."""
    assert row.counts is not None
    return got[1:] == row.counts[1:] and (
        got[0] == row.counts[0] or (row.errors > 0 and got[0] > row.counts[0])
    )


def _measure(reading: Reading, verdict: Verdict) -> None:
    snapshot = reading.snapshot()
    verdict.rows, verdict.points = len(snapshot.prims), len(snapshot.points)
    verdict.drawings, verdict.prototypes = len(snapshot.instances), len(snapshot.prototypes)
    verdict.finding_codes = sorted({finding.code for finding in snapshot.findings})


def bake(reading: Reading, validate: Validate, baked: set[str]) -> tuple[int, list[str]]:
    """Bytes and faults of the GLB of each shape that is not in `baked` (hashes) yet; `validate` gives a GLB's errors."""
    size, faults = 0, []
    for prototype in reading.snapshot().prototypes:
        if prototype.hash in baked:
            continue
        baked.add(prototype.hash)
        data = bake_prototype(prototype)
        size += len(data)
        faults += [f"{reading.name} | {prototype.source} | GLB | {text}" for text in validate(data)]
    return size, faults
