"""Turntables, previews, contact sheets and files of AOVs."""

import io
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from twinstage.base.errors import UserError
from twinstage.render.capture import AOVS
from twinstage.render.outputs import (
    aov_bytes,
    check_aovs,
    check_suffix,
    file_suffix,
)
from twinstage.render.preview import Preview, id_colors, turbo
from twinstage.render.sheet import Heading, evenly, sheet_png, shrunk
from twinstage.render.turntable import turntable
from twinstage.render.views import point_of_view, view_of
from twinstage.render.whole import check_folder, write_whole

# ---------------------------------------------------------------------- turntables and views


def _boxes(hand: SimpleNamespace) -> object:
    items = [(hand.box((2, 1, 4)), hand.pose([5, -3, 2]), 0), (hand.box(), hand.pose([7, -2, 0]), 1)]
    return hand.snapshot(items)


@pytest.mark.parametrize("size, elevation", [((64, 48), 0.4), ((40, 90), -0.2), ((90, 30), 1.3)])
def test_a_turntable_goes_round_once_and_always_sees_everything(
    hand: SimpleNamespace, size: tuple[int, int], elevation: float
) -> None:
    snapshot = _boxes(hand)
    low, high = np.array([4, -3.5, -0.5]), np.array([7.5, -1.5, 4.0])
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)]) * (high - low) + low
    cameras = turntable(snapshot, 12, *size, elevation=elevation)
    eyes = np.array([camera.world_from_camera[:3, 3] for camera in cameras]) - (low + high) / 2
    assert np.allclose(np.linalg.norm(eyes, axis=1), np.linalg.norm(eyes[0]))
    assert np.allclose(np.arcsin(eyes[:, 2] / np.linalg.norm(eyes[0])), elevation)
    turns = np.diff(np.unwrap(np.arctan2(eyes[:, 1], eyes[:, 0])))
    assert np.allclose(turns, 2 * np.pi / 12), "evenly, counter-clockwise, and no view twice"
    fullest = 0.0
    for camera in cameras:
        pixels, depth = camera.project(corners)
        assert (depth > camera.near).all() and (depth < camera.far).all()
        assert (pixels >= 0).all() and (pixels <= size).all()
        reach = np.abs(pixels / size - 0.5).max()
        fullest = max(fullest, float(reach))
    assert fullest > 0.45, "and no farther away than that takes"


def test_views_that_cannot_be_are_one_sentence(hand: SimpleNamespace) -> None:
    snapshot = _boxes(hand)
    for work, words in (
        (lambda: turntable(snapshot, 0, 8, 8), "a turntable of 0 views"),
        (lambda: turntable(snapshot, 4, 8, 8, elevation=np.pi / 2), "an elevation of 90 degrees"),
        (lambda: view_of(snapshot, "Main", (8, 8)), "no camera named 'Main'"),
        (lambda: view_of(snapshot, None, (0, 8)), "a picture of 0 x 8 pixels"),
        (lambda: view_of(snapshot, None, (8, 20_000)), "a picture of 8 x 20000 pixels"),
        (
            lambda: point_of_view(snapshot, (1, float("inf"), 2), None, (8, 8)),
            "eye is .*three finite numbers",
        ),
        (lambda: point_of_view(snapshot, (1, 2, 3), (1, 2, 3), (8, 8)), "cannot look at the point"),
    ):
        with pytest.raises(UserError, match=words):
            work()


def test_a_point_of_view_looks_at_the_middle(hand: SimpleNamespace) -> None:
    view = point_of_view(_boxes(hand), (0, 0, 10), None, (60, 40))
    pixels, _ = view.camera.project(np.array([[5.75, -2.5, 1.75]]))
    assert np.allclose(pixels, [[30, 20]])
    assert view.source == "from (0, 0, 10) to (5.75, -2.5, 1.75)"


# ---------------------------------------------------------------------- previews


