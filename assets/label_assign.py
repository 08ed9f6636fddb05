"""Which prims get which label: rules by path pattern, from the command line or a CSV file. Touches the CSV file."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinstage.assets.label_layer import Assignment
from twinstage.base.errors import UserError, did_you_mean
from twinstage.scene.read.labels import DEFAULT_TAXONOMY

MAX_HINTS = 5000
"""Paths that are searched for a near miss."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Prims that match `pattern` get `label`; `where`: what a message calls the rule."""

    pattern: str
    label: str
    taxonomy: str
    where: str


def rule_of(text: str, taxonomy: str = DEFAULT_TAXONOMY) -> Rule:
    """The rule in `PATTERN=LABEL`."""
    pattern, equals, label = text.partition("=")
    return _checked(pattern, label if equals else "", taxonomy, f"--set {text!r}")


def read_rules(path: Path, taxonomy: str = DEFAULT_TAXONOMY) -> list[Rule]:
    """The rules in a CSV file with the columns `path` (or `pattern`), `label` and, if wanted, `taxonomy`.

    Raises UserError naming file and line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError:
        raise UserError(f"there is no file {path}") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not a text file in UTF-8") from None
    reader = csv.DictReader(text.splitlines())
    columns = reader.fieldnames or []
    pattern = next((name for name in ("path", "pattern") if name in columns), None)
    if pattern is None or "label" not in columns:
        raise UserError(
            f"{path} line 1 has the columns {', '.join(columns) or 'nothing'}; path (or pattern) and label were expected"
        )
    return [
        _checked(
            row[pattern] or "",
            row["label"] or "",
            row.get("taxonomy") or taxonomy,
            f"{path} line {reader.line_num}",
        )
        for row in reader
    ]


def _checked(pattern: str, label: str, taxonomy: str, where: str) -> Rule:
    pattern, label, taxonomy = pattern.strip(), label.strip(), taxonomy.strip()
    if not pattern.startswith("/"):
        raise UserError(f"{where}: {pattern!r} is no prim path; it begins with /, as in /World/Rack_*=rack")
    if not label:
        raise UserError(f"{where}: no label is given for {pattern}")
    if not re.fullmatch(r"[A-Za-z_]\w*(:[A-Za-z_]\w*)*", taxonomy):
        raise UserError(f"{where}: {taxonomy!r} is no name of a taxonomy")
    return Rule(pattern, label, taxonomy, where)


def glob_regex(pattern: str) -> "re.Pattern[str]":
    """`*` and `?` stay within one name; `**` stands for any number of names, none included."""
    out = ""
    for token in re.findall(r"/\*\*(?=/|$)|\*|\?|[^*?/]+|/", pattern):
        out += {"/**": "(?:/[^/]+)*", "*": "[^/]*", "?": "[^/]"}.get(token, re.escape(token))
    return re.compile(out)


def assign(stage: Any, rules: Iterable[Rule]) -> list[Assignment]:
    """One assignment a prim and taxonomy; of several rules for a prim the last one counts.

    Raises UserError for a rule that matches nothing, or only prims inside native instances.
    """
    from pxr import Usd

    walk = Usd.PrimRange.Stage(stage, Usd.TraverseInstanceProxies())
    prims = {str(prim.GetPath()): prim for prim in walk}
    out: dict[tuple[str, str], Assignment] = {}
    for rule in rules:
        for path in _matches(rule, prims):
            out[path, rule.taxonomy] = Assignment(path, (rule.label,), rule.taxonomy)
    return list(out.values())


def _matches(rule: Rule, prims: dict[str, Any]) -> list[str]:
    if rule.pattern in prims:
        hits = [rule.pattern]
    else:
        regex = glob_regex(rule.pattern)
        hits = [path for path, prim in prims.items() if regex.fullmatch(path) and _can_be_seen(prim)]
    if not hits:
        raise UserError(f"{rule.where}: no prim matches {rule.pattern!r}{_hint(rule.pattern, prims)}")
    free = [path for path in hits if not prims[path].IsInstanceProxy()]
    if not free:
        raise UserError(f"{rule.where}: {inside_instance(prims[hits[0]])}")
    return free


def inside_instance(prim: Any) -> str:
    """Why a proxy cannot be labelled, and what can."""
    root = prim
    while root.IsInstanceProxy():
        root = root.GetParent()
    stack = prim.GetPrimStack()
    source = f", or {stack[0].path} in {Path(stack[0].layer.realPath).name}" if stack else ""
    return (
        f"{prim.GetPath()} lies inside the native instance {root.GetPath()}, where USD ignores labels; "
        f"label {root.GetPath()}{source}"
    )


def _can_be_seen(prim: Any) -> bool:
    from pxr import UsdGeom

    return bool(prim.IsA(UsdGeom.Imageable)) or prim.GetTypeName() == "GeomSubset"


def _hint(pattern: str, paths: Sequence[str] | dict[str, Any]) -> str:
    return did_you_mean(pattern, _near(pattern, paths))


def _near(pattern: str, paths: Sequence[str] | dict[str, Any]) -> Iterator[str]:
    depth = pattern.count("/")
    level = [path for path in paths if path.count("/") == depth]
    return iter((level or list(paths))[:MAX_HINTS])
