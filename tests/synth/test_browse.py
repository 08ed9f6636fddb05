"""What a query finds is what a plain loop over the records finds; histograms add up; the judge of one frame sees its faults."""

import fnmatch
import json
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from twinstage.base.errors import UserError
from twinstage.base.query import parse, word_matcher
from twinstage.render.picture import exr_bytes
from twinstage.synth.browse.classes import class_figures
from twinstage.synth.browse.columns import Columns, columns_of
from twinstage.synth.browse.facets import Facets
from twinstage.synth.browse.find import find
from twinstage.synth.browse.pictures import shown, thumbnail
from twinstage.synth.browse.stored import rows_of
from twinstage.synth.verify.single import verify_frame


@pytest.fixture(scope="module")
def records(yard_dataset: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted((yard_dataset / "records").glob("*.json"))]


@pytest.fixture(scope="module")
def columns(yard_dataset: Path) -> Columns:
    return columns_of(rows_of(yard_dataset), json.loads((yard_dataset / "labels.json").read_text()))


def _counts(item: dict[str, Any]) -> bool:
    """The yard's own rule for what is annotated."""
    return bool(item["visible_px"] >= 60)


def _side(item: dict[str, Any]) -> float:
    return float(np.sqrt(item["bbox_visible"][2] * item["bbox_visible"][3]))


Picture = tuple[dict[str, Any], dict[str, Any]]
Judge = Callable[[dict[str, Any], dict[str, Any]], bool]


def _some(of_object: Callable[[dict[str, Any]], bool], least: int = 1) -> Judge:
    return lambda record, camera: sum(_counts(o) and of_object(o) for o in camera["objects"]) >= least


QUERIES: dict[str, Judge] = {
    "": lambda record, camera: True,
    "class:box": _some(lambda o: o["class"] == "box"),
    "class:box,pallet": _some(lambda o: o["class"] in ("box", "pallet")),
    "-class:box": _some(lambda o: o["class"] != "box"),
    "class:b*": _some(lambda o: o["class"].startswith("b")),
    "occlusion>0.1": _some(lambda o: o["occlusion"] > 0.1),
    "class:box occlusion>0": _some(lambda o: o["class"] == "box" and o["occlusion"] > 0),
    "class:parcel count>=3": _some(lambda o: o["class"] == "parcel", 3),
    "class:pallet count:0": lambda record, camera: (
        not _some(lambda o: o["class"] == "pallet")(record, camera)
    ),
    "size:10..20": _some(lambda o: 10 <= _side(o) <= 20),
    "pixels<100": _some(lambda o: o["visible_px"] < 100),
    "path:/Yard/Box_A": _some(lambda o: o["prim_path"] == "/Yard/Box_A"),
    "camera:side": lambda record, camera: camera["name"] == "side",
    "-camera:side split:train": lambda record, camera: (
        camera["name"] != "side" and record["split"] == "train"
    ),
    "frame:1..2": lambda record, camera: 1 <= record["frame"] <= 2,
    "rejected:no": lambda record, camera: True,
    "walk.distance>5": lambda record, camera: record["draws"]["walk"]["distance /Yard/Cameras/Front"] > 5,
    "box_b": _some(lambda o: "box_b" in o["prim_path"].lower()),
    "annotated:no": lambda record, camera: any(not _counts(o) for o in camera["objects"]),
}


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_finds_what_a_loop_finds(columns: Columns, records: list[dict[str, Any]], query: str) -> None:
    found = find(columns, query)
    names = columns.names["camera"]
    mine = [(int(columns.frame[columns.of[p]]), names[columns.camera[p]]) for p in found.pictures]
    expected = [(r["frame"], c["name"]) for r in records for c in r["cameras"] if QUERIES[query](r, c)]
    assert mine == expected
    assert [int(columns.frame[f]) for f in found.frames] == sorted({frame for frame, _ in expected})


def test_the_queries_tell_pictures_apart(columns: Columns) -> None:
    sizes = {len(find(columns, query).pictures) for query in QUERIES}
    assert len(sizes) >= 4 and len(columns.of) in sizes


def test_pictures_come_in_the_order_that_is_asked_for(
    columns: Columns, records: list[dict[str, Any]]
) -> None:
    found = find(columns, "class:box", "occlusion", falling=True)
    worst = [
        max(o["occlusion"] for o in c["objects"] if o["class"] == "box" and _counts(o))
        for p in found.pictures
        for c in records[columns.of[p]]["cameras"]
        if c["name"] == columns.names["camera"][columns.camera[p]]
    ]
    assert len(worst) > 2 and worst == sorted(worst, reverse=True) and worst[0] > worst[-1]
    by_draw = find(columns, "", "walk.distance")
    drawn = [
        records[columns.of[p]]["draws"]["walk"]["distance /Yard/Cameras/Front"] for p in by_draw.pictures
    ]
    assert drawn == sorted(drawn) and drawn[0] < drawn[-1]


