"""Before anything composes: every layer that a stage could reach is visited with Sdf alone, breadth first.

Each asset path that a layer names is resolved as the USD library would, and is followed only where it is an ordinary file
below an allowed folder. Sublayers, references, payloads and value clips that lead elsewhere are taken out of the layer in
memory, with a finding; so no later composition, whatever its variants and load rules, opens a file that was not judged.
References to MaterialX documents, which the USD library cannot read, are led to a layer made by `mtlx_text`.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinstage.base.errors import UserError
from twinstage.base.finding import Finding
from twinstage.scene.asset_paths import AllowedFolders, is_regular, is_utf8, outer_file, uri_or_anonymous
from twinstage.scene.safe.archive import check_package
from twinstage.scene.safe.clips import scrub_clips
from twinstage.scene.safe.expressions import Variables, possible_paths
from twinstage.scene.safe.limits import MAX_LAYERS
from twinstage.scene.safe.metadata import put_right
from twinstage.scene.safe.scrub import recall, remember, replace_arc, scrub_specs

MtlxText = Callable[[Path, AllowedFolders], "tuple[str, list[Finding]]"]
"""(a MaterialX document, what it may reach) -> the same as usda text, prims below /MaterialX, and findings."""

Stamp = tuple[str, int, int]
"""A file as it was looked at: real path, size [bytes], time of change [ns]."""

_WHOLE_TEXT = 64 << 20


@dataclass(frozen=True, slots=True)
class Screened:
    """What the screen leaves. The layers must be kept: dropped ones would be read from their files again, unscreened.

    `clean`: stamps of all files where nothing at all had to be changed or evaluated, else None.
    """

    root: Any
    layers: tuple[Any, ...]
    made: tuple[Any, ...]
    findings: tuple[Finding, ...]
    clean: tuple[Stamp, ...] | None
    documents: tuple[str, ...] = ()
    """MaterialX documents that layers were made of."""


def screen(file: Path, allowed: AllowedFolders, mtlx_text: MtlxText | None = None) -> Screened:
    """Visit all layers that the stage of `file` could reach.

    Raises UserError where the file itself is no readable USD file.
    """
    from pxr import Ar, Sdf

    if not is_regular(str(file)):
        raise UserError(f"stage {file} is no ordinary file")
    if not is_utf8(str(file)):
        raise UserError(f"stage {file} has a name that is not UTF-8, which USD cannot read; rename it")
    run = _Screen(allowed, mtlx_text)
    if not run.package(str(file)):
        raise UserError(f"stage {file} cannot be read: {run.findings[-1].message}")
    root = Sdf.Layer.FindOrOpen(str(file))
    if root is None:
        raise UserError(f"stage {file} cannot be read: it is not a USD file")
    # Stages look for plain names in the root layer's folder, too; and an open stage that shares a layer must see it only
    # after its screening.
    context = Ar.GetResolver().CreateDefaultContextForAsset(str(file))
    with Ar.ResolverContextBinder(context), Sdf.ChangeBlock():
        run.visit_all(root)
    return Screened(
        root,
        tuple(run.layers.values()),
        tuple(run.made),
        tuple(dict.fromkeys(run.findings)),
        run.stamps(),
        run.documents,
    )


class _Screen:
    def __init__(self, allowed: AllowedFolders, mtlx_text: MtlxText | None) -> None:
        self.allowed = allowed
        self.mtlx_text = mtlx_text
        self.layers: dict[str, Any] = {}
        self.made: list[Any] = []
        self.findings: list[Finding] = []
        self.variables = Variables()
        self._queue: deque[Any] = deque()
        self._expressions: dict[tuple[str, str], set[str]] = {}
        self._refused_expressions: set[tuple[str, str]] = set()
        self._packages: dict[str, bool] = {}
        self._mtlx: dict[str, Any] = {}
        self._made_names: set[str] = set()
        self._plain = True

    def visit_all(self, root: Any) -> None:
        """From the root layer to a fix point."""
        self._enqueue(root)
        while self._queue:
            while self._queue:
                self._visit(self._queue.popleft())
            self._evaluate_expressions()
        for key, paths in self._expressions.items():
            self._settle_expression(*key, paths)

    def stamps(self) -> tuple[Stamp, ...] | None:
        """Stamps of the files visited, None where something was out of the ordinary."""
        if not self._plain:
            return None
        files = {outer_file(layer.realPath) for layer in self.layers.values()}
        return tuple(stamp(file) for file in sorted(files))

    @property
    def documents(self) -> tuple[str, ...]:
        """MaterialX documents, sorted."""
        return tuple(sorted(self._mtlx))

    def _enqueue(self, layer: Any) -> None:
        if layer is not None and layer.identifier not in self.layers:
            self.layers[layer.identifier] = layer
            self._queue.append(layer)

    def _visit(self, layer: Any) -> None:
        before = recall(layer, self.allowed.prefixes)
        found = list(before.findings) if before else []
        self._keep(before.made if before else ())
        found += put_right(layer)
        self.variables.add(layer.expressionVariables)
        if before is not None or not names_nothing(layer):
            arcs = sorted(layer.GetCompositionAssetDependencies())
            for authored in arcs:
                if authored.startswith("`"):
                    self._expressions.setdefault((layer.identifier, authored), set())
                    self._plain = False
                else:
                    found += self._follow(layer, authored)
            found += self._others(layer, set(arcs))
        if found or layer.dirty:
            self._plain = False
            if layer.dirty:
                remember(layer, self.allowed.prefixes, found, self.made)
        self.findings += found

    def _follow(self, layer: Any, authored: str) -> list[Finding]:
        """Judge an arc; follow it, take it out, or lead it to a converted document."""
        refusal = self.judge(layer, authored)
        if refusal is not None:
            replace_arc(layer, authored)
            return [_left_out(refusal)]
        if _split(authored).lower().endswith(".mtlx"):
            return self._convert(layer, authored)
        return self._open(layer, authored)

    def judge(self, layer: Any, authored: str) -> Finding | None:
        """Why a layer may not reach that path; None where it may, or where nothing is there."""
        if authored in self._made_names:
            return None
        path = _split(authored)
        owner = f"layer {layer.identifier}"
        special = uri_or_anonymous(path, owner)
        if special is not None:
            return special
        resolved = resolve(layer, path)
        return self.allowed.refusal(resolved, owner, authored) if resolved else None

    def _judge_value(self, layer: Any, authored: str) -> Finding | None:
        """As `judge`, of a value: tools of the USD library evaluate an expression in it by the layer's own variables.

        What an expression gives by other layers' variables is judged by whoever opens it.
        """
        from pxr import Sdf

        if authored.startswith("`"):
            value = Sdf.VariableExpression(authored).Evaluate(dict(layer.expressionVariables)).value
            return self.judge(layer, value) if isinstance(value, str) and value else None
        return self.judge(layer, authored)

    def _open(self, layer: Any, authored: str) -> list[Finding]:
        from pxr import Sdf, Tf

        resolved = resolve(layer, _split(authored))
        if not resolved:
            return []  # composition tells what is missing
        if len(self.layers) >= MAX_LAYERS:
            replace_arc(layer, authored)
            message = f"layer {layer.identifier} is one of more than {MAX_LAYERS:,} layers, so {authored!r} is left out"
            return [Finding("stage.layers", "error", "", message)]
        found_before = len(self.findings)
        if not self.package(resolved):
            replace_arc(layer, authored)
            told, self.findings[found_before:] = self.findings[found_before:], []
            return told
        try:
            self._enqueue(Sdf.Layer.FindOrOpenRelativeToLayer(layer, authored))
        except Tf.ErrorException:
            self._plain = False  # composition meets the same fault and tells it
        return []

    def package(self, resolved: str) -> bool:
        """Whether that file is no package, or one that may be opened; tells each package's faults once."""
        file = outer_file(resolved)
        if not file.lower().endswith(".usdz"):
            return True
        if file not in self._packages:
            found, self._packages[file] = check_package(Path(file))
            self.findings += found
            self._plain = self._plain and not found
        return self._packages[file]

    def _keep(self, made: Iterable[Any]) -> None:
        self.made += made
        self._made_names |= {layer.identifier for layer in made}

    def _convert(self, layer: Any, authored: str) -> list[Finding]:
        resolved = resolve(layer, authored)
        if self.mtlx_text is None or not resolved:
            return []
        self._plain = False
        found: list[Finding] = []
        if resolved not in self._mtlx:
            self._mtlx[resolved], found = _made_layer(resolved, self.allowed, self.mtlx_text)
            self._keep([made for made in [self._mtlx[resolved]] if made is not None])
        made = self._mtlx[resolved]
        if made is not None:
            replace_arc(layer, authored, made.identifier)
        return found

    def _others(self, layer: Any, arcs: set[str]) -> list[Finding]:
        """Value clips and asset values: what leads out is removed."""
        from pxr import UsdUtils

        found = scrub_clips(layer, self._judge_value, self.allowed.home)
        named = {path for group in UsdUtils.ExtractExternalReferences(layer.identifier) for path in group}
        if any(self.judge(layer, authored) for authored in named - arcs):
            found += scrub_specs(layer, self._judge_value)
        return found

    def _evaluate_expressions(self) -> None:
        """Follow every value of every expression found so far; new layers may bring new values."""
        for (identifier, expression), tried in self._expressions.items():
            layer = self.layers[identifier]
            paths = possible_paths(expression, self.variables)
            if paths is None:
                self._refused_expressions.add((identifier, expression))
                continue
            for path in sorted(paths - tried):
                tried.add(path)
                if self.judge(layer, path) is None and not path.lower().endswith(".mtlx"):
                    self._open(layer, path)

    def _settle_expression(self, identifier: str, expression: str, paths: set[str]) -> None:
        """Take the arc out unless every path that it can become may be reached."""
        layer = self.layers[identifier]
        fault: Finding | None = None
        if (identifier, expression) in self._refused_expressions:
            message = f"layer {identifier} names {expression!r}, whose variables have too many values to try"
            fault = Finding("asset.expression", "error", "", message)
        else:
            faults = [f for f in (self.judge(layer, path) for path in sorted(paths)) if f is not None]
            fault = faults[0] if faults else None
        found = []
        if fault is not None:
            replace_arc(layer, expression)
            found = [_left_out(fault)]
        elif any(path.lower().endswith(".mtlx") for path in paths):
            found = self._settle_mtlx(layer, expression, paths)
        if layer.dirty:
            known = recall(layer, self.allowed.prefixes)
            remember(layer, self.allowed.prefixes, [*(known.findings if known else ()), *found], self.made)
        self.findings += found

    def _settle_mtlx(self, layer: Any, expression: str, paths: set[str]) -> list[Finding]:
        there = [path for path in sorted(paths) if resolve(layer, path)]
        if len(there) == 1:
            replace_arc(layer, expression, there[0])
            return self._convert(layer, there[0])
        replace_arc(layer, expression)
        message = f"layer {layer.identifier} names {expression!r}, which may be several MaterialX documents, so it is left out"
        return [Finding("asset.expression", "error", "", message, "name the document without variables")]


