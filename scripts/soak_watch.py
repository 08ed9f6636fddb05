"""Hundreds of saves of a stage that is served and watched: memory, open files, layers and names of generations stay flat.

    python scripts/soak_watch.py                     # 200 saves, one in ten of them broken
    python scripts/soak_watch.py --saves 30          # the short form, also in the tests

Prints a line every so often; exits with 1 where something grows: resident memory of the twin and of the process that watches
by more than SLACK, files, layers and generations at all.
"""

import argparse
import gc
import os
import statistics
import sys
import tempfile
import time
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np

SLACK_MB = 24.0
"""Allocators keep some; 200 leaked generations of this stage would be some 900 MB."""
MESHES, POINTS = 60, 4000


@dataclass(frozen=True)
class Look:
    """What is held: memory of twin and child [MB], open files of both, layers loaded in the twin, links."""

    twin_mb: float
    child_mb: float
    twin_files: int
    child_files: int
    layers: int
    links: int


def write_parts(path: Path, number: int) -> None:
    """A crate of meshes; one of them is another for each number."""
    from pxr import Usd, UsdGeom, Vt

    stage = Usd.Stage.CreateNew(str(path))
    stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, "/Hall").GetPrim())
    UsdGeom.SetStageMetersPerUnit(stage, 1)
    UsdGeom.SetStageUpAxis(stage, "Z")
    for k in range(MESHES):
        rng = np.random.default_rng(number if k == 7 else -k % 1000)
        points = rng.random((POINTS, 3)).astype(np.float32)
        mesh = UsdGeom.Mesh.Define(stage, f"/Hall/Part{k}")
        mesh.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(points))
        mesh.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(POINTS // 3, 3, np.int32)))
        mesh.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(np.arange(POINTS // 3 * 3, dtype=np.int32)))
        mesh.CreateSubdivisionSchemeAttr("none")
    stage.Save()


def root_text(number: int) -> str:
    """The root layer above the crate."""
    return (
        '#usda 1.0\n(\n    defaultPrim = "Hall"\n    metersPerUnit = 1\n    upAxis = "Z"\n'
        "    subLayers = [@./parts.usdc@]\n)\n"
        f'over "Hall"\n{{\n    def Cube "Box"\n    {{\n        double size = {1 + number / 1000}\n    }}\n}}\n'
    )


class Soak:
    """A watched twin and its saves."""

    def __init__(self, folder: Path) -> None:
        from twinstage.base.clock import SystemClock
        from twinstage.live.server import ServerThread, open_watched
        from twinstage.live.twin import TwinFiles

        self.folder = folder
        self.root = folder / "hall.usda"
        write_parts(folder / "parts.usdc", 0)
        self.root.write_text(root_text(0))
        self.live = open_watched(TwinFiles(self.root), 0.0, clock=SystemClock())
        assert self.live.watch is not None
        self.watch = self.live.watch
        self.server = ServerThread(self.live, host="127.0.0.1", port=0)
        self.server.start()
        self.until("watching", 0)

    def until(self, state: str, saves: int, seconds: float = 120.0) -> None:
        """Wait for a state of the watch."""
        deadline = time.monotonic() + seconds
        while self.watch.status()["state"] != state or self.watch.status()["saves"] < saves:
            if time.monotonic() > deadline:
                sys.exit(f"still not {state} with {saves} saves: {self.watch.status()}")
            self.server.raise_failure()
            time.sleep(0.02)

    def save(self, number: int) -> None:
        """The next save: one in ten cannot be read, then every other one is of the crate."""
        saves = int(self.watch.status()["saves"])
        if number % 10 == 5:
            self.root.write_text(root_text(number)[:120])
            self.until("broken", saves)
        if number % 2:
            self.root.write_text(root_text(number))
        else:
            write_parts(self.folder / "next.usdc", number)
            # Both at once: a crate that is still being written would make a second save of them, counted by nobody.
            if number % 10 == 6:
                self.root.write_text(root_text(number))
            os.replace(self.folder / "next.usdc", self.folder / "parts.usdc")
        self.until("watching", saves + 1)

    def rest(self, seconds: float = 60.0) -> None:
        """Wait until the generation before the present one is gone: the twin keeps it for a moment."""
        deadline = time.monotonic() + seconds
        before, layers = -1, self.layers()
        while self.watch.keeps_past or layers != before:
            if time.monotonic() > deadline:
                sys.exit(
                    f"the generation before is still held after {seconds:g} s, {layers} layers are loaded"
                )
            time.sleep(0.1)
            before, layers = layers, self.layers()

    def layers(self) -> int:
        """Layers that are loaded in the twin."""
        from pxr import Sdf

        return self.server.call(lambda: len(Sdf.Layer.GetLoadedLayers()))

    def look(self) -> Look:
        """What is held at rest."""
        self.rest()
        gc.collect()
        child = self.watch.child
        return Look(
            _memory_mb("self"),
            _memory_mb(str(child)),
            len(os.listdir("/proc/self/fd")),
            len(os.listdir(f"/proc/{child}/fd")),
            self.layers(),
            self.watch.generations,
        )

    def end(self) -> None:
        """Stop serving."""
        self.server.stop()


def _memory_mb(process: str) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def grown(looks: list[Look]) -> list[str]:
    """What grew from the first third of the looks to the last."""
    third = max(1, len(looks) // 3)
    found = []
    for name, before, after in zip(
        Look.__dataclass_fields__,
        zip(*map(astuple, looks[:third]), strict=True),
        zip(*map(astuple, looks[-third:]), strict=True),
        strict=True,
    ):
        slack = SLACK_MB if name.endswith("_mb") else 2
        rise = statistics.median(after) - statistics.median(before)
        if rise > slack:
            found.append(f"{name} grew by {rise:.1f}")
    return found


def soak(saves: int, every: int, folder: Path) -> list[str]:
    """Save so often; what grew."""
    run = Soak(folder)
    looks: list[Look] = []
    try:
        for number in range(1, saves + 1):
            run.save(number)
            if number % every == 0:
                looks.append(run.look())
                print(f"{number:>5} saves  {looks[-1]}", flush=True)
    finally:
        run.end()
    return grown(looks[1:])


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--saves", type=int, default=200)
    parser.add_argument("--every", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = soak(args.saves, args.every or max(2, args.saves // 20), Path(folder))
    print("; ".join(found) or f"{args.saves} saves: nothing grew")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
