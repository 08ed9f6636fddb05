"""Opening a stage safely, with its session layer stack.

A file is tried in a child process (`probe`), screened (`safe.screen`), then opened with five anonymous sublayers of the
session layer that exist from the start and are never added or removed (recomposing a large stage costs seconds). The
designers' files are never written: whatever the twin changes goes into one of these layers, and clearing the layer undoes it.
"""

import hashlib
import importlib
import math
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from twinstage.base.errors import UserError, did_you_mean
from twinstage.base.finding import Finding
from twinstage.scene.asset_paths import AllowedFolders, check_used_layers, outer_file
from twinstage.scene.pause import no_cycle_search
from twinstage.scene.probe import Depth, ProbeLimits, probe_stage, tell_reason
from twinstage.scene.safe.expansion import within_bounds
from twinstage.scene.safe.screen import MtlxText, Screened, Stamp, screen, stamp
from twinstage.scene.safe.scrub import anything_changed
from twinstage.scene.shelf import Shelf

EXTENSIONS = (".usd", ".usda", ".usdc", ".usdz")
_NOISE = re.compile(r" \(instantiating stage on stage [^)]*\)| ?<0x[0-9a-f]+>|(?<=anon:)0x[0-9a-f]+:")
"""What differs from run to run in the USD library's complaints: addresses."""
_PORTION = 8 << 20
FileDigest = Callable[[str], bytes]
LAYER_NAMES = ("ui", "randomization", "live", "simulation", "bindings")


@dataclass(frozen=True, slots=True)
class SessionLayers:
    """Sublayers of the session layer (Sdf.Layer), strongest first."""

    ui: Any
    randomization: Any
    live: Any
    simulation: Any
    bindings: Any


@dataclass(frozen=True, slots=True)
class OpenedStage:
    """A composed stage and what was learnt at its opening.

    Attributes:
        stage: Usd.Stage; its edit target is left at the session layer.
        layers: the session's sublayers.
        path: the root layer's file, absolute.
        allowed: which files the stage may reach.
        meters_per_unit, up_axis, time_codes_per_second: as authored, or USD's fall-backs.
        hash: SHA-256 over the contents of all layers used, hex.
        findings: what is doubtful but no reason to refuse.
        kept: layers that the screen visited or made: dropped, they would be read from their files again, unscreened.
        clean: stamps of all files of a stage in which the screen had nothing to change, else None.
        documents: MaterialX documents that the screen made layers of.
        shelf: assets that were let in, to be placed.
        hash_by: gives `hash`, by SHA-256 of the layers' files, where it was left for later.
    """

    stage: Any
    layers: SessionLayers
    path: Path
    allowed: AllowedFolders
    meters_per_unit: float
    up_axis: str
    time_codes_per_second: float
    hash: str
    findings: tuple[Finding, ...] = ()
    kept: tuple[Any, ...] = ()
    clean: tuple[Stamp, ...] | None = None
    documents: tuple[str, ...] = ()
    shelf: Shelf = field(default_factory=Shelf)
    hash_by: Callable[[FileDigest], str] | None = None


@no_cycle_search()
def open_stage(
    path: str | Path,
    asset_roots: Iterable[str | Path] = (),
    load: Literal["all", "none"] = "all",
    population: Iterable[str] | None = None,
    *,
    probe: bool = True,
    limits: ProbeLimits | None = None,
    depth: Depth = "snapshot",
    mtlx_text: MtlxText | None = None,
    hash_later: bool = False,
) -> OpenedStage:
    """Open the stage of a file.

    `asset_roots`: folders that it may reach besides its own. `population`: prim paths to compose (a population mask, with
    the materials and prototypes that they use), None for all. `probe=False` skips the child process, for files that were
    opened before or that we wrote; `depth` says how far the child goes: "open" composes, "snapshot" reads all that
    `read_snapshot` reads, so that files which the USD library composes but cannot read do no harm here. `mtlx_text` converts
    MaterialX documents; None: our own. `hash_later`: `hash` is "", and `hash_by` gives it, for who has better to do first.

    What leads outside the allowed folders, or would make the USD library hang, is left out with a finding, and so are
    instances that expand beyond the limits. Raises UserError for a missing, broken or truncated file, a wrong extension
    and impossible units.
    """
    from pxr import Tf, Usd, UsdUtils

    file = checked_path(Path(path))
    roots = [checked_root(Path(root)) for root in asset_roots]
    population = None if population is None else list(population)
    tried = probe_stage(file, limits, roots, depth=depth, load=load, population=population) if probe else {}
    allowed = AllowedFolders(file, roots)
    quiet = UsdUtils.CoalescingDiagnosticDelegate()
    try:
        screened = screened_stage(file, allowed, mtlx_text or own_mtlx_text(), tried.get("clean"))
        session, layers = session_layers()
        loading = Usd.Stage.LoadAll if load == "all" else Usd.Stage.LoadNone
        stage = compose(screened.root, session, loading, population)
    except Tf.ErrorException as problem:
        raise UserError(f"stage {file} cannot be read: {tell_reason(problem)}") from None
    check_used_layers(stage, allowed)
    stage.SetEditTarget(session)
    units = meters_per_unit(screened.root, file)
    expansion = within_bounds(stage)
    found = (*_unit_findings(screened.root, units), *screened.findings, *expansion, *diagnostics(quiet))
    used = tuple(layer for layer in stage.GetUsedLayers() if not layer.anonymous)
    hash_by = partial(_hash_layers, used, screened, allowed)
    return OpenedStage(
        stage=stage,
        layers=layers,
        path=file,
        allowed=allowed,
        meters_per_unit=units,
        up_axis=up_axis(screened.root, file),
        time_codes_per_second=time_codes(screened.root, file),
        hash="" if hash_later else hash_by(file_digest),
        findings=(*found, *_empty(stage, file, found)),
        kept=(*screened.layers, *screened.made),
        clean=screened.clean,
        documents=screened.documents,
        hash_by=hash_by if hash_later else None,
    )


