"""report.html: numbers that anyone can count in the records, nothing from elsewhere, and no dataset can put code into it."""

import json
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from twinstage.base.errors import DataError, UserError
from twinstage.synth.dataset import Dataset
from twinstage.synth.generation import generate
from twinstage.synth.report import report_html, write_report
from twinstage.synth.report.drawing import heat_map, histogram, shares
from twinstage.synth.report.numbers import collect
from twinstage.synth.verify import Finding, Report


class Reader(HTMLParser):
    """Tags, attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag == "tr":
            self.rows.append([])
        if tag == "td":
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def test_it_is_part_of_every_dataset_and_needs_nothing_else(yard_dataset: Path) -> None:
    text = (yard_dataset / "report.html").read_text()
    assert "report.html" in json.loads((yard_dataset / "manifest.json").read_bytes())["files"]
    page = Reader(text)
    assert "script" not in page.tags and all(
        link.startswith("data:image/jpeg;base64,") for link in page.links
    )
    assert not re.search(r"https?://|@import|url\(", text)
    assert str(yard_dataset.parent) not in text
    assert "verified" in text and "Every number was recomputed" in text


def test_its_numbers_are_those_of_the_records(yard_dataset: Path) -> None:
    records = [json.loads(p.read_bytes()) for p in sorted((yard_dataset / "records").glob("*.json"))]
    rule = json.loads((yard_dataset / "labels.json").read_bytes())["accept"]
    items = [
        o
        for r in records
        for c in r["cameras"]
        for o in c["objects"]
        if o["visible_px"] >= rule["min_visible_px"]
    ]
    rows = {row[0]: row for row in Reader((yard_dataset / "report.html").read_text()).rows if row}
    for name in ("pallet", "box", "parcel"):
        visible = [o["visible_px"] for o in items if o["class"] == name]
        assert rows[name][2] == str(len(visible)), name
        assert (rows[name][4], rows[name][6]) == (str(min(visible)), str(max(visible)))
    train = [r for r in records if r["split"] == "train"]
    assert rows["train"][1:3] == [str(len(train)), str(sum(len(r["cameras"]) for r in train))]
    numbers = collect(Dataset(yard_dataset))
    assert sum(numbers.centers) == len(items) == len(numbers.sizes) == numbers.annotations
    drawn = [v for r in records for k, v in r["draws"]["walk"].items() if k.startswith("distance ")]
    assert sorted(numbers.draws[("walk", "distance")]) == sorted(drawn)


def test_the_same_dataset_gives_the_same_page(yard_dataset: Path, tmp_path: Path) -> None:
    shutil.copytree(yard_dataset, tmp_path / "d")
    one, right = write_report(tmp_path / "d", tmp_path / "one.html")
    two, _ = write_report(tmp_path / "d", tmp_path / "two.html")
    assert right and one.read_bytes() == two.read_bytes()
    assert write_report(tmp_path / "d")[0] == tmp_path / "d-report.html"
    assert len(list((tmp_path / "d").iterdir())) == len(list(yard_dataset.iterdir()))


def test_a_damaged_dataset_is_told(yard_dataset: Path, tmp_path: Path) -> None:
    shutil.copytree(yard_dataset, tmp_path / "d")
    path = tmp_path / "d/records/000001.json"
    record = json.loads(path.read_bytes())
    record["cameras"][0]["objects"][0]["visible_px"] += 1
    path.write_text(json.dumps(record))
    page, right = write_report(tmp_path / "d")
    assert not right and "count.visible_px" in page.read_text()
    with pytest.raises(UserError, match="not a folder"):
        write_report(tmp_path / "none")


def test_a_page_that_cannot_be_made_says_what_is_wrong(yard_dataset: Path, tmp_path: Path) -> None:
    shutil.copytree(yard_dataset, tmp_path / "d")
    with pytest.raises(UserError, match="cannot be written"):
        write_report(tmp_path / "d", tmp_path / "d" / "recipe.yaml" / "page.html")
    (tmp_path / "d/records/000001.json").write_text('{"rec')
    with pytest.raises(DataError, match=r"too damaged for a page: .*000001\.json"):
        write_report(tmp_path / "d")


def test_names_from_a_dataset_are_text(yard_dataset: Path, tmp_path: Path) -> None:
    shutil.copytree(yard_dataset, tmp_path / "d")
    evil = "<script>alert(1)</script>"
    for path in sorted((tmp_path / "d/records").glob("*.json")):
        record = json.loads(path.read_bytes())
        record |= {"stage": evil + path.name, "picked": {evil: [evil]}, "draws": {evil: {evil: [1, evil]}}}
        record["rejected_attempts"] = [{"attempt": 0, "rule": evil, "reason": evil}]
        path.write_text(json.dumps(record))
    manifest = json.loads((tmp_path / "d/manifest.json").read_bytes())
    manifest |= {"stages": [{"name": evil, "hash": evil}], "versions": {evil: evil}, "seed": evil}
    (tmp_path / "d/manifest.json").write_text(json.dumps(manifest))
    verdict = Report((Finding(evil, evil, evil),), {f"{evil}.x": 3})
    page = Reader(report_html(Dataset(tmp_path / "d"), verdict).decode())
    assert "script" not in page.tags


def test_refusals_and_a_missing_verdict_are_told(
    yard: Path, yard_recipe: Callable[..., Any], tmp_path: Path
) -> None:
    recipe = yard_recipe(accept={"max_objects": 0, "min_objects": 0, "attempts": 2}, frames=2)
    generate(recipe, tmp_path / "d", base_dir=yard.parent, judged=False)
    text = (tmp_path / "d/report.html").read_text()
    assert "not verified" in text and "accept.max_objects" in text and "frame given up" in text


def test_hashes_are_not_charted_beside_the_files_they_are_of(yard_dataset: Path, tmp_path: Path) -> None:
    copy = tmp_path / "d"
    shutil.copytree(yard_dataset, copy)
    path = copy / "records/000000.json"
    record = json.loads(path.read_bytes())
    record["draws"]["sky"] = {"map": "a.hdr", "map sha256": "ab" * 32}
    path.write_text(json.dumps(record))
    assert dict(collect(Dataset(copy)).words["sky", "map"]) == {"a.hdr": 1}


def test_bars_count_what_is_there() -> None:
    counted = re.findall(r"<title>(\d+)</title>", histogram([0.0, 0.1, 0.1, 5.5, 9.9], low=0, high=10))
    assert sum(map(int, counted)) == 5
    assert re.findall(r"<title>(\d+)</title>", histogram([1, 2, 2, 4])) == ["1", "2", "1"]
    assert "always 3" in histogram([3, 3]) and "nothing" in histogram([])
    assert re.findall(r"<title>(\d+)</title>", heat_map([0, 4, 0, 1], 2, 2)) == ["4", "1"]
    assert shares([("b", 1), ("a", 3)]).index("a</span>") < shares([("b", 1), ("a", 3)]).index("b</span>")
