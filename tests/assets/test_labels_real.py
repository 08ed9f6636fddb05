"""Labels of real stages: tables of their own paths, and the older schema (none has it itself) as Replicator writes it."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from twinstage.cli.app import run

STAGES = (
    "industrial/aws_small_warehouse/small_warehouse.usda",
    "industrial/newton_cell/palletizer_scene.usda",
    "industrial/usd_optimize/factory.usda",
    "industrial/fanuc_m710ic/usd/fanuc_m710ic50.usda",
    "features/ovrtx/simple_scene_semantic_labels.usda",
)
LABELLED = (STAGES[0], STAGES[-1])


def labels_of(file: Path) -> dict[str, list[str]]:
    """Labels of its own by prim, as UsdSemantics has them."""
    from pxr import Usd, UsdSemantics

    query = UsdSemantics.LabelsQuery("class", Usd.TimeCode.Default())
    stage = Usd.Stage.Open(str(file))
    found = {str(p.GetPath()): query.ComputeUniqueDirectLabels(p) for p in stage.Traverse()}
    return {path: [str(label) for label in labels] for path, labels in found.items() if labels}


@pytest.mark.parametrize("name", STAGES)
def test_a_table_of_all_that_is_drawn_labels_a_real_stage(name: str, shared: Path, tmp_path: Path) -> None:
    from pxr import Usd, UsdGeom

    file = shared / "assets" / name
    before = file.read_bytes()
    stage = Usd.Stage.Open(str(file))
    prims = [p for p in stage.Traverse() if p.IsA(UsdGeom.Gprim) or p.IsInstance()]
    wanted = {str(p.GetPath()): f"{p.GetName().lower()}, {n % 3}" for n, p in enumerate(prims)}
    assert len(wanted) >= 3
    with (tmp_path / "labels.csv").open("w", encoding="utf-8-sig", newline="") as table:  # as Excel saves it
        rows = csv.writer(table)
        rows.writerow(["path", "label"])
        rows.writerows(wanted.items())
    out = tmp_path / "labels.usda"
    told = ["assets", "label", str(file), "--csv", str(tmp_path / "labels.csv"), "--out", str(out)]
    assert run([*told, "--asset-root", str(shared / "assets")]) == 0
    assert file.read_bytes() == before
    kept = {path: labels for path, labels in labels_of(file).items() if path not in wanted}
    assert labels_of(out) == {**kept, **{path: [label] for path, label in wanted.items()}}


def test_a_table_with_a_path_that_is_not_there_writes_nothing(
    shared: Path, tmp_path: Path, capsys: Any
) -> None:
    (tmp_path / "labels.csv").write_text("path,label\n/World/Racks/ShelfF_01_009,shelf\n")
    out = tmp_path / "labels.usda"
    told = ["assets", "label", str(shared / "assets" / STAGES[0]), "--csv", str(tmp_path / "labels.csv")]
    assert run([*told, "--out", str(out), "--asset-root", str(shared / "assets")]) == 2
    assert "ShelfF_01_009" in capsys.readouterr().err and not out.exists()


def in_the_older_schema(file: Path, out: Path) -> int:
    """The stage with each label written as `SemanticsAPI:Semantics_xxxx` instead; how many there were."""
    from pxr import Sdf, UsdUtils

    layer = Sdf.Layer.OpenAsAnonymous(str(file))
    UsdUtils.ModifyAssetPaths(layer, lambda path: str((file.parent / path).resolve()))
    count = 0

    def visit(path: Any) -> None:
        nonlocal count
        spec = layer.GetPrimAtPath(path) if path.IsPrimPath() else None
        attribute = spec.attributes.get("semantics:labels:class") if spec else None
        if attribute is None:
            return
        names = []
        for label in attribute.default:
            name = f"Semantics_{count:04x}"
            names.append(f"SemanticsAPI:{name}")
            for end, value in (("semanticType", "class"), ("semanticData", str(label))):
                made = Sdf.AttributeSpec(spec, f"semantic:{name}:params:{end}", Sdf.ValueTypeNames.String)
                made.default = value
            count += 1
        del spec.properties["semantics:labels:class"]
        listed = [
            n for n in spec.GetInfo("apiSchemas").GetAddedOrExplicitItems() if "SemanticsLabels" not in n
        ]
        spec.SetInfo("apiSchemas", Sdf.TokenListOp.Create(prependedItems=[*listed, *names]))

    layer.Traverse(Sdf.Path.absoluteRootPath, visit)
    assert layer.Export(str(out))
    return count


def legacy(file: Path, roots: list[str], capsys: Any) -> list[str]:
    """Prims that the check tells of labels in the older schema."""
    capsys.readouterr()
    assert run(["assets", "check", str(file), "--rules", "label.legacy", "--json", *roots]) == 0
    (told,) = json.loads(capsys.readouterr().out)["files"]
    return [finding["path"] for finding in told["findings"]]


@pytest.mark.parametrize("name", LABELLED)
def test_real_labels_come_back_from_the_older_schema(
    name: str, shared: Path, tmp_path: Path, capsys: Any
) -> None:
    real = shared / "assets" / name
    old, out = tmp_path / "old.usda", tmp_path / "new.usda"
    count = in_the_older_schema(real, old)
    roots = ["--asset-root", str(shared / "assets")]
    assert count >= 3 and not {path for path in labels_of(old) if path in labels_of(real)}
    assert len(legacy(old, roots, capsys)) == count
    assert run(["assets", "upgrade-labels", str(old), "--out", str(out), *roots]) == 0
    assert f"{count} labels" in capsys.readouterr().out
    assert labels_of(out) == labels_of(real)
    assert legacy(out, [*roots, "--asset-root", str(tmp_path)], capsys) == []