def screened_stage(file: Path, allowed: AllowedFolders, text: MtlxText | None, clean: Any) -> Screened:
    """The screen, or, where the child just found nothing to screen out and no file changed since, the root layer alone."""
    try:
        unchanged = clean is not None and all(stamp(name) == (name, *rest) for name, *rest in clean)
    except OSError:
        unchanged = False
    if not unchanged or anything_changed():
        return screen(file, allowed, text)
    return Screened(_root_layer(file), (), (), (), tuple(tuple(row) for row in clean))


def own_mtlx_text() -> MtlxText | None:
    """The converter of MaterialX documents, None where it is not installed."""
    try:
        convert: MtlxText = importlib.import_module("twinstage.scene.mtlx").mtlx_layer_text
    except (ImportError, AttributeError):
        return None
    return convert


def checked_path(path: Path) -> Path:
    """The absolute path of a file that may be a stage; UserError for others."""
    if path.is_symlink() and not path.exists():
        raise UserError(f"stage {path} is a link to {path.readlink()}, which does not exist")
    if not path.exists():
        folder = path.parent
        known = [p.name for p in folder.iterdir() if p.suffix in EXTENSIONS] if folder.is_dir() else []
        raise UserError(f"there is no stage {path}{did_you_mean(path.name, known)}")
    if path.is_dir():
        raise UserError(f"stage {path} is a folder; a USD file ({', '.join(EXTENSIONS)}) was expected")
    if path.is_file() and path.stat().st_size == 0:
        raise UserError(f"stage {path} is empty: it holds no bytes, where a USD file was expected")
    if path.suffix.lower() not in EXTENSIONS:
        raise UserError(f"stage {path} is not a USD file: its name ends in none of {', '.join(EXTENSIONS)}")
    return path.absolute()


def checked_root(path: Path) -> Path:
    """The absolute path of an asset root; UserError where it is no folder."""
    if not path.is_dir():
        raise UserError(f"asset root {path} is not a folder")
    return path.absolute()


def _root_layer(file: Path) -> Any:
    from pxr import Sdf

    layer = Sdf.Layer.FindOrOpen(str(file))
    if layer is None:
        raise UserError(f"stage {file} cannot be read: it is not a USD file")
    return layer


def session_layers() -> tuple[Any, SessionLayers]:
    """A new session layer and its sublayers, empty."""
    from pxr import Sdf

    session = Sdf.Layer.CreateAnonymous("session.usda")
    layers = [Sdf.Layer.CreateAnonymous(f"{name}.usda") for name in LAYER_NAMES]
    session.subLayerPaths = [layer.identifier for layer in layers]
    return session, SessionLayers(*layers)


def compose(root: Any, session: Any, loading: Any, population: Iterable[str] | None) -> Any:
    """The Usd.Stage of two layers, or the part of it that a population mask leaves."""
    from pxr import Usd

    if population is None:
        return Usd.Stage.Open(root, session, loading)
    mask = Usd.StagePopulationMask()
    for prim_path in population:
        mask.Add(prim_path)
    stage = Usd.Stage.OpenMasked(root, session, mask, loading)
    stage.ExpandPopulationMask(_drawn_with, lambda attribute: True)
    return stage


def _drawn_with(relationship: Any) -> bool:
    """Whether what it names is needed to draw the prim: its materials, its points' prototypes, its skeleton."""
    name: str = relationship.GetName()
    return name.startswith(("material:binding", "skel:")) or name in ("prototypes", "proxyPrim")


