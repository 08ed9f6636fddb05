"""All checks of a dataset, in order."""

from pathlib import Path
from typing import Any

import yaml

from twinstage.synth.verify import identity, sample
from twinstage.synth.verify.coco import check_coco
from twinstage.synth.verify.files import check_files, check_paths, inside, read_json, read_manifest
from twinstage.synth.verify.formats import check_export
from twinstage.synth.verify.models import Models
from twinstage.synth.verify.records import Rules, check_record
from twinstage.synth.verify.report import Judge, Redrawn, Report
from twinstage.synth.verify.stored import stored_records


def check_dataset(root: Path) -> Report:
    """See `verify`."""
    judge = Judge()
    manifest = read_manifest(root, judge)
    if manifest is not None:
        with judge.guard("manifest.broken", "manifest.json"):
            check_files(root, manifest, judge)
            check_paths(root, judge)
    labels = _labels(root, judge)
    records = stored_records(root, judge)
    if manifest is None or labels is None:
        return judge.report()
    with judge.guard("manifest.broken", "manifest.json"):
        models = Models(root, judge) if "models" in manifest["annotate"] else None
        drawn, objects = sample.chosen(records.values(), sample.triangles_of(root) if models else {})
        rules = Rules.of(labels, manifest["annotate"], models, drawn)
        for name, record in records.items():
            with judge.guard("record.malformed", name):
                check_record(root, record, name, rules, judge)
        if rules.models is not None:
            rules.models.check_document()
        judge.redrawn = Redrawn(models.drawn if models else 0, objects, models is not None)
        identity.check_frames(records, manifest, judge)
        identity.check_splits(records, labels, judge)
        identity.check_cameras(records, manifest, judge)
        identity.check_objects(records, judge)
        identity.check_lenses(records, judge)
        with judge.guard("recipe.broken", "recipe.yaml"):
            recipe = _recipe(root)
            identity.check_leaks(
                records, list(recipe.get("split_by") or []), _texts(manifest.get("inputs")), judge
            )
        with judge.guard("record.malformed", "records"):
            identity.check_marks(records, judge)
        with judge.guard("record.malformed", "records"):
            identity.check_totals(records, labels, manifest, judge)
        for export in manifest["exports"]:
            if export["kind"] == "coco":
                check_coco(root, export, records, labels, judge)
            check_export(root, export, judge)
    return judge.report()


def _texts(data: Any) -> dict[str, str]:
    """The texts by name of the manifest's `inputs`."""
    return {k: v for k, v in data.items() if isinstance(v, str)} if isinstance(data, dict) else {}


def _recipe(root: Path) -> dict[str, Any]:
    try:
        recipe = yaml.safe_load((root / "recipe.yaml").read_text("utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(str(error).splitlines()[0]) from None
    if not isinstance(recipe, dict):
        raise ValueError("it is no mapping")
    return recipe


def _labels(root: Path, judge: Judge) -> dict[str, Any] | None:
    with judge.guard("labels.broken", "labels.json"):
        labels: dict[str, Any] = read_json(inside(root, "labels.json"))
        identity.check_labels(labels, judge)
        if isinstance(labels["accept"]["min_visible_px"], int) and isinstance(labels["splits"], list):
            return labels
    return None
