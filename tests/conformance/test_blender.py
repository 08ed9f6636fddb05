"""Triangles in world space equal those of Blender's own USD import, an independent reader with a USD of its own."""

from pathlib import Path

import numpy as np
import pytest

from conformance.blender import GAPS, STAGES, Faces, export, match
from conformance.reading import Library
from conformance.triangles import compare, fans
from twinstage.render.engines.bpy_link import find_python


@pytest.fixture(scope="module")
def imported(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Faces]:
    python = find_python()
    if python is None:
        pytest.skip(
            "no Python with bpy: set TWINSTAGE_BPY_PYTHON, or let 'make soak-usd' make .venv-bpy (Python 3.11 only)"
        )
    stages = [shared / "assets" / name for name in STAGES]
    return dict(zip(STAGES, export(stages, tmp_path_factory.mktemp("bpy"), python), strict=True))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.xfail(strict=True, reason=GAPS[name])] if name in GAPS else [])
        for name in STAGES
    ],
)
def test_triangles_equal_blenders(name: str, imported: dict[str, Faces], real: Library) -> None:
    result = match(real.read(name), imported[name])
    assert result.both > 0
    assert result.same, (
        f"{name}: {result.both} triangles equal, {result.only_a} only ours, {result.only_b} only Blender's, "
        f"areas {result.area_a:.6g} and {result.area_b:.6g} m2; {result.example}"
    )


def test_the_comparison_sees_a_moved_corner_a_turned_and_a_missing_triangle() -> None:
    rng = np.random.default_rng(5)
    points = rng.random((60, 3))
    a, _ = fans(points, np.full(20, 3), np.arange(60))
    order = rng.permutation(20)
    assert compare(a, np.roll(a[order], 1, axis=1), 1e-6).same
    moved = a.copy()
    moved[7, 1, 2] += 1e-3
    assert not compare(a, moved, 1e-6).same
    assert (compare(a, moved, 1e-6).only_a, compare(a, moved, 1e-6).only_b) == (1, 1)
    turned = a.copy()
    turned[3] = turned[3, ::-1]
    assert not compare(a, turned, 1e-6).same
    assert compare(a, a[1:], 1e-6).only_a == 1