def test_histograms_count_everything_once(columns: Columns, records: list[dict[str, Any]]) -> None:
    found = find(columns, "class:box")
    facets = {facet.id: facet for facet in Facets(columns).of(found)}
    items = [o for r in records for c in r["cameras"] for o in c["objects"] if _counts(o)]
    boxes = sum(o["class"] == "box" for o in items)
    for name in ("occlusion", "truncation", "size", "distance"):
        assert (sum(facets[name].all), sum(facets[name].found)) == (len(items), boxes), name
    assert dict((w, (a, f)) for w, a, f in facets["class"].words)["box"] == (boxes, boxes)
    assert all(f == 0 for w, _, f in facets["class"].words if w != "box")
    high = facets["occlusion"]
    hidden = sum(o["occlusion"] >= high.low + (high.high - high.low) * 23 / 24 for o in items)
    assert high.all[-1] == hidden > 0
    assert facets["camera"].words[0][1] == len(records)
    assert sum(facets["lamps.intensity"].all) == 3 * len(records)  # three lamps


def test_figures_of_classes(columns: Columns, records: list[dict[str, Any]]) -> None:
    figures = {one.name: one for one in class_figures(columns)}
    items = [o for r in records for c in r["cameras"] for o in c["objects"] if o["class"] == "parcel"]
    mine = [o for o in items if _counts(o)]
    one = figures["parcel"]
    assert (one.objects, one.listed) == (len(mine), len(items)) and one.listed > one.objects > 0
    assert one.side == pytest.approx(np.median([_side(o) for o in mine]))
    assert one.small == pytest.approx(np.mean([_side(o) < 32 for o in mine]))
    assert list(figures) == ["pallet", "box", "parcel"]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("oclusion>1", "did you mean 'occlusion'"),
        ("size:large", "size is a number"),
        ("class>1", "class is a word"),
        ("size>x", "'x' is no number"),
        ("size:", "says no value"),
        ('class:"box', "quotation mark"),
        ("rejected:perhaps", "expected rejected:yes or rejected:no"),
        ("walk.distanc>1", "did you mean 'walk.distance'"),
        ("a " * 51, "more than 50 terms"),
        ("x" * 2001, "more than 2000 letters"),
        ("class:*a*b*c*d*", "more than three stars"),
    ],
)
def test_what_is_no_query_is_told_in_a_sentence(columns: Columns, query: str, sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        find(columns, query)
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


def test_words_with_spaces_and_lists() -> None:
    term = parse('sky.map:"a b",c')[0]
    assert (term.field, term.words, term.negated) == ("sky.map", ("a b", "c"), False)
    low = parse("-size:..3.5")[0]
    assert (low.low, low.high, low.negated) == (-np.inf, 3.5, True)


def test_a_rejected_frame_is_a_row_without_a_picture(yard_dataset: Path, tmp_path: Path) -> None:
    root = tmp_path / "d"
    shutil.copytree(yard_dataset, root)
    record = json.loads((root / "records/000001.json").read_text())
    refused = [
        {"attempt": 0, "rule": "accept.min_objects", "reason": "1 annotated objects, at least 2 wanted"}
    ]
    record |= {"rejected": True, "cameras": [], "rejected_attempts": refused, "draws": {}}
    (root / "records/000001.json").write_text(json.dumps(record))
    (root / "records/000002.json").write_text("{ no json")
    columns = columns_of(rows_of(root), json.loads((root / "labels.json").read_text()))
    assert columns.unreadable == ["000002.json"]
    found = find(columns, "rejected:yes")
    assert [int(columns.camera[p]) for p in found.pictures] == [-1]
    assert columns.reason[int(found.frames[0])].startswith("1 annotated")
    assert len(find(columns, "rule:accept.*").pictures) == 1
    assert len(find(columns, "rejected:no").pictures) == 2 == len(find(columns, "count>=0").pictures)


def test_pictures_to_look_at(yard_dataset: Path, tmp_path: Path) -> None:
    import io

    def opened(data: bytes) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)

    instance = yard_dataset / "images/000000_Front_instance.png"
    ids = np.asarray(Image.open(instance)).astype(int)
    drawn = opened(shown(instance))
    for one in np.unique(ids):  # each id has one colour, and different ids differ
        assert len(np.unique(drawn[ids == one].reshape(-1, 3), axis=0)) == 1
    colors = {tuple(drawn[ids == one][0]) for one in np.unique(ids)}
    assert len(colors) == len(np.unique(ids)) > 3
    from twinstage.synth.verify.exr import read_exr

    depth_file = yard_dataset / "images/000000_Front_depth.exr"
    depth = read_exr(depth_file)["Z"]
    picture = opened(shown(depth_file)).sum(-1)
    known = np.isfinite(depth)
    near, far = depth[known] < np.percentile(depth[known], 20), depth[known] > np.percentile(depth[known], 80)
    assert picture[known][near].mean() > picture[known][far].mean() + 100
    small = thumbnail(yard_dataset / "images/000000_Front_rgb.png", 96)
    assert Image.open(io.BytesIO(small)).size == (96, 72)
    bad = tmp_path / "000000_Front_rgb.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\nrest")
    with pytest.raises(UserError, match="is no picture that can be read"):
        thumbnail(bad, 96)


