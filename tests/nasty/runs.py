"""Datasets of nasty stages, made, judged, compared with pxr and thrown away: what the soak and its small sister in CI run."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nasty.damage import spoil
from nasty.recipes import recipe
from nasty.stages import CAMERAS, CLASSES, write
from nasty.truth import disagreements

EACH = 250
"""Frames of a dataset."""
ALL_FILES = ("depth", "depth_mm", "range", "normal", "panoptic", "semantic", "normal_camera")
FILES: tuple[tuple[str, ...], ...] = ((), ("depth", "instance", "nocs"), (), ("models",), (), ALL_FILES)
"""What datasets have beside their records, in turn."""
COMPARED = 12
"""Frames of a dataset that are compared with pxr."""


def jobs(frames: int, each: int = EACH) -> Iterator[dict[str, Any]]:
    """The datasets: seed, camera, files, frames. Models are many where sizes are drawn, so those have fewer frames."""
    seed, left = 0, frames
    while left > 0:
        files = FILES[seed % len(FILES)]
        count = min(left, each // 5 if "models" in files else each)
        yield {
            "seed": seed,
            "camera": CAMERAS[seed % len(CAMERAS)],
            "files": list(files),
            "frames": count,
            "placed": seed % 2 == 1,
        }
        seed, left = seed + 1, left - count


def dataset(job: dict[str, Any], folder: Path, judged: bool = True, **changes: Any) -> Any:
    """Write the stage and the dataset of a job; what `generate` says of it."""
    from twinstage.synth.generation import generate
    from twinstage.synth.recipe import parse_recipe

    write(folder, job["seed"])
    cameras = tuple(job.get("cameras", (job.get("camera"),)))
    data = recipe(
        job["seed"],
        job["frames"],
        cameras,
        annotate=job["files"],
        engine={"kind": "null"},
        placed=job.get("placed", False),
        **changes,
    )
    return generate(parse_recipe(data), folder / "out", base_dir=folder, judged=judged)


def work(job: dict[str, Any]) -> dict[str, Any]:
    """One dataset: made, judged, compared with pxr, removed. A line of the log."""
    from twinstage.synth.verify import verify

    begin = time.process_time()
    with tempfile.TemporaryDirectory(prefix="twinstage-soak-") as name:
        folder = Path(name)
        made = dataset(job, folder, judged=False)  # once is enough
        middle = time.process_time()
        report = verify(folder / "out")
        step = max(1, job["frames"] // COMPARED)
        frames = list(range(0, job["frames"], step))
        compared, differ = disagreements(folder / "nasty.usda", folder / "out", frames, CLASSES)
    return job | {
        "frames": made.frames,
        "rejected": len(made.rejected),
        "annotations": made.annotations,
        "checks": report.checks,
        "findings": [str(finding) for finding in report.findings[:20]],
        "violations": len(report.findings),
        "compared": compared,
        "differ": differ[:20],
        "seconds": [round(middle - begin, 2), round(time.process_time() - middle, 2)],
    }


def spoilt(seed: int, source: str) -> dict[str, Any]:
    """One corruption of a dataset, and whether a rule that fits names it."""
    from twinstage.synth.verify import verify

    with tempfile.TemporaryDirectory(prefix="twinstage-soak-") as name:
        copy = Path(shutil.copytree(source, Path(name) / "d"))
        operator, rules = spoil(copy, seed)
        found = sorted({finding.code for finding in verify(copy).findings})
    return {"damage": seed, "operator": operator, "found": found, "named": bool(rules & set(found))}


SPOILT: dict[str, Any] = {
    "seed": 1,
    "frames": 2,
    "cameras": ("plain", "brown", "rolling"),
    "files": ["depth", "instance", "normal", "models"],
    "placed": True,
}
"""The dataset that is spoilt."""

SMALL: dict[str, Any] = {"resolution": [96, 72], "splits": {"train": 1, "val": 1}, "split_by": ["asset"]}
"""What its recipe has of its own."""
