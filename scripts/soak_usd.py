"""Every USD file of the shared assets, read through the product's own door, judged by pxr, the glTF validator and Blender.

A file opens in a guarded child first, then in a worker process: counts of the manifest, the whole comparison of
tests/conformance at two moments, and each shape as GLB before the validator. Then stages that draw polygon meshes only
are compared with Blender's own import. One JSON line a file goes to out/soak/usd.jsonl; started again, it goes on with
the files that are missing there (--fresh begins anew). Exit 1 if a file differs, fails or takes too long.
"""

import argparse
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
LOG = ROOT / "out" / "soak" / "usd.jsonl"
ASSETS = ROOT.parent / "shared" / "assets"
LIMIT_S = 60.0
"""For one file, with all its comparisons."""


def work(pipe: Connection) -> None:
    """A worker: gets manifest rows, gives one dict a row; None ends it."""
    import gltf_validator
    from conformance.files import Row, bake, examine
    from conformance.reading import Library

    library, baked = Library(ASSETS, probe=True), set()
    try:
        gltf_validator.validator()
        validate = gltf_validator.validate
    except gltf_validator.ValidatorMissing:
        validate = None
    while (row := pipe.recv()) is not None:
        begin = time.perf_counter()
        verdict = examine(library, Row(*row))
        out = verdict.as_dict() | {"glb_bytes": 0, "validated": validate is not None}
        reading = library.read(verdict.file)
        if reading.opened is not None and validate is not None:
            out["glb_bytes"], faults = bake(reading, validate, baked)
            out["problems"] += faults
        if out["problems"]:
            out["state"] = "different"
        out["seconds"] = round(time.perf_counter() - begin, 3)
        library.close()
        pipe.send(out)
    gltf_validator.close()


class Worker:
    """A worker process, made anew after a file that crashed it or ran out of time."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._start()

    def _start(self) -> None:
        self._pipe, far = self._context.Pipe()
        self._process = self._context.Process(target=work, args=(far,), daemon=False)
        self._process.start()
        far.close()

    def examine(self, row: tuple[Any, ...]) -> dict[str, Any]:
        """The verdict of one file; a state of `crashed` or `late` where there is none."""
        self._pipe.send(row)
        state = "late"
        if self._pipe.poll(LIMIT_S):
            try:
                return dict(self._pipe.recv())
            except EOFError:
                state = "crashed"
        self._process.kill()
        self._process.join()
        self._start()
        return {"file": row[0], "state": state, "problems": [f"{row[0]} | {state} within {LIMIT_S:.0f} s"]}

    def close(self) -> None:
        """End the worker."""
        self._pipe.send(None)
        self._process.join(30)


def done(log: Path) -> dict[str, dict[str, Any]]:
    """What the log holds, by file."""
    lines = log.read_text("utf-8").splitlines() if log.exists() else []
    return {row["file"]: row for row in map(json.loads, lines)}


def blender_python(make: bool) -> Path | None:
    """A Python with bpy; where there is none and Python 3.11 is at hand, .venv-bpy is made."""
    from twinstage.render.engines.bpy_link import find_python

    found = find_python()
    python = sys.executable if sys.version_info[:2] == (3, 11) else shutil.which("python3.11")
    if found is not None or not make or python is None:
        return found
    folder = ROOT / ".venv-bpy"
    print("soak: making .venv-bpy with bpy 5.0 (380 MB, once)", file=sys.stderr)
    if Path(python) == Path(sys.executable):
        venv.create(folder, with_pip=True)
    else:
        subprocess.run([python, "-m", "venv", str(folder)], check=True)
    install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "bpy>=5.0,<5.1"]
    if subprocess.run(install).returncode != 0:
        shutil.rmtree(folder)
        return None
    return folder / "bin" / "python"


def against_blender(python: Path, names: list[str]) -> list[dict[str, Any]]:
    """One line a stage that draws polygon meshes only: whether Blender's import gives the same triangles."""
    from conformance.blender import GAPS, OTHERWISE, comparable, export, match
    from conformance.reading import Library

    library = Library(ASSETS)
    stages = [name for name in names if comparable(library.read(name))]
    out = []
    with tempfile.TemporaryDirectory() as folder:
        imported = export([ASSETS / name for name in stages], Path(folder), python, timeout=1800)
    for name, faces in zip(stages, imported, strict=True):
        result = match(library.read(name), faces)
        reason = GAPS.get(name) or OTHERWISE.get(name, "")
        row = {
            "file": f"blender:{name}",
            "state": "equal" if result.same else "otherwise" if reason else "different",
            "triangles": result.both,
            "reason": "" if result.same else reason,
            "problems": [],
        }
        if row["state"] == "different":
            row["problems"] = [
                f"{name} | Blender | {result.both} triangles equal, {result.only_a} only ours, "
                f"{result.only_b} only Blender's | {result.example}"
            ]
        out.append(row)
    return out


def summary(rows: list[dict[str, Any]]) -> int:
    """Print what became of all files; the exit status."""
    files = [row for row in rows if not row["file"].startswith("blender:")]
    stages = [row for row in rows if row["file"].startswith("blender:")]
    for title, group in (("files", files), ("stages against Blender", stages)):
        states: dict[str, int] = {}
        for row in group:
            states[row["state"]] = states.get(row["state"], 0) + 1
        print(f"soak: {len(group)} {title}: {', '.join(f'{n} {s}' for s, n in sorted(states.items()))}")
    for row in rows:
        if row["state"] in ("refused", "otherwise"):
            print(f"  {row['file']}: {row['reason'].replace(str(ASSETS), '...')}")
    wrong = [text for row in rows for text in row["problems"]]
    print("\n".join(wrong[:60]))
    return 1 if wrong else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fresh", action="store_true", help="forget the log")
    parser.add_argument("--no-blender", action="store_true", help="leave Blender out")
    parser.add_argument("--log", type=Path, default=LOG, help="the JSON lines that it goes on from")
    parser.add_argument("--only", default="", help="files whose name holds this")
    arguments = parser.parse_args()
    if not ASSETS.is_dir():
        print("soak: the shared asset folder ../shared is absent", file=sys.stderr)
        return 2
    from conformance.files import manifest

    arguments.log.parent.mkdir(parents=True, exist_ok=True)
    if arguments.fresh:
        arguments.log.unlink(missing_ok=True)
    known = done(arguments.log)
    rows = [row for row in manifest(ASSETS) if arguments.only in row.file]
    worker = Worker()
    with arguments.log.open("a", encoding="utf-8") as log:
        for row in rows:
            if row.file not in known:
                known[row.file] = worker.examine((row.file, row.counts, row.errors))
                log.write(json.dumps(known[row.file]) + "\n")
                log.flush()
        worker.close()
        names = [row.file for row in rows if known[row.file]["state"] in ("equal", "different")]
        if not arguments.no_blender and not any(name.startswith("blender:") for name in known):
            python = blender_python(make=True)
            if python is None:
                print(
                    "soak: no Python with bpy and no Python 3.11 to make one, so Blender is left out",
                    file=sys.stderr,
                )
            for line in against_blender(python, names) if python else ():
                known[line["file"]] = line
                log.write(json.dumps(line) + "\n")
    return summary([row for row in known.values() if arguments.only in row["file"]])


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    sys.exit(main())
