"""A run that is killed again and again, against one that nobody touched: `make soak-synth-kill`.

Half of the kills (SIGKILL) take the whole run, half a single worker, at random points between the first frame and the last;
each time the run is started again. In the end every file but run.log has the same SHA-256. One line of JSON a kill goes to
out/soak/synth-kill/kills.jsonl; kills that are there are not made again (`--fresh` begins anew). Exit 1 where bytes differ.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Kill, resume, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", default="null")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "soak" / "synth-kill")
    parser.add_argument("--fresh", action="store_true")
    options = parser.parse_args()
    if options.fresh:
        shutil.rmtree(options.out, ignore_errors=True)
    options.out.mkdir(parents=True, exist_ok=True)
    recipe = write_recipe(options.out, options.frames, options.engine)
    whole, killed = options.out / "whole", options.out / "killed"
    if not finished(whole):
        run(recipe, whole, options.workers).wait()
    log = options.out / "kills.jsonl"
    told = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    chance = random.Random(options.seed)
    points = sorted(chance.sample(range(1, options.frames - 1), options.kills))
    ways = [chance.choice(("run", "worker")) for _ in points]
    delays = [chance.uniform(0, 0.1) for _ in points]
    for number in range(len(told), options.kills):
        row = kill(recipe, killed, options.workers, points[number], ways[number], delays[number])
        told.append({"kill": number, **row})
        with log.open("a") as stream:
            stream.write(json.dumps(told[-1]) + "\n")
        print(json.dumps(told[-1]), flush=True)
    if not finished(killed):
        run(recipe, killed, options.workers).wait()
    return compare(whole, killed, told)


def write_recipe(folder: Path, frames: int, engine: str) -> Path:
    """The tests' small yard and its recipe, as files."""
    spec = importlib.util.spec_from_file_location("yard", ROOT / "tests" / "synth" / "conftest.py")
    assert spec is not None and spec.loader is not None
    yard = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(yard)
    path = folder / "recipe.yaml"
    if not path.exists():
        yard.write_yard(folder)
        recipe = {**yard.YARD_RECIPE, "frames": frames, "engine": {"kind": engine}}
        path.write_text(yaml.safe_dump(recipe, sort_keys=False))
    return path


def run(recipe: Path, out: Path, workers: int) -> "subprocess.Popen[bytes]":
    """A generation in a process group of its own."""
    command = [sys.executable, "-m", "twinstage", "synth", "generate", recipe, "--out", out]
    return subprocess.Popen(
        [*map(str, command), "--workers", str(workers)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def kill(recipe: Path, out: Path, workers: int, point: int, way: str, delay: float) -> dict[str, Any]:
    """Start the run, and end it with SIGKILL once `point` frames are there; what was left."""
    process = run(recipe, out, workers)

    def at_work() -> bool:
        return workers == 1 or bool(children(process.pid))

    while process.poll() is None and (frames_there(out) < point or not at_work()):
        time.sleep(0.02)  # a run that goes on has the frames at once, and its workers only seconds later
    time.sleep(delay)
    victims = children(process.pid) if way == "worker" else []
    if process.poll() is None and victims:
        os.kill(victims[-1], signal.SIGKILL)
    elif process.poll() is None:
        way = "run"
        os.killpg(process.pid, signal.SIGKILL)
    _, said = process.communicate(timeout=120)
    parts = len(list(out.rglob("*.part")))
    last = said.decode().strip().splitlines()[-1:] if way == "worker" else []
    return {"way": way, "frames": frames_there(out), "parts": parts, "exit": process.returncode, "said": last}


def frames_there(out: Path) -> int:
    """How many frames are whole."""
    folder = out / "records"
    return sum(name.endswith(".json") for name in os.listdir(folder)) if folder.is_dir() else 0


def children(pid: int) -> list[int]:
    """The worker processes of a run: its children that multiprocessing spawned to work."""
    out = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            command = (stat.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if int(fields[1]) == pid and b"spawn_main" in command:
            out.append(int(stat.parent.name))
    return sorted(out)


def finished(out: Path) -> bool:
    """Whether a dataset is complete."""
    return (out / "manifest.json").exists() and not (out / ".run.json").exists()


def compare(whole: Path, killed: Path, told: list[dict[str, Any]]) -> int:
    """Compare the two datasets file by file."""
    one, two = hashes(whole), hashes(killed)
    odd = sorted(name for name in one.keys() | two.keys() if one.get(name) != two.get(name))
    torn = sum(row["parts"] > 0 for row in told)
    unclear = [row for row in told if row["way"] == "worker" and row["exit"] not in (3, 0)]
    print(f"{len(told)} kills, {torn} of them in the midst of a file; {len(one)} files, {len(odd)} differ")
    for name in odd[:10]:
        print(f"differs: {name}")
    for row in unclear:
        print(f"a dead worker was not told: {row}")
    return 1 if odd or unclear or not one else 0


def hashes(out: Path) -> dict[str, str]:
    """SHA-256 of every file but run.log."""
    files = (path for path in out.rglob("*") if path.is_file() and path.name != "run.log")
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


if __name__ == "__main__":
    sys.exit(main())
