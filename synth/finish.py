"""The end of a run: exports, contact sheet, the judge's verdict, report and manifest, made of the files alone.

Touches files. A merge ends the same way, and so has the bytes of a run that was never shared out.
"""

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from twinstage.synth import dataset as layout
from twinstage.synth.canonical import sha256_file, sha256_hex, write_atomic
from twinstage.synth.contact_sheet import contact_sheet
from twinstage.synth.models import models_document
from twinstage.synth.recipe import Recipe
from twinstage.synth.report import report_html
from twinstage.synth.verify import Report, verify
from twinstage.synth.writers.base import Writer, export

REPORT, SHEET = "report.html", "contact_sheet.png"
MADE_TOGETHER = frozenset({REPORT, SHEET, layout.RECIPE, layout.LABELS, layout.MODELS_FILE})
"""Files that are made of the recipe or of all frames, not of single ones; exports have folders of their own."""


@dataclass(frozen=True, slots=True)
class Generated:
    """What a run made.

    Attributes:
        rejected: frame numbers with the reason of their last attempt.
        refusals: how many attempts each rule refused.
        frames: those of the shard; of: those of the whole dataset.
        unseen: classes of the recipe of which no image shows an annotated object.
        idle: randomizers whose `when` leaves them nothing to do in any frame of the dataset.
        checks: comparisons that the judge made, None where it was not asked; findings: what it found.
        redrawn: how many objects it drew again from their models, in words.
    """

    out: Path
    frames: int
    images: int
    annotations: int
    rejected: dict[int, str]
    of: int
    refusals: dict[str, int] = field(default_factory=dict)
    unseen: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()
    checks: int | None = None
    findings: tuple[str, ...] = ()
    redrawn: str = ""


def labels_document(recipe: Recipe) -> dict[str, Any]:
    """`labels.json`: classes with ids from 1 in the recipe's order, and what decides which objects are annotated."""
    classes = [
        {"id": i, "name": c.name, "labels": list(c.scene_labels), "supercategory": c.supercategory}
        | c.keypoint_document()
        for i, c in enumerate(recipe.labels, start=1)
    ]
    accept = recipe.accept.model_dump(include={"min_visible_px", "min_visibility"})
    return {"labels": 1, "classes": classes, "accept": accept, "splits": list(recipe.splits)}


def finish(out: Path, recipe: Recipe, state: dict[str, Any], *, judged: bool = True) -> Generated:
    """Write what is made of all frames together; and the numbers of the run. `state`: what `.run.json` says."""
    dataset = layout.Dataset(out)
    symmetries = {cls.name: cls.symmetries for cls in recipe.labels}
    if layout.MODELS in recipe.annotate:  # before the exports, which may need it
        write_atomic(out / layout.MODELS_FILE, models_document(dataset, symmetries))
    for writer in recipe.export:
        export(writer, dataset, out)
    sheet = contact_sheet(dataset)
    if sheet is not None:
        write_atomic(out / SHEET, sheet)
    (out / REPORT).unlink(missing_ok=True)  # that of an attempt to end this run
    result = _count(out, recipe)
    hashes = _hashes(out)
    write_manifest(out, _manifest(recipe, state, result, hashes))
    verdict = judge(out) if judged else None
    report = report_html(dataset, verdict)
    write_atomic(out / REPORT, report)
    hashes = dict(sorted({**hashes, REPORT: sha256_hex(report)}.items()))
    write_manifest(out, _manifest(recipe, state, result, hashes))
    (out / layout.STATE).unlink()
    if verdict is None:
        return result
    return replace(
        result,
        checks=verdict.checks,
        findings=tuple(map(str, verdict.findings)),
        redrawn=verdict.redrawn_line,
    )


def judge(out: Path) -> Report:
    """The verdict on a dataset that is finished but for its report and `.run.json`."""
    verdict = verify(out)
    findings = [f for f in verdict.findings if not (f.code == "file.foreign" and f.where == layout.STATE)]
    return replace(verdict, findings=tuple(findings))


def write_manifest(out: Path, manifest: dict[str, Any]) -> None:
    """Put the manifest into place."""
    write_atomic(out / layout.MANIFEST, json.dumps(manifest, indent=1, sort_keys=True).encode() + b"\n")


def _manifest(
    recipe: Recipe, state: dict[str, Any], result: Generated, hashes: dict[str, str]
) -> dict[str, Any]:
    return {
        "manifest": 1,
        "recipe_hash": recipe.hash,
        "seed": recipe.seed,
        "frames": recipe.frames,
        "shard": state["shard"],
        "cameras": [camera.name for camera in recipe.cameras],
        "annotate": list(recipe.annotate),
        "exports": [_export_entry(writer) for writer in recipe.export],
        "stage": state["stages"][0],
        "stages": state["stages"],
        "inputs": state["inputs"],
        **({"start": state["start"]} if "start" in state else {}),
        "versions": state["versions"],
        "counts": {
            "frames": result.frames,
            "rejected": len(result.rejected),
            "images": result.images,
            "annotations": result.annotations,
        },
        "refusals": result.refusals,
        "files": hashes,
    }


def _export_entry(writer: Writer) -> dict[str, Any]:
    named = {"cameras": list(writer.cameras)} if writer.cameras else {}
    return {"kind": writer.kind, "folder": writer.folder, **named}


def _count(out: Path, recipe: Recipe) -> Generated:
    dataset = layout.Dataset(out)
    accept = dataset.labels()["accept"]
    frames = images = annotations = 0
    rejected, refusals, seen = {}, Counter[str](), set[str]()
    for record in dataset.records():
        frames += 1
        images += len(record["cameras"])
        refusals.update(attempt["rule"] for attempt in record["rejected_attempts"])
        for camera in record["cameras"]:
            shown = [item["class"] for item in camera["objects"] if layout.is_annotated(item, accept)]
            annotations += len(shown)
            seen.update(shown)
        if record["rejected"]:
            rejected[record["frame"]] = record["rejected_attempts"][-1]["reason"]
    counted = dict(sorted(refusals.items()))
    unseen = tuple(c.name for c in recipe.labels if c.name not in seen)
    idle = tuple(r.name for r in recipe.randomize if r.when.never(recipe.frames))
    return Generated(out, frames, images, annotations, rejected, recipe.frames, counted, unseen, idle)


def _hashes(out: Path) -> dict[str, str]:
    unlisted = {layout.MANIFEST, layout.LOG, layout.STATE}
    files = sorted(p for p in out.rglob("*") if p.is_file() and p.relative_to(out).as_posix() not in unlisted)
    return {p.relative_to(out).as_posix(): sha256_file(p) for p in files}