def resolve(layer: Any, authored: str) -> str:
    """The file that the USD library would open for a path in that layer; "" where there is none."""
    from pxr import Ar, Sdf, Tf

    try:
        return str(Ar.GetResolver().Resolve(Sdf.ComputeAssetPathRelativeToLayer(layer, authored)))
    except Tf.ErrorException:
        return ""


def names_nothing(layer: Any) -> bool:
    """Whether the layer is text without any asset path or clip set: a quick look that spares a long one."""
    if layer.dirty or layer.realPath.endswith("]"):
        return False
    try:
        with open(layer.realPath, "rb") as file:
            if file.read(5) != b"#usda" or os.fstat(file.fileno()).st_size > _WHOLE_TEXT:
                return False
            text = file.read()
    except OSError:
        return False
    return b"@" not in text and b"clips" not in text


def stamp(file: str) -> Stamp:
    """The state of a file, as cheaply as it can be told."""
    state = os.stat(file)
    return file, state.st_size, state.st_mtime_ns


def _split(authored: str) -> str:
    """The path without file format arguments."""
    from pxr import Sdf

    return str(Sdf.Layer.SplitIdentifier(authored)[0])


def _left_out(finding: Finding) -> Finding:
    return Finding(
        finding.code, finding.severity, finding.path, f"{finding.message}; it is left out", finding.fix
    )


def _made_layer(path: str, allowed: AllowedFolders, mtlx_text: MtlxText) -> tuple[Any, list[Finding]]:
    from pxr import Sdf, Tf

    try:
        text, found = mtlx_text(Path(path), allowed)
        layer = Sdf.Layer.CreateAnonymous(f"{Path(path).stem}.usda")
        layer.ImportFromString(text)
    except (UserError, Tf.ErrorException, ValueError) as problem:
        message = f"MaterialX document {path} is left out: {str(problem).splitlines()[0]}"
        return None, [Finding("mtlx.unreadable", "warning", "", message)]
    return layer, found
