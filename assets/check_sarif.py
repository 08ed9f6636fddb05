"""Findings as SARIF 2.1.0, which code hosts and editors show beside the files. Pure.

A finding's place is the file that is to be mended, with the prim as its logical location: USD has no line numbers once it is
composed, and crates have none at all.
"""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from twinstage.assets.check import Checked
from twinstage.assets.rules import rule_of
from twinstage.base.finding import Finding, Severity

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "note"}


def sarif(results: Iterable[Checked], base: Path, version: str) -> dict[str, Any]:
    """One run. `base`: the folder that names of files are relative to, under the id SRCROOT."""
    rows = [(finding, origin) for c in results for finding, origin in zip(c.findings, c.origins, strict=True)]
    codes = sorted({finding.code for finding, _ in rows})
    index = {code: number for number, code in enumerate(codes)}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "twinstage",
                        "version": version,
                        "rules": [_rule(code) for code in codes],
                    }
                },
                "columnKind": "utf16CodeUnits",
                "originalUriBaseIds": {"SRCROOT": {"uri": base.absolute().as_uri().rstrip("/") + "/"}},
                "results": [_result(finding, origin, index, base) for finding, origin in rows],
            }
        ],
    }


def _rule(code: str) -> dict[str, Any]:
    row = rule_of(code)
    if row is None:
        return {"id": code}
    out: dict[str, Any] = {
        "id": code,
        "shortDescription": {"text": row.title},
        "help": {"text": row.fix or row.title},
        "defaultConfiguration": {"level": LEVELS[row.level]},
    }
    if row.requirement:
        out["properties"] = {"requirement": row.requirement, "tags": [row.requirement]}
    return out


def _result(finding: Finding, origin: tuple[str, str], index: dict[str, int], base: Path) -> dict[str, Any]:
    file, where = origin
    text = f"{finding.path}: {finding.message}" if finding.path else finding.message
    location: dict[str, Any] = {"physicalLocation": {"artifactLocation": _artifact(file, base)}}
    if finding.path:
        location["logicalLocations"] = [{"fullyQualifiedName": finding.path, "kind": "object"}]
    mark = hashlib.sha256(f"{finding.code}\0{_relative(file, base)}\0{where}".encode()).hexdigest()
    return {
        "ruleId": finding.code,
        "ruleIndex": index[finding.code],
        "level": LEVELS[finding.severity],
        "message": {"text": f"{text}; {finding.fix}" if finding.fix else text},
        "locations": [location],
        "partialFingerprints": {"twinstage/v1": mark},
    }


def _relative(file: str, base: Path) -> str:
    return os.path.relpath(file, base.absolute()).replace(os.sep, "/")


def _artifact(file: str, base: Path) -> dict[str, str]:
    relative = _relative(file, base)
    if relative.startswith("../"):
        return {"uri": Path(file).absolute().as_uri()}
    return {"uri": quote(relative), "uriBaseId": "SRCROOT"}
