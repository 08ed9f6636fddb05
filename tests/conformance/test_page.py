"""docs/usd-support.md says what the table and the run say."""

import re
from pathlib import Path

from conformance.blender import STAGES
from conformance.features import FEATURES
from conformance.page import feature_row, page, run
from conformance.reading import Library


def test_the_page_names_every_feature_as_the_table_does(root: Path) -> None:
    text = (root / "docs" / "usd-support.md").read_text("utf-8")
    for feature in FEATURES:
        row = re.escape(feature_row(feature, -1)).replace(r"\-1", r"\d+")
        assert re.search(row, text), f"run scripts/usd_support.py: {feature.id} stands otherwise on the page"
    assert [name for name in STAGES if f"| {name} |" not in text] == []
    rows = re.findall(r"^\| `([a-z-]+)` \|", text, re.M)
    assert sorted(rows) == sorted(feature.id for feature in FEATURES)


def test_the_page_is_made_from_this_run(root: Path, real: Library) -> None:
    text = (root / "docs" / "usd-support.md").read_text("utf-8")
    assert text == page(run(real)), "run scripts/usd_support.py"
