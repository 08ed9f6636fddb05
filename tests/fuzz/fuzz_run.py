"""One case after the other through one reused, limited child; the same seed gives the same case."""

import os
import random
import shutil
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fuzz_hostile import hostile, save
from fuzz_mutate import mutate, sources
from fuzz_places import Watch, make_places

from twinstage.scene.probe import ProbeLimits
from twinstage.scene.safe.examiner import SCENE_TASK, Examination, Examiner

LIMITS = ProbeLimits(time_s=8.0, memory=2 << 30)
MOST_BESIDE = 300_000
"""Files beside a real one are copied with it where all together are no larger [bytes]."""


@dataclass(frozen=True)
class Case:
    """`kind`: "mutated FILE" or "hostile FEATURES"; `path`: the stage to open; `walled`: with the kernel's wall."""

    number: int
    kind: str
    path: Path
    walled: bool


class Fuzz:
    """Places, canaries, two children (with the kernel's wall and without), and the cases by number."""

    def __init__(self, base: Path, assets: Path | None, seed: int, limits: ProbeLimits = LIMITS) -> None:
        self.seed = seed
        self.limits = limits
        self.base = base
        self.sources = sources(assets) if assets is not None else []
        self.places = make_places(base / "hostile")
        self.watch = Watch(self.places.canaries)
        # Names without a folder are also looked for in the working folder: it is the one outside.
        self._home = os.getcwd()
        os.chdir(self.places.outside)
        self.walled, self.open = Examiner(), Examiner(landlock=False)

    def close(self) -> None:
        """End the children."""
        self.walled.close()
        self.open.close()
        self.watch.close()
        os.chdir(self._home)

    def case(self, number: int) -> Case:
        """Write case `number` to disk."""
        rng = random.Random(f"{self.seed}:{number}")
        if self.sources and number % 2:
            source = rng.choice(self.sources)
            path = self._beside(source)
            data = mutate(rng, source.read_bytes(), rng.choice(self.sources).read_bytes())
            path.unlink()
            path.write_bytes(data)
            return Case(number, f"mutated {source.name}", path, number % 4 == 1)
        names, text = hostile(rng, self.places)
        path = self.places.scene / "stage.usda"
        save(path, text)
        # Mostly without the kernel's wall: there the screen alone has to hold.
        return Case(number, f"hostile {' '.join(names)}", path, number % 8 == 0)

    def run(self, case: Case) -> Examination:
        """Try it in a child, as opening a stage does."""
        request = {
            "path": str(case.path),
            "roots": [],
            "depth": "snapshot",
            "load": "all",
            "population": None,
        }
        return (self.walled if case.walled else self.open).examine(SCENE_TASK, request, self.limits)

    def rows(self, numbers: Iterable[int], parent_each: int = 10) -> Iterator[dict[str, Any]]:
        """Run cases; a JSON row each. `canary`: canaries that anybody opened meanwhile.

        Of the cases that the child opens, those whose number `parent_each` divides are opened in this process, too.
        """
        for number in numbers:
            case = self.case(number)
            self.watch.taken()  # writing a case may link to canaries
            done = self.run(case)
            if done.outcome == "ok" and number % parent_each == 0:
                open_here(case.path)
            yield {
                "number": number,
                "kind": case.kind,
                "walled": case.walled,
                "outcome": done.outcome,
                "message": done.message[:300],
                "seconds": round(done.seconds, 3),
                "peak_mb": done.peak_memory >> 20,
                "codes": sorted({f["code"] for f in done.answer.get("findings", ())}),
                "canary": self.watch.taken(),
            }

    def _beside(self, source: Path) -> Path:
        """The source's place in a folder of its own, with the small files beside it."""
        folder = self.base / "mutated" / f"{self.sources.index(source)}"
        path = folder / source.name
        if not folder.is_dir():
            folder.mkdir(parents=True)
            beside = [p for p in source.parent.iterdir() if p.is_file()]
            if sum(p.stat().st_size for p in beside) <= MOST_BESIDE:
                for other in beside:
                    shutil.copyfile(other, folder / other.name)
            else:
                shutil.copyfile(source, path)
        return path


def open_here(path: Path) -> None:
    """Open and read a stage as the commands do once the child found no fault."""
    from twinstage.scene.read import read_snapshot
    from twinstage.scene.stage import open_stage

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's about numbers that are none
        read_snapshot(open_stage(path, probe=False))


def faults(row: dict[str, Any]) -> list[str]:
    """What a row proves wrong with us: empty where the case was survived."""
    found = []
    if row["canary"]:
        found.append(f"opened {row['canary']} outside")
    if row["seconds"] > 10:
        found.append(f"took {row['seconds']} s")
    if row["peak_mb"] > 2048:
        found.append(f"took {row['peak_mb']} MB")
    if row["outcome"] == "failure":
        found.append(f"a reader of ours failed: {row['message']}")
    return found


__all__ = ["LIMITS", "Case", "Fuzz", "faults", "open_here"]
