"""Breaks a copy, has it mended, judges what came of it. It knows codes, places and pixels, not how things are mended."""

import hashlib
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from broken_bases import BASES, Copy, Fault, copied
from mendable import MENDABLE, Mendable, opened

Found = tuple[str, str]
"""Code and path of a finding."""


@dataclass(frozen=True)
class Product:
    """What is judged, by its public functions; each is given the folder that the file may reach.

    `check`: what is found; `mend`: findings of those codes alone, into a folder: the new layer and what it says that it mended,
    None where nothing was (an asset may have faults of its own, whose mending would change its picture);
    `picture`: u1[h, w, 3] of the whole scene, None where it draws nothing.
    """

    check: Callable[[Path, Path], set[Found]]
    mend: Callable[[Path, Path, Path, frozenset[str]], "tuple[Path, set[Found]] | None"]
    picture: Callable[[Path, Path], "np.ndarray | None"]


@dataclass(frozen=True)
class Outcome:
    """One case. `wrong`: sentences on what is not as promised, none where all is; `mended`: False where it was left alone.

    `seen`: the picture shows something; `hid`: the break changed the picture.
    """

    seed: int
    base: str
    operator: str
    text: str
    named: bool
    mended: bool
    seen: bool
    hid: bool
    wrong: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """For a line of JSON."""
        return asdict(self)


def judge(seed: int, shared: Path, product: Product) -> Outcome:
    """The case of a seed: operators in turn, bases at random until one has the thing."""
    operator = MENDABLE[seed % len(MENDABLE)]
    rng = random.Random(f"mended assets, case {seed}")
    bases = list(BASES)
    rng.shuffle(bases)
    for base in bases:
        with tempfile.TemporaryDirectory() as folder:
            copy = opened(copied(base, shared, Path(folder), rng))
            done = _case(seed, operator, copy, product)
            if done is not None:
                return done
    raise AssertionError(f"no asset can be broken by {operator.name}")


def _case(seed: int, operator: Mendable, copy: Copy, product: Product) -> Outcome | None:
    if operator.intended is not None and not operator.intended(copy):
        return None
    home = copy.home
    known = product.check(copy.root, home)
    clean = product.picture(copy.root, home)
    fault = None if clean is None else operator.spoil(copy)
    if clean is None or fault is None:
        return None
    said = product.check(copy.root, home)
    if not _told(said - known, fault):
        return _outcome(seed, copy, fault, named=False)
    spoilt = product.picture(copy.root, home)
    files = _contents(home)
    done = product.mend(copy.root, home / "mended", home, fault.codes)
    if done is None or not _told(done[1], fault):
        return _outcome(seed, copy, fault)
    layer, mended = done
    after = product.check(layer, home)
    fixed = product.picture(layer, home)
    wrong = [f"told again: {row}" for row in sorted(_told(after, fault))]
    wrong += [f"mended in vain: {row}" for row in sorted(after & mended)]
    wrong += [f"new: {row}" for row in sorted(after - said)]
    if files != {name: data for name, data in _contents(home).items() if name in files}:
        wrong.append("a file that was there is another one now")
    if not _same(fixed, clean):
        count = clean[..., 0].size if fixed is None else int((fixed != clean).any(-1).sum())
        wrong.append(f"{count} pixels are not as before the break")
    if not operator.shows and not _same(spoilt, fixed):
        wrong.append("the picture changed, where it is said that it does not")
    seen = len(np.unique(clean.reshape(-1, 3), axis=0)) > 1
    hid = not _same(clean, spoilt)
    return _outcome(seed, copy, fault, mended=True, seen=seen, hid=hid, wrong=tuple(wrong))


def _same(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    """Pixel by pixel; None is a scene that draws nothing."""
    return one is other if one is None or other is None else np.array_equal(one, other)


def _outcome(seed: int, copy: Copy, fault: Fault, *, named: bool = True, mended: bool = False, seen: bool = False,
             hid: bool = False, wrong: tuple[str, ...] = ()) -> Outcome:  # fmt: skip
    return Outcome(seed, copy.base.name, fault.operator, fault.text, named, mended, seen, hid, wrong)


def _told(rows: Iterable[Found], fault: Fault) -> set[Found]:
    """Those that are about the fault."""
    return {
        (code, path) for code, path in rows
        if code in fault.codes and (not fault.places or any(place in path for place in fault.places))
    }  # fmt: skip


def _contents(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def table(outcomes: Iterable[Outcome]) -> str:
    """By operator: cases, named, mended, as promised; and how many pictures the break had changed."""
    rows: dict[str, list[Outcome]] = {}
    for one in outcomes:
        rows.setdefault(one.operator, []).append(one)
    lines = [f"{'':24} cases  named  mended  as promised  picture shows something  had been changed"]
    for name, cases in sorted(rows.items()):
        counts = Counter(
            named=sum(c.named for c in cases),
            mended=sum(c.mended for c in cases),
            good=sum(c.mended and not c.wrong for c in cases),
            seen=sum(c.seen for c in cases),
            hid=sum(c.hid for c in cases),
        )
        lines.append(
            f"{name:24} {len(cases):5}  {counts['named']:5}  {counts['mended']:6}  {counts['good']:11}"
            f"  {counts['seen']:23}  {counts['hid']:16}"
        )
    return "\n".join(lines)
