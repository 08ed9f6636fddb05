"""The proof of labels at length: datasets of nasty stages, made, judged from their files, compared with pxr, and thrown away.

10,000 frames with at least 200,000 annotated objects, some forty datasets: each a stage, a camera and a choice of files of
its own. One JSON line a dataset goes to out/soak/synth.jsonl; started again, it goes on with those that are missing there
(--fresh begins anew). Then seeded corruptions of one dataset, all of which the judge has to name (--damage). Exit 1 for
any finding, any difference from pxr, any corruption that was missed, or fewer objects than promised.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
LOG = ROOT / "out" / "soak" / "synth.jsonl"
FRAMES, ANNOTATIONS = 10_000, 200_000
EACH = 250
"""Frames of a dataset."""
FILES: tuple[tuple[str, ...], ...] = ((), ("depth", "instance"), (), ("models",), (), ("depth", "normal"))
"""What datasets have beside their records, in turn."""
COMPARED = 12
"""Frames of a dataset that are compared with pxr."""
FIRST_UNSEEN = 1000
"""Corruptions were written with seeds below."""


def jobs(frames: int) -> Iterator[dict[str, Any]]:
    """The datasets: seed, camera, files, frames. Models are many where sizes are drawn, so those have fewer frames."""
    from nasty.stages import CAMERAS

    seed = left = 0
    left = frames
    while left > 0:
        files = FILES[seed % len(FILES)]
        count = min(left, EACH // 5 if "models" in files else EACH)
        yield {"seed": seed, "camera": CAMERAS[seed % len(CAMERAS)], "files": list(files), "frames": count}
        seed, left = seed + 1, left - count


def dataset(job: dict[str, Any], folder: Path, **changes: Any) -> Any:
    """Write the stage and the dataset of a job; what `generate` says of it."""
    from nasty.recipes import recipe
    from nasty.stages import write

    from twinstage.synth.generate import generate
    from twinstage.synth.recipe import parse_recipe

    write(folder, job["seed"])
    cameras = tuple(job.get("cameras", (job.get("camera"),)))
    data = recipe(
        job["seed"], job["frames"], cameras, annotate=job["files"], engine={"kind": "null"}, **changes
    )
    return generate(parse_recipe(data), folder / "out", base_dir=folder)


def work(job: dict[str, Any]) -> dict[str, Any]:
    """One dataset: made, judged, compared with pxr, removed. A line of the log."""
    from nasty.stages import CLASSES
    from nasty.truth import disagreements

    from twinstage.synth.verify import verify

    begin = time.process_time()
    with tempfile.TemporaryDirectory(prefix="twinstage-soak-") as name:
        folder = Path(name)
        made = dataset(job, folder)
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
    from nasty.damage import spoil

    from twinstage.synth.verify import verify

    with tempfile.TemporaryDirectory(prefix="twinstage-soak-") as name:
        copy = Path(shutil.copytree(source, Path(name) / "d"))
        operator, rules = spoil(copy, seed)
        found = sorted({finding.code for finding in verify(copy).findings})
    return {"damage": seed, "operator": operator, "found": found, "named": bool(rules & set(found))}


def known(log: Path) -> list[dict[str, Any]]:
    """What the log holds already."""
    return [json.loads(line) for line in log.read_text("utf-8").splitlines()] if log.exists() else []


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--damage", type=int, default=200, help="corruptions, from seed 1000 on")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--log", type=Path, default=LOG)
    parser.add_argument("--fresh", action="store_true", help="forget what the log holds")
    args = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TBB_NUM_THREADS", "EMBREE_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # a process a core, with a thread each
    args.log.parent.mkdir(parents=True, exist_ok=True)
    if args.fresh:
        args.log.unlink(missing_ok=True)
    lines = known(args.log)
    done = {json.dumps([line["seed"], line["asked"]]) for line in lines if "seed" in line}
    damaged = {line["damage"] for line in lines if "damage" in line}
    begin = time.monotonic()
    with (
        ProcessPoolExecutor(args.workers, get_context("spawn")) as pool,
        tempfile.TemporaryDirectory(prefix="twinstage-soak-") as name,
        open(args.log, "a", encoding="utf-8") as log,
    ):
        todo = [job | {"asked": job["frames"]} for job in jobs(args.frames)]
        waiting = [pool.submit(work, j) for j in todo if json.dumps([j["seed"], j["asked"]]) not in done]
        seeds = [FIRST_UNSEEN + k for k in range(args.damage) if FIRST_UNSEEN + k not in damaged]
        if seeds:
            job = {"seed": 1, "frames": 2, "cameras": ("plain", "brown", "rolling"), "camera": "plain"}
            job["files"] = ["depth", "instance", "normal", "models"]
            dataset(job, Path(name), resolution=[96, 72], splits={"train": 1, "val": 1})
            waiting += [pool.submit(spoilt, seed, str(Path(name) / "out")) for seed in seeds]
        for future in as_completed(waiting):
            line = future.result()
            lines.append(line)
            log.write(json.dumps(line) + "\n")
            log.flush()
            print(_told(line), flush=True)
    return _verdict(lines, args.frames, args.damage, time.monotonic() - begin)


def _told(line: dict[str, Any]) -> str:
    if "damage" in line:
        return f"damage {line['damage']}: {line['operator']}: {'named' if line['named'] else 'MISSED'}"
    text = f"seed {line['seed']} {line['camera']} {line['files']}: {line['frames']} frames, "
    text += f"{line['annotations']} annotations, {line['violations']} violations, {len(line['differ'])} differences"
    return "\n  ".join([text, *line["findings"][:3], *line["differ"][:3]])


def _verdict(lines: list[dict[str, Any]], frames: int, damage: int, seconds: float) -> int:
    sets, spoils = [x for x in lines if "seed" in x], [x for x in lines if "damage" in x]
    total = {
        k: sum(x[k] for x in sets) for k in ("frames", "annotations", "checks", "violations", "compared")
    }
    differ = sum(len(x["differ"]) for x in sets)
    missed = [x for x in spoils if not x["named"]]
    print(
        f"{total['frames']} frames, {total['annotations']} annotations, {total['checks']} checks, "
        f"{total['violations']} violations; {total['compared']} objects compared with pxr, {differ} differ; "
        f"{len(spoils)} corruptions of {len({x['operator'] for x in spoils})} kinds, {len(missed)} missed; {seconds:.0f} s"
    )
    enough = total["frames"] >= frames and (frames < FRAMES or total["annotations"] >= ANNOTATIONS)
    return 0 if enough and not (total["violations"] or differ or missed) else 1


if __name__ == "__main__":
    sys.exit(main())
