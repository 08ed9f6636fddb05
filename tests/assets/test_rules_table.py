"""The table of rules: every code that is told has a row, the page shows the table, and other tools say nothing twice."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from twinstage.assets.check_child import examine_file
from twinstage.assets.rules import nvidia, rows
from twinstage.assets.rules.validators import BY_NAME


def test_codes_are_plain_and_titles_short() -> None:
    for row in rows():
        assert re.fullmatch(r"[a-z]+\.[a-z0-9-]+", row.code), row
        assert 0 < len(row.title) <= 100, row
        assert row.fix, row
        assert not row.title.endswith("."), row


def test_every_code_of_readers_and_screen_has_a_row(root: Path) -> None:
    known = {row.code for row in rows()}
    area = "|".join(sorted({code.partition(".")[0] for code in known}))
    told = set()
    for folder in ("scene/read", "scene/safe", "assets"):
        for file in (root / folder).rglob("*.py"):
            text = file.read_text("utf-8")
            told |= set(
                re.findall(rf'(?:finding|count|Finding|_fault|note|add)\(\s*"((?:{area})\.[a-z-]+)"', text)
            )
    assert len(told) > 60
    assert told - known == set()


def test_the_page_shows_the_table(root: Path) -> None:
    sys.path.insert(0, str(root / "scripts"))
    try:
        from findings_page import table
    finally:
        sys.path.pop(0)
    assert table() in (root / "docs/findings.md").read_text("utf-8"), "run python scripts/findings_page.py"


def test_requirements_are_nvidias(root: Path) -> None:
    """Ids in the table are ids of the package, where it is installed."""
    if not nvidia.installed():
        pytest.skip("usd-validation-nvidia (extra `validate`) is not installed")
    code = (
        "import omni.asset_validator as o\n"
        "print(*{r.code.removeprefix('com.nvidia.usd.') for r in o.RequirementsRegistry().values()})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    there = set(done.stdout.split())
    assert {row.requirement for row in rows()} - {""} <= there


def test_validators_that_exist_are_mapped() -> None:
    from pxr import UsdValidation

    registry = UsdValidation.ValidationRegistry()
    assert len(registry.GetOrLoadAllValidators()) >= 30
    assert {"MissingMaterialBindingAPI", "RigidBodyNonXformable", "NonCompliantBiasAndScale"} <= set(BY_NAME)


def test_nvidia_says_nothing_twice(tmp_path: Path) -> None:
    if not nvidia.installed():
        pytest.skip("usd-validation-nvidia (extra `validate`) is not installed")
    file = tmp_path / "s.usda"
    file.write_text(
        '#usda 1.0\n(\n upAxis = "Z"\n metersPerUnit = 1\n)\ndef Xform "A" {\n def Mesh "M" {\n'
        " int[] faceVertexCounts = [3, 3]\n"
        " int[] faceVertexIndices = [0, 1, 2, 0, 2, 3]\n point3f[] points = [(0,0,0),(1,0,0),(0,1,0),(0,1,0)]\n"
        ' uniform token subdivisionScheme = "none"\n }\n}\n'
    )
    ours = examine_file(str(file), []).findings
    both = examine_file(str(file), [], ask_nvidia=True).findings
    assert set(ours) <= set(both)
    assert "mesh.weld" in {f.code for f in both}, (
        "two points lie on each other, which only NVIDIA's rules tell"
    )
    more = [f for f in both if f not in ours]
    known = {row.code: row.requirement for row in rows()}
    for finding in more:
        assert known.get(finding.code) not in {
            known[f.code] for f in ours if f.path.startswith(finding.path)
        } - {""}, finding