def test_ids_have_lasting_colours_and_nothing_is_black() -> None:
    colors = id_colors(np.arange(-1, 400).reshape(1, -1))[0]
    assert (colors[:2] == 0).all() and (colors[2:].max(1) > 100).all()
    assert len({tuple(c) for c in colors[2:].tolist()}) > 350
    near = np.abs(colors[3:].astype(int) - colors[2:-1]).max(1)
    assert near.min() > 40, "neighbours are told apart"
    assert (id_colors(np.array([[17]]))[0, 0] == colors[18]).all()


def test_a_depth_ramp_runs_from_red_to_blue_and_keeps_its_span() -> None:
    depth = np.array([[1.0, 2.0, 3.0, np.inf]], np.float32)
    preview = Preview()
    near, middle, far, nothing = preview("depth", depth)[0].astype(int)
    assert near[0] > near[2] and far[2] > far[0] + 30 and middle[1] > 200 and not nothing.any()
    again = preview("depth", depth + 1)[0].astype(int)
    assert np.abs(again[0] - middle).max() < 25, "2 m has the same colour in the next picture of a film"
    assert (Preview()("depth", np.full((2, 2), np.inf, np.float32)) == 0).all()


def test_turbo_begins_dark_blue_and_ends_dark_red() -> None:
    # From the table of the map's author: values at 0, 1/2 and 1.
    expected = [(0.18995, 0.07176, 0.23217), (0.64362, 0.98999, 0.23356), (0.47960, 0.01583, 0.01055)]
    assert np.abs(turbo(np.array([0.0, 0.5, 1.0])) - expected).max() < 0.13, "the polynomial's own error"


def test_directions_vectors_and_masks() -> None:
    up = Preview()("normal", np.array([[[0, 0, 1], [0, 0, 0], [-1, 0, 0]]], np.float32))[0]
    assert up.tolist() == [[128, 128, 255], [0, 0, 0], [0, 128, 128]]
    nocs = Preview()("nocs", np.array([[[0, 0.5, 1], [np.nan] * 3]], np.float32))[0]
    assert nocs.tolist() == [[0, 128, 255], [0, 0, 0]]
    uv = Preview()("uv", np.array([[[1.25, -0.25]]], np.float32))[0, 0]
    assert uv.tolist() == [64, 191, 0], "tiles of a texture look alike"
    flow = Preview()("flow", np.array([[[0, 0], [4, 0], [-4, 0], [np.nan, 0]]], np.float32))[0]
    assert (
        flow[0].tolist() == [255] * 3
        and flow[1].tolist() == [255, 0, 0]
        and flow[2].tolist() == [0, 255, 255]
    )
    assert flow[3].tolist() == [0, 0, 0]
    assert Preview()("flow_occluded", np.array([[True, False]]))[0].tolist() == [[255] * 3, [0] * 3]


@pytest.mark.parametrize("name", AOVS)
def test_every_aov_has_a_preview_and_a_file(name: str) -> None:
    kind = AOVS[name]
    rng = np.random.default_rng(5)
    depth = {"[3]": (3,), "[2]": (2,)}.get(kind.partition(",")[0][2:], ())
    values = rng.uniform(0, 1, (6, 7, *depth)).astype(np.float32)
    if kind.startswith(("u1", "i4", "bool")):
        values = (
            (values * 40 - 20 * kind.startswith("bool"))
            .clip(0)
            .astype({"u": np.uint8, "i": np.int32, "b": np.bool_}[kind[0]])
        )
    picture = Preview()(name, values)
    assert picture.shape == (6, 7, 3) and picture.dtype == np.uint8 and picture.std() > 5
    data = aov_bytes(name, values, file_suffix(name, preview=False))
    assert data[:4] in (b"\x89PNG", b"\x76\x2f\x31\x01")
    assert np.array_equal(np.load(io.BytesIO(aov_bytes(name, values, ".npy"))), values)


# ---------------------------------------------------------------------- files