def _metadata(layer: Any, name: str) -> Any:
    """A value of the root layer as written: schema getters throw where an old exporter wrote the wrong type."""
    root = layer.pseudoRoot
    return root.GetInfo(name) if root.HasInfo(name) else None


def meters_per_unit(layer: Any, file: Path) -> float:
    """Of a root layer. UserError for what is no length."""
    value = _metadata(layer, "metersPerUnit")
    if value is None:
        return 0.01
    number = float(value)
    if not (math.isfinite(number) and number > 0):
        raise UserError(f"stage {file} has metersPerUnit {number:g}; a number greater than 0 was expected")
    return number


def up_axis(layer: Any, file: Path) -> str:
    """Of a root layer. UserError for what is no axis."""
    value = _metadata(layer, "upAxis")
    if value is None:
        return "Y"
    if str(value) not in ("Y", "Z"):
        raise UserError(f"stage {file} has upAxis {str(value)!r}; USD knows 'Y' and 'Z'")
    return str(value)


def time_codes(layer: Any, file: Path) -> float:
    """Time codes a second of a root layer. UserError for what is no rate."""
    value = _metadata(layer, "timeCodesPerSecond")
    number = 24.0 if value is None else float(value)
    if not (math.isfinite(number) and number > 0):
        raise UserError(
            f"stage {file} has timeCodesPerSecond {number:g}; a number greater than 0 was expected"
        )
    return number


def _unit_findings(layer: Any, units: float) -> list[Finding]:
    found = []
    if _metadata(layer, "metersPerUnit") is None:
        message = f"metersPerUnit is not authored: USD's fall-back of {units:g} m a unit is used"
        found.append(Finding("stage.units", "warning", "", message))
    if _metadata(layer, "upAxis") is None:
        message = "upAxis is not authored: USD's fall-back Y is used"
        found.append(Finding("stage.up-axis", "warning", "", message))
    return found


def diagnostics(quiet: Any) -> list[Finding]:
    """What the USD library complained about since a CoalescingDiagnosticDelegate was made, each line once.

    Sorted: the library composes with several threads, so the order of its complaints differs from run to run.
    """
    found: set[str] = set()
    for item in quiet.TakeUncoalescedDiagnostics():
        lines = str(item.commentary).strip().splitlines()
        if lines:
            found.add(_NOISE.sub("", lines[0]).strip())
    return [Finding("usd.diagnostic", "warning", "", line) for line in sorted(found)]


def _empty(stage: Any, file: Path, found: Iterable[Finding]) -> list[Finding]:
    """A finding where the stage shows nothing: a library of classes and overs, or a scene whose layers were left out."""
    if stage.GetPseudoRoot().GetChildren():
        return []
    reasons = [f.message for f in found if f.severity == "error" or f.code == "usd.diagnostic"]
    message = f"stage {file} holds no active, defined prims{': ' if reasons else ''}{''.join(reasons[:1])}"
    return [Finding("stage.empty", "warning", "", message)]


def _hash_layers(used: Iterable[Any], screened: Screened, allowed: AllowedFolders, digest: FileDigest) -> str:
    """Of the layers' files, of layers that were made, and of what was left out of the scene."""
    digests = [hashlib.sha256(_made_text(layer, allowed).encode()).digest() for layer in screened.made]
    left_out = sorted((f.code, f.path) for f in screened.findings if f.severity == "error")
    if left_out:
        digests.append(hashlib.sha256(repr(left_out).encode()).digest())
    digests += [_layer_digest(layer, digest) for layer in used]
    return hashlib.sha256(b"".join(sorted(digests))).hexdigest()


def _made_text(layer: Any, allowed: AllowedFolders) -> str:
    """A made layer without the place of the checkout: its file names are absolute."""
    text = str(layer.ExportToString())
    for prefix in sorted(allowed.prefixes, key=len, reverse=True):
        text = text.replace(prefix, "")
    return text


def _layer_digest(layer: Any, digest: FileDigest) -> bytes:
    file = Path(outer_file(layer.realPath))
    if file.is_file():
        return digest(str(file))
    return hashlib.sha256(str(layer.ExportToString()).encode()).digest()


def file_digest(file: str) -> bytes:
    """SHA-256 of a file. In large portions: between two of them other threads of this program may keep it waiting."""
    found = hashlib.sha256()
    with open(file, "rb", buffering=0) as opened:
        room = memoryview(bytearray(min(max(os.fstat(opened.fileno()).st_size, 1), _PORTION)))
        while size := opened.readinto(room):
            found.update(room[:size])
    return found.digest()
