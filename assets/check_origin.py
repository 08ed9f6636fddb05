"""Where a fault is to be mended: the file and the prim in it that hold the opinion. Runs in the child."""

from typing import Any

from twinstage.assets.rules import rule_of
from twinstage.base.finding import Finding


def origin_of(stage: Any, finding: Finding, file: str) -> tuple[str, str]:
    """(file, path in it); the file itself and "" where that cannot be told."""
    if stage is None or not finding.path.startswith("/"):
        return file, finding.path
    name, _, attribute = finding.path.partition(".")
    try:
        prim = stage.GetPrimAtPath(name)
    except Exception:  # a path that the library does not take for one
        return file, finding.path
    if not prim:
        return file, finding.path
    row = rule_of(finding.code)
    wanted = attribute or (row.property if row else "")
    spec = _property(prim, wanted) if wanted else None
    if spec is None:
        stack = prim.GetPrimStack()
        spec = stack[-1] if stack else None
    if spec is None or not spec.layer.realPath:
        return file, finding.path
    where = str(spec.path)
    if attribute and "." not in where:
        where = f"{where}.{attribute}"
    return str(spec.layer.realPath).partition("[")[0], where


def _property(prim: Any, name: str) -> Any:
    found = prim.GetProperty(name)
    stack = found.GetPropertyStack() if found else []
    return stack[0] if stack else None