ODD: dict[str, Callable[[dict[str, Any]], Any]] = {
    "frame": lambda r: r.update(frame=10**19),
    "frame of any length": lambda r: r.update(frame=10**400),
    "negative frame": lambda r: r.update(frame=-1),
    "id": lambda r: r["cameras"][0]["objects"][0].update(instance_id=1 << 64),
    "pixels": lambda r: r["cameras"][0]["objects"][0].update(visible_px=1 << 63),
    "total": lambda r: r["cameras"][0]["objects"][0].update(amodal_px_total=-(10**400)),
    "resolution": lambda r: r["cameras"][0].update(resolution=[10**19, 1]),
    "pose": lambda r: r["cameras"][0].update(world_from_camera=[[0, 0, 0, 1e300]] * 3),
    "box": lambda r: r["cameras"][0]["objects"][0].update(bbox_visible=[0, 0, 1e300, 1e300]),
    "occlusion": lambda r: r["cameras"][0]["objects"][0].update(occlusion=10**400),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_record_is_left_out_and_the_rest_is_there(
    yard_dataset: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / "records").mkdir()
    for path in (yard_dataset / "records").glob("*.json"):
        shutil.copy(path, tmp_path / "records")
    odd = tmp_path / "records/000001.json"
    record = json.loads(odd.read_text())
    ODD[name](record)
    odd.write_text(json.dumps(record))
    columns = columns_of(rows_of(tmp_path), json.loads((yard_dataset / "labels.json").read_text()))
    assert columns.unreadable == ["000001.json"] and columns.frame.tolist() == [0, 2]
    assert len(find(columns, "").pictures) == 4 and Facets(columns).of(find(columns, "class:box"))


def test_odd_draws_are_left_out(yard_dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    record = json.loads((yard_dataset / "records/000001.json").read_text())
    deep: Any = 1.5
    for _ in range(300):
        deep = [deep]
    record["draws"] = {
        "a": {"huge": 10**400, "large": 1e308, "deep": deep, "plain": [1, [2, "x"]], "none": None}
    }
    (tmp_path / "records/000001.json").write_text(json.dumps(record))
    columns = columns_of(rows_of(tmp_path), {})
    assert set(columns.draws) == {"a.plain", "a.plain (word)"} and columns.unreadable == []
    assert columns.draws["a.plain"].value.tolist() == [1, 2]


@pytest.mark.parametrize(
    "labels",
    [
        {"classes": None},
        {"classes": 3, "accept": 4},
        {"classes": [{"name": None}, 7, {}]},
        {"accept": {"min_visible_px": "x", "min_visibility": [1]}},
        {"accept": {"min_visible_px": None, "min_visibility": True}},
        {"accept": {"min_visible_px": float("nan"), "min_visibility": 10**400}},
    ],
)
def test_odd_labels_are_read_as_far_as_they_go(yard_dataset: Path, labels: dict[str, Any]) -> None:
    columns = columns_of(rows_of(yard_dataset), labels)
    assert len(columns.frame) == 3 and columns.annotated.any() and class_figures(columns)


@pytest.mark.timeout(20)
def test_stars_cost_no_more_than_the_text_is_long() -> None:
    for word, text, right in (
        ("a*b", "ab", True),
        ("a*b", "axxb", True),
        ("a*b", "a", False),
        ("a*a", "a", False),
        ("*", "", True),
        ("", "", True),
        ("", "x", False),
        ("abc", "abc", True),
        ("abc", "abcd", False),
        ("*b*", "abc", True),
        ("a*b*c", "abbc", True),
        ("a*bc*bcd", "abcd", False),
        ("a*bc*bcd", "abcbcd", True),
        ("a.*c", "a.\nc", True),
        ("a.*c", "abbc", False),
        ("a**b", "axb", True),
    ):
        assert word_matcher(word)(text) is right, (word, text)
    with pytest.raises(UserError, match="more than three stars"):
        word_matcher("a*b*c*d*e")
    began = time.perf_counter()
    assert not word_matcher("*a*a*ab")("a" * 2_000_000)
    assert time.perf_counter() - began < 2


@given(
    st.text("ab*", max_size=8).filter(lambda word: re.sub(r"\*+", "*", word).count("*") < 4),
    st.text("ab", max_size=9),
)
def test_words_with_stars_mean_what_they_mean_elsewhere(word: str, text: str) -> None:
    assert word_matcher(word)(text) is fnmatch.fnmatchcase(text, word)


def test_long_names_are_cut(yard_dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    record = json.loads((yard_dataset / "records/000001.json").read_text())
    record["cameras"][0]["objects"][0] |= {"prim_path": "/" + "p" * 5000, "class": "k" * 5000}
    (tmp_path / "records/000001.json").write_text(json.dumps(record))
    columns = columns_of(rows_of(tmp_path), {"classes": [{"name": "c" * 5000}]})
    assert {max(map(len, columns.names[name])) for name in ("label", "path")} == {1000}


def test_links_and_names_that_lead_out_are_not_read(
    yard_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from twinstage.live.api.browse import BrowseDesk
    from twinstage.live.api.datasets import DatasetShelf
    from twinstage.sync.api.browse import FrameAsk, SummaryAsk
    from twinstage.synth.verify import pictures

    root, out = tmp_path / "shelf/d", tmp_path / "out"
    shutil.copytree(yard_dataset, root)
    out.mkdir()
    (out / "secret.json").write_text(json.dumps({"classes": [{"name": "secret"}], "token": "hidden"}))
    (root / "labels.json").unlink()
    (root / "labels.json").symlink_to(out / "secret.json")
    desk = BrowseDesk(DatasetShelf(tmp_path / "shelf"))
    told = desk.describe(SummaryAsk(dataset="d"))
    assert told.labels == {} and "secret" not in {one.name for one in told.classes}
    said = "\n".join(f.message for f in desk.findings(FrameAsk(dataset="d", frame=0)).findings)
    assert "labels.json leads out of the dataset" in said and "secret" not in said

    # Pictures and models that a record names elsewhere.
    (root / "labels.json").unlink()
    shutil.copy(yard_dataset / "labels.json", root)
    shutil.copy(yard_dataset / "images/000000_Front_rgb.png", out / "a.png")
    read: list[Path] = []
    before = pictures.read_pixels
    monkeypatch.setattr(
        pictures, "read_pixels", lambda path, mode=None: read.append(path) or before(path, mode)
    )
    path = root / "records/000000.json"
    text = path.read_text()
    for name in ("../../out/a.png", str(out / "a.png"), "images/../../../out/a.png", "a\0b"):
        record = json.loads(text)
        record["cameras"][0]["images"]["rgb"] = name
        path.write_text(json.dumps(record))
        assert "image.missing" in {finding.code for finding in verify_frame(root, 0).findings}
    assert read and all(one.resolve().is_relative_to(root) for one in read)

    # The record itself, and one that nests too deeply.
    path.unlink()
    path.symlink_to(out / "record.json")
    (out / "record.json").write_text(text)
    said = "\n".join(f.message for f in verify_frame(root, 0).findings)
    assert "records/000000.json leads out of the dataset" in said
    path.unlink()
    path.write_text('{"a":' * 100_000)
    assert "nested too deeply" in verify_frame(root, 0).findings[0].message


EPS = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 8 8
%%EndComments
showpage
%%EOF
"""


def test_a_picture_is_what_its_name_says(
    yard_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pillow has a reader for PostScript, which runs a program of its own."""
    from PIL import EpsImagePlugin

    from twinstage.synth.contact_sheet import contact_sheet
    from twinstage.synth.dataset import Dataset
    from twinstage.synth.report import report_html
    from twinstage.synth.verify.formats.folder import Folder, image_pixels
    from twinstage.synth.verify.pictures import read_pixels

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("PostScript is read")

    monkeypatch.setattr(EpsImagePlugin.EpsImageFile, "__init__", refuse)
    root = tmp_path / "d"
    shutil.copytree(yard_dataset, root)
    names = [p for p in (root / "images").glob("*_rgb.png")]
    for path in [*names, root / "contact_sheet.png"]:
        path.write_bytes(EPS)
    with pytest.raises(UserError, match="is no picture that can be read"):
        thumbnail(names[0], 96)
    with pytest.raises(UserError, match="is no picture that can be read"):
        shown(names[0])
    with pytest.raises(OSError, match="cannot identify"):
        read_pixels(names[0])
    with pytest.raises(ValueError, match="is no readable image"):
        image_pixels(EPS)
    with pytest.raises(ValueError, match="is no readable image"):
        Folder(root).image_size("contact_sheet.png")
    assert "rgb.broken" in {finding.code for finding in verify_frame(root, 0).findings}
    dataset = Dataset(root)
    for call in (lambda: contact_sheet(dataset), lambda: report_html(dataset, None)):
        with pytest.raises(OSError, match="cannot identify"):  # `write_report` makes a sentence of it
            call()


def test_pictures_that_cost_much_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from twinstage.synth.browse import pictures

    assert pictures.MOST_COLORED == 1 << 24
    monkeypatch.setattr(pictures, "MOST_COLORED", 100)
    depth, ids, plain = (tmp_path / f"000000_Eye_{name}.png" for name in ("depth", "instance", "rgb"))
    Image.fromarray(np.zeros((11, 10), np.uint16)).save(depth)
    Image.fromarray(np.zeros((11, 10), np.uint8)).save(ids)
    Image.fromarray(np.zeros((11, 10, 3), np.uint8)).save(plain)
    (tmp_path / "000000_Eye_depth.exr").write_bytes(exr_bytes({"Z": np.zeros((11, 10), np.float32)}))
    for path in (depth, ids, tmp_path / "000000_Eye_depth.exr"):
        with pytest.raises(UserError, match=f"{path.name} has more pixels than can be shown"):
            shown(path)
    assert shown(plain)
    Image.fromarray(np.zeros((1, 1 << 17), np.uint8).T).save(plain)
    assert len(thumbnail(plain, 96)) > 100
    Image.fromarray(np.zeros((3, 3, 4), np.uint8)).save(ids)
    with pytest.raises(UserError, match="is no picture that can be read"):
        shown(ids)


def test_the_judge_of_one_frame(yard_dataset: Path, tmp_path: Path) -> None:
    good = verify_frame(yard_dataset, 1)
    assert good.ok and good.checks > 100
    root = tmp_path / "d"
    shutil.copytree(yard_dataset, root)
    path = root / "records/000001.json"
    record = json.loads(path.read_text())
    record["cameras"][0]["objects"][0]["visible_px"] += 1
    path.write_text(json.dumps(record))
    codes = {finding.code for finding in verify_frame(root, 1).findings}
    assert {"count.visible_px", "file.changed"} <= codes
    assert verify_frame(root, 0).ok


def test_the_changes_that_make_a_recipe_the_datasets(yard_dataset: Path, yard: Path) -> None:
    import yaml

    from twinstage.synth.browse.remake import changes_to
    from twinstage.synth.recipe import load_recipe

    data = yaml.safe_load((yard_dataset / "recipe.yaml").read_text())
    path = yard.with_name("remade.yaml")
    path.write_text(yaml.safe_dump(data))
    assert changes_to(path, yard_dataset) == []
    # As if --set had changed these when it was made; the number of frames and the seed are the dataset's own.
    data["engine"]["kind"], data["accept"]["min_objects"], data["frames"], data["seed"] = "raycast", 1, 9, 8
    data["randomize"][1]["intensity"] = [3, 4]
    data["export"] = []
    path.write_text(yaml.safe_dump(data))
    changes = changes_to(path, yard_dataset)
    assert changes is not None and {c.split("=")[0] for c in changes} == {
        *("engine.kind", "accept.min_objects", "lamps.intensity"),
    }
    wanted = load_recipe(yard_dataset / "recipe.yaml")
    made = load_recipe(path, [*changes, f"frames={wanted.frames}", f"seed={wanted.seed}"])
    assert made.frames_hash == wanted.frames_hash
    del data["randomize"][0]
    path.write_text(yaml.safe_dump(data))
    remade = changes_to(path, yard_dataset)
    assert remade is None or any(c.startswith("randomize=") for c in remade)
