"""Which signal moves what: the models of `bindings.yaml`. Plain data; `plan` gives it meaning.

    bindings: 1
    contract: contract.yaml
    bindings:
      - {kind: joint, prim: /Robot/Physics/joint_1, signal: robot.j1}
      - {kind: pose, prim: /Cell/AGV1, frame: world, position: {x: agv1.x, y: agv1.y}, rotation: {yaw: agv1.heading}}
      - {kind: style, pattern: "/Line{n}/Motor{m}", signal: "line{n}.m{m}.temp", unit: Cel,
         colormap: [[20, "#2060ff"], [80, "#ff3020"]]}

Every binding names a `prim`, or a `pattern` whose `{names}` match parts of prim paths and are filled in wherever they
occur in the binding's other texts (`*` matches within one part, too).
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, Field, PrivateAttr

from twinstage.base.errors import UserError, did_you_mean
from twinstage.base.finding import Finding
from twinstage.scene.binding_models import (
    _MODEL,
    MODELS,
    AttachBinding,
    AttributeBinding,
    Binding,
    EntityBinding,
    InstanceBinding,
    JointBinding,
    LabelBinding,
    PoseBinding,
    PositionFields,
    RotationFields,
    ScaleFields,
    StyleBinding,
    VisibilityBinding,
    _Binding,
)
from twinstage.scene.problems import as_finding
from twinstage.telemetry.yamlfile import parse_model, read_text

__all__ = [
    "MODELS",
    "AttachBinding",
    "AttributeBinding",
    "Binding",
    "Bindings",
    "EntityBinding",
    "InstanceBinding",
    "JointBinding",
    "LabelBinding",
    "PoseBinding",
    "PositionFields",
    "RotationFields",
    "ScaleFields",
    "StyleBinding",
    "VisibilityBinding",
    "_Binding",
    "json_schema",
    "load_bindings",
    "load_leniently",
    "parse_bindings",
]


def _check_kind(item: Any) -> Any:
    """Unknown kinds and fields, said better than a union of nine models can."""
    if isinstance(item, BaseModel):
        return item
    if not isinstance(item, dict):
        raise ValueError("a binding is a mapping with a kind")
    kind = item.get("kind")
    if kind not in MODELS:
        raise ValueError(f"no binding is of kind {kind!r}{did_you_mean(str(kind), MODELS)}")
    known = MODELS[kind].model_fields
    for name in item:
        if name not in known:
            raise ValueError(f"a {kind} binding has no field {name!r}{did_you_mean(str(name), known)}")
    return item


Item = Annotated[Annotated[Binding, Field(discriminator="kind")], BeforeValidator(_check_kind)]


class Bindings(BaseModel):
    """A bindings file. `contract`: path of the contract, relative to this file.

    In the file the version is written `bindings: 1`, before the list of the same name; `version: 1` is the same.
    """

    model_config = _MODEL
    version: Literal[1] = 1
    contract: str = "contract.yaml"
    bindings: tuple[Item, ...] = ()
    _where: str = PrivateAttr("")
    _lines: tuple[int, ...] = PrivateAttr(())
    _places: tuple[str, ...] = PrivateAttr(())

    def where(self, index: int) -> str:
        """Where binding number `index` is written, for messages."""
        if index < len(self._places):
            return self._places[index]
        if index < len(self._lines):
            return f"{self._where}:{self._lines[index]}"
        return f"bindings[{index}]"


# A mapping cannot hold one key twice, so the version line gets its other name before YAML sees it.
_VERSION = re.compile(r"^bindings:(?=[ \t]*\d+[ \t]*(#.*)?$)", re.MULTILINE)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a bindings file, with the version under its other name `version`."""
    return Bindings.model_json_schema()


def load_bindings(path: str | Path) -> Bindings:
    """Read a bindings file. Raises UserError naming file and line."""
    return parse_bindings(read_text(Path(path), "bindings file"), where=str(path))


def parse_bindings(text: str, *, where: str = "bindings") -> Bindings:
    """The same for text; `where` names it in messages."""
    plain = _VERSION.sub("version:", text, count=1)
    found = parse_model(plain, Bindings, noun="bindings file", where=where)
    found._where = where
    found._lines = _item_lines(plain)
    return found


def load_leniently(path: str | Path) -> tuple[Bindings, list[Finding]]:
    """A bindings file without the items that cannot be read, and a finding for each of these.

    Raises UserError where the file as a whole is no bindings file.
    """
    text = _VERSION.sub("version:", read_text(Path(path), "bindings file"), count=1)
    spans = _item_lines(text)
    findings: list[Finding] = []
    bad: set[int] = set()
    while True:
        try:
            found = parse_model(_without(text, spans, bad), Bindings, noun="bindings file", where=str(path))
            break
        except UserError as error:
            line = _line_of(str(error), str(path))
            item = max((k for k, first in enumerate(spans) if first <= line), default=-1)
            if item < 0 or item in bad or line > _end_of(text):
                raise
            bad.add(item)
            findings.append(as_finding(error))
    found._where = str(path)
    found._lines = tuple(first for k, first in enumerate(spans) if k not in bad)
    return found, findings


def _line_of(message: str, where: str) -> int:
    match = re.match(rf"{re.escape(where)}:(\d+): ", message)
    return int(match.group(1)) if match else 0


def _end_of(text: str) -> int:
    return text.count("\n") + 1


def _without(text: str, spans: tuple[int, ...], bad: set[int]) -> str:
    """The text with the lines of those items emptied, so that the other lines keep their numbers.

    The last of them stands for the list where all are bad.
    """
    if not bad:
        return text
    lines = text.split("\n")
    ends = [*(first - 1 for first in spans[1:]), _list_end(text)]
    for k in bad:
        for line in range(spans[k] - 1, ends[k]):
            lines[line] = ""
    if len(bad) == len(spans):
        key = next(n for n, line in enumerate(lines) if line.startswith("bindings:"))
        lines[key] = "bindings: []"
    return "\n".join(lines)


def _list_end(text: str) -> int:
    """Last line of the list of bindings."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    for key, value in root.value if isinstance(root, yaml.MappingNode) else []:
        if key.value == "bindings" and isinstance(value, yaml.SequenceNode):
            mark = value.value[-1].end_mark if value.value else value.end_mark
            return int(mark.line + (1 if mark.column else 0))
    return _end_of(text)


def _item_lines(text: str) -> tuple[int, ...]:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    for key, value in pairs:
        if key.value == "bindings" and isinstance(value, yaml.SequenceNode):
            return tuple(item.start_mark.line + 1 for item in value.value)
    return ()
