"""The next generation of a twin's stage, made ready beside the present one. Touches pxr.

Everything here works with objects of its own, on any thread; only `Ready.take_over` needs the loop's.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from twinstage.base.finding import Finding
from twinstage.live.commands.wires import changed_bindings
from twinstage.live.watch.messages import Overlay
from twinstage.scene.generation import edits_overlay, open_again

if TYPE_CHECKING:
    from twinstage.live.twin import LiveTwin, TwinFiles
    from twinstage.scene.bindings import Bindings
    from twinstage.scene.plan import BindingPlan
    from twinstage.scene.snapshot import Material, Snapshot
    from twinstage.scene.stage import OpenedStage
    from twinstage.scene.writer import ColumnWriter

Values = Mapping[tuple[str, str], Any]


@dataclass(frozen=True, slots=True)
class Generation:
    """A stage that is open, with what its bindings made of it.

    `file`: the bindings without edits; `problems`: of bindings that do not hold;
    `overlay`: over which the scene has to be read.
    """

    opened: "OpenedStage"
    base: "Snapshot"
    file: "Bindings | None"
    bindings: "Bindings | None"
    plan: "BindingPlan | None"
    writer: "ColumnWriter"
    problems: tuple[Finding, ...]
    overlay: Overlay
    version: int


def reopen(live: "LiveTwin", files: "TwinFiles", link: str, clean: Any, digest: str) -> "OpenedStage":
    """The stage as its files are now, with the variants that were chosen. UserError where it cannot be had."""
    from twinstage.scene.choices import choose_variants
    from twinstage.scene.placing import again

    opened = open_again(live.opened, link, clean=clean, digest=digest, population=files.only or None)
    opened = replace(opened, shelf=again(opened, live.opened.shelf))
    return replace(choose_variants(opened, dict(files.variants)), hash=digest)


def bound(
    live: "LiveTwin",
    opened: "OpenedStage",
    base: "Snapshot",
    file: "Bindings | None",
    values: Values,
    version: int,
) -> Generation:
    """What the bindings make of an opened stage, for the edits as they are in that version."""
    from twinstage.scene.bones import make_bones
    from twinstage.scene.compile import Compiler
    from twinstage.scene.problems import as_finding
    from twinstage.scene.slots import make_slots
    from twinstage.scene.writer import ColumnWriter

    opened.layers.bindings.Clear()
    opened.layers.live.Clear()
    make_bones(opened)
    plan, bindings, problems = None, None, []
    if file is not None and live.contract is not None:
        bindings = changed_bindings(file, values)
        problems = [as_finding(error, "") for error in make_slots(bindings, opened)]
        compiler = Compiler(bindings, live.contract, opened, base)
        plan = compiler.examine()
        problems += compiler.problems
        if plan is None:  # not even what holds can be put together
            nothing = changed_bindings(file.model_copy(update={"bindings": ()}), {})
            plan = Compiler(nothing, live.contract, opened, base).compile()
    overlay = Overlay(edits_overlay(opened, values), text_of(opened.layers.bindings))
    writer = ColumnWriter(opened, base, plan)
    told = tuple(dict.fromkeys(problems))
    return Generation(opened, base, file, bindings, plan, writer, told, overlay, version)


def text_of(layer: Any) -> str:
    """A layer as usda; "" for one that says nothing."""
    return "" if layer.empty else str(layer.ExportToString())


def differences(old: "Snapshot", new: "Snapshot") -> dict[str, int]:
    """How much of a scene is another now: shapes and images by content, materials by value, prims by path."""
    paths = set(old.prims.path), set(new.prims.path)
    looks = set(_looks(old))
    return {
        "shapes": len({p.hash for p in new.prototypes} - {p.hash for p in old.prototypes}),
        "images": len({t.hash for t in new.textures} - {t.hash for t in old.textures}),
        "materials": sum(look not in looks for look in _looks(new)),
        "added": len(paths[1] - paths[0]),
        "removed": len(paths[0] - paths[1]),
        "moved": _moved(old, new),
    }


def _moved(old: "Snapshot", new: "Snapshot") -> int:
    """Prims of both scenes that stand otherwise below their parents, by more than a picometre or what float64 rounds."""
    import numpy as np

    before = old.prims.index_of
    rows = [(before[path], k) for k, path in enumerate(new.prims.path) if path in before]
    was, now = np.array(rows, np.int64).reshape(-1, 2).T
    close = np.isclose(old.node_local[was], new.node_local[now], rtol=1e-9, atol=1e-12)
    return int(np.count_nonzero(~close.all(axis=(1, 2))))


def rebound(old: "Bindings | None", new: "Bindings | None") -> dict[str, int]:
    """How many bindings are others now, or new, or gone; nothing for the same ones."""
    if old is None or new is None or old.bindings == new.bindings:
        return {}
    before, after = ({repr(one) for one in each.bindings} for each in (old, new))
    return {"bindings": max(len(after - before), len(before - after), 1)}


def _looks(scene: "Snapshot") -> "Iterator[tuple[Material, tuple[str, ...]]]":
    """Materials with their images by content, not by number."""
    for material in scene.materials:
        images = tuple(
            scene.textures[fed.texture].hash if fed.texture >= 0 else "" for _, fed in material.textures
        )
        plain = tuple((name, replace(fed, texture=-1)) for name, fed in material.textures)
        yield replace(material, textures=plain), images