def test_ids_survive_a_png_and_large_ones_are_refused() -> None:
    ids = np.array([[0, 1, 300], [65535, 7, 2]], np.int32)
    with Image.open(io.BytesIO(aov_bytes("object", ids, ".png"))) as image:
        assert np.array_equal(np.asarray(image), ids)
    with pytest.raises(UserError, match="object has numbers from 1 to 65536, but a PNG holds 0 to 65535"):
        aov_bytes("object", ids + 1, ".png")
    occluded = np.array([[True, False]])
    with Image.open(io.BytesIO(aov_bytes("flow_occluded", occluded, ".png"))) as image:
        assert np.asarray(image).tolist() == [[255, 0]]


def test_jpegs_are_close_to_the_picture() -> None:
    y, x = np.mgrid[:40, :60]
    picture = np.stack([x * 4, y * 6, 255 - x * 4], -1).astype(np.uint8)
    with Image.open(io.BytesIO(aov_bytes("rgb", picture, ".jpg"))) as image:
        assert np.abs(np.asarray(image).astype(int) - picture).mean() < 2


def test_names_that_cannot_hold_an_aov_are_refused_before_any_work() -> None:
    for name, file, preview, words in (
        (
            "position",
            "a.png",
            False,
            "a PNG cannot hold position; name a .exr or .npy file, or ask for --preview",
        ),
        ("object", "a.jpg", False, "a JPEG would spoil the numbers of object"),
        ("rgb", "a.exr", False, "rgb is 8 bits after the tone map; ask for --aov linear"),
        ("depth", "a.exr", True, "a preview is a picture to look at"),
        ("rgb", "a.tiff", False, "must end in .png"),
    ):
        with pytest.raises(UserError, match=words):
            check_suffix(Path(file), name, preview)
    for name in AOVS:
        check_suffix(Path(f"a{file_suffix(name, False)}"), name, False)
        check_suffix(Path("a.png"), name, True)
    with pytest.raises(UserError, match=r"there is no AOV 'dept'; did you mean 'depth'\?"):
        check_aovs(["rgb", "dept"])
    with pytest.raises(UserError, match="known: rgb, linear, depth"):
        check_aovs([])
    assert check_aovs(["depth", "rgb", "depth"]) == ("depth", "rgb")


def test_files_are_whole_or_not_there(tmp_path: Path) -> None:
    write_whole(tmp_path / "deep" / "a.bin", b"1")
    write_whole(tmp_path / "deep" / "a.bin", b"2")
    assert (tmp_path / "deep" / "a.bin").read_bytes() == b"2"
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["a.bin"]
    with pytest.raises(UserError, match="is a folder"):
        write_whole(tmp_path / "deep", b"")
    with pytest.raises(UserError, match="cannot be written: File exists"):
        write_whole(tmp_path / "deep" / "a.bin" / "b.bin", b"")
    with pytest.raises(UserError, match="cannot be made: "):
        check_folder(tmp_path / "deep" / "a.bin" / "c")


# ---------------------------------------------------------------------- sheets


def test_a_sheet_holds_its_pictures_in_order() -> None:
    colors = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (200, 200, 30), (30, 200, 200)]
    tiles = [shrunk(np.full((30, 40, 3), color, np.uint8), f"picture {i}") for i, color in enumerate(colors)]
    data = sheet_png(tiles, Heading("five", "a note", [("red", colors[0])]))
    assert data == sheet_png(tiles, Heading("five", "a note", [("red", colors[0])]))
    sheet = np.asarray(Image.open(io.BytesIO(data)))
    places = []
    for color in colors:
        rows, columns = np.nonzero((sheet[100:] == color).all(-1))
        assert len(rows) == 480 * 360, "each is there once, whole"
        places.append((rows.min(), columns.min()))
    assert places == sorted(places)


def test_of_many_the_first_and_the_last_are_shown() -> None:
    assert evenly(1000, 16).tolist()[::15] == [0, 999] and len(evenly(1000, 16)) == 16
    assert evenly(3, 16).tolist() == [0, 1, 2] and evenly(5, 1).tolist() == [0]
