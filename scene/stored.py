"""Bindings kept in the stage itself, so that a scene carries its own wiring. Touches pxr.

On the default prim: `twin:bindings` (int, the version) and `twin:contract` (asset). On or above each prim that is driven, for
each binding NAME (`b0000`, `b0001`, ... in the order of the file):

    custom string twin:binding:NAME = '{"kind": "joint", "signal": "robot.j1"}'   # every field that is no path of a prim
    custom rel twin:binding:NAME:prim = </Cell/Robot/Joints/joint_1>              # and frame, parent: what USD can follow

Relationships follow renames and references; texts do not. Nothing here is trusted: numbers and sizes are bounded.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from twinstage.base.errors import UserError
from twinstage.base.finding import Finding
from twinstage.scene.bindings import MODELS, Binding, Bindings
from twinstage.scene.generation import plain_name
from twinstage.scene.patterns import path_regex
from twinstage.scene.problems import BindingProblem, as_finding
from twinstage.scene.stage import OpenedStage

PREFIX = "twin:binding:"
VERSION = "twin:bindings"
CONTRACT = "twin:contract"
PATHS = ("prim", "frame", "parent")
"""Fields that are stored as relationships where they hold the path of a prim."""
MOST = 100_000
"""Most bindings read from one stage."""
LONGEST = 1 << 16
"""Longest text of one binding [characters]."""


# --- writing ------------------------------------------------------------------------------------------------------


def store_bindings(bindings: Bindings, opened: OpenedStage, contract: str, over: str = "") -> str:
    """The usda text of a layer that holds these bindings for that stage.

    `contract`: its path from that layer; `over`: the stage's path from there, to be its sublayer.

    Raises UserError for a stage without a prim to hold them.
    """
    from pxr import Sdf

    layer = Sdf.Layer.CreateAnonymous(".usda")
    stage = opened.stage
    home = stage.GetDefaultPrim() or next(iter(stage.GetPseudoRoot().GetChildren()), None)
    if not home:
        raise UserError(f"stage {opened.path} has no prim that could hold bindings")
    root = stage.GetRootLayer().pseudoRoot
    for name in ("defaultPrim", "metersPerUnit", "upAxis", "timeCodesPerSecond"):
        if root.HasInfo(name):
            layer.pseudoRoot.SetInfo(name, root.GetInfo(name))
    if not layer.pseudoRoot.HasInfo("defaultPrim"):
        layer.defaultPrim = home.GetName()
    if over:
        layer.subLayerPaths = [over]
    with Sdf.ChangeBlock():
        _set(layer, home.GetPath(), VERSION, Sdf.ValueTypeNames.Int, 1)
        _set(layer, home.GetPath(), CONTRACT, Sdf.ValueTypeNames.Asset, Sdf.AssetPath(contract))
        for number, binding in enumerate(bindings.bindings):
            _store(layer, _owner(stage, home, binding), f"b{number:04d}", binding)
    return str(layer.ExportToString())


def _store(layer: Any, owner: Any, name: str, binding: Binding) -> None:
    from pxr import Sdf

    data = {"kind": binding.kind, **binding.model_dump(mode="json", exclude_unset=True)}
    rels = {f: data.pop(f) for f in PATHS if _is_path(data.get(f))}
    text = json.dumps(data, ensure_ascii=False, sort_keys=True)
    _set(layer, owner, f"{PREFIX}{name}", Sdf.ValueTypeNames.String, text)
    spec = layer.GetPrimAtPath(owner)
    for field, path in rels.items():
        rel = Sdf.RelationshipSpec(spec, f"{PREFIX}{name}:{field}", True)
        rel.targetPathList.explicitItems = [Sdf.Path(path)]


def _set(layer: Any, owner: Any, name: str, type_name: Any, value: Any) -> None:
    from pxr import Sdf

    spec = Sdf.AttributeSpec(Sdf.CreatePrimInLayer(layer, owner), name, type_name, Sdf.VariabilityUniform)
    spec.custom = True
    spec.default = value


def _is_path(value: Any) -> bool:
    from pxr import Sdf

    return (
        isinstance(value, str)
        and value.startswith("/")
        and value != "/"
        and bool(Sdf.Path.IsValidPathString(value))
    )


def _owner(stage: Any, home: Any, binding: Binding) -> Any:
    """The nearest prim at or above the target that a layer can speak of."""
    from pxr import Sdf

    target = binding.prim or getattr(binding, "frame", "")
    path = Sdf.Path(target) if _is_path(target) else home.GetPath()
    while path.IsPrimPath():
        prim = stage.GetPrimAtPath(path)
        if prim and not prim.IsInstanceProxy():
            return path
        path = path.GetParentPath()
    return home.GetPath()


# --- reading ------------------------------------------------------------------------------------------------------


def has_stored(opened: OpenedStage) -> bool:
    """Whether the stage says that it holds bindings."""
    return any(prim.HasAttribute(VERSION) for prim in _homes(opened.stage))


def read_stored(opened: OpenedStage) -> tuple[Bindings, Path, list[Finding]]:
    """The bindings that a stage holds, the path of their contract, and a finding for each one that cannot be read.

    Raises UserError where there are none, too many, or the contract is none or lies outside the allowed folders.
    """
    home = next((prim for prim in _homes(opened.stage) if prim.HasAttribute(VERSION)), None)
    if home is None:
        raise UserError(f"stage {opened.path} holds no bindings; name a file with --bindings")
    version = home.GetAttribute(VERSION).Get()
    if version != 1:
        raise UserError(f"{home.GetPath()}.{VERSION} is {version!r}; this program reads version 1")
    contract = _contract(opened, home)
    found: list[tuple[str, str, Any]] = []
    findings: list[Finding] = []
    for prim in opened.stage.Traverse():
        for name in _names(prim):
            try:
                found.append((name, str(prim.GetPath()), _read(prim, name)))
            except BindingProblem as error:
                findings.append(as_finding(error, str(prim.GetPath())))
        if len(found) + len(findings) > MOST:
            raise UserError(f"stage {opened.path} holds more than {MOST:,} bindings")
    found.sort(key=lambda row: (row[0], row[1]))
    bindings = Bindings(contract=str(contract), bindings=tuple(binding for _, _, binding in found))
    bindings._places = tuple(f"{path}.{PREFIX}{name}" for name, path, _ in found)
    return bindings, contract, findings


def _homes(stage: Any) -> Iterator[Any]:
    default = stage.GetDefaultPrim()
    if default:
        yield default
    yield from (prim for prim in stage.GetPseudoRoot().GetChildren() if prim != default)


def _contract(opened: OpenedStage, home: Any) -> Path:
    value = home.GetAttribute(CONTRACT).Get() if home.HasAttribute(CONTRACT) else None
    if value is None or not str(value.path):
        raise UserError(f"{home.GetPath()} has no {CONTRACT}, so its bindings cannot be understood")
    path = plain_name(str(value.resolvedPath))
    if not path:
        raise UserError(f"{home.GetPath()}.{CONTRACT} names {value.path!r}, which is not found")
    opened.allowed.require(path, str(opened.path), str(value.path))
    return Path(path)


def _names(prim: Any) -> list[str]:
    properties = prim.GetAuthoredPropertiesInNamespace("twin:binding")
    names = {str(p.GetName())[len(PREFIX) :].partition(":")[0] for p in properties}
    return sorted(name for name in names if name)


def _read(prim: Any, name: str) -> Binding:
    place = f"{prim.GetPath()}.{PREFIX}{name}"
    attribute = prim.GetAttribute(f"{PREFIX}{name}")
    text = attribute.Get() if attribute else None
    if not isinstance(text, str):
        raise BindingProblem("binding.stored", place, "a text with the fields of the binding was expected")
    if len(text) > LONGEST:
        raise BindingProblem(
            "binding.stored", place, f"the text has {len(text)} characters; at most {LONGEST} are read"
        )
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise BindingProblem("binding.stored", place, f"{text[:60]!r} is not JSON") from None
    kind = data.get("kind") if isinstance(data, dict) else None
    if not isinstance(kind, str) or kind not in MODELS:
        raise BindingProblem(
            "binding.stored", place, f"no binding is of kind {kind!r}; known: {', '.join(MODELS)}"
        )
    for field in PATHS:
        relationship = prim.GetRelationship(f"{PREFIX}{name}:{field}")
        targets = relationship.GetTargets() if relationship else []
        if len(targets) > 1:
            raise BindingProblem(
                "binding.stored",
                place,
                f"its relationship {field} has {len(targets)} targets, and one is needed",
            )
        if targets:
            data[field] = str(targets[0])
    try:
        binding: Binding = MODELS[kind].model_validate_json(json.dumps(data))
        if binding.pattern is not None:
            path_regex(binding.pattern)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "it"
        message = first["msg"].removeprefix("Value error, ")
        raise BindingProblem("binding.stored", place, f"{field}: {message}") from None
    return binding


def as_yaml(bindings: Bindings) -> str:
    """The text of a bindings file with the same content."""
    import yaml

    lines = ["bindings: 1", f"contract: {json.dumps(bindings.contract, ensure_ascii=False)}", "bindings:"]
    for binding in bindings.bindings:
        data = {"kind": binding.kind, **binding.model_dump(mode="json", exclude_unset=True)}
        text = yaml.safe_dump(data, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**9)
        lines.append(f"  - {text.strip()}")
    return "\n".join(lines if bindings.bindings else [*lines[:2], "bindings: []"]) + "\n"
