"""Files that nobody vouches for: damage is a finding, never a traceback; sizes are bounded; paths stay inside."""

import json
import os
import shutil
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.synth.formats import exports, shots

from twinstage.base.errors import UserError
from twinstage.cli.app import run as main
from twinstage.synth.verify.formats import FORMATS, detect, rules_of, verify_format
from twinstage.synth.verify.formats.folder import Folder
from twinstage.synth.verify.formats.shapes import fill_rings, read_ply


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A dataset of each format."""
    base = tmp_path_factory.mktemp("good")
    made = [shots.make(500 + i) for i in range(2)]
    for name, write in exports.WRITERS.items():
        write(base / name, made)
    return {name: base / name for name in exports.WRITERS}


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """Bytes exchanged, cut off, doubled or replaced by what parsers dislike."""
    kind = int(rng.integers(5))
    at = int(rng.integers(max(len(data), 1)))
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + rng.bytes(int(rng.integers(1, 9))) + data[at + 4 :]
    if kind == 2:
        return data[:at] + data[at // 2 :]
    if kind == 3:
        odd = [b"null", b"[]", b"{}", b"1e999", b"-1", b'"x"', b"[" * 3000, b"NaN", b"\xff\xfe", b"0"]
        return data[:at] + odd[int(rng.integers(len(odd)))] + data[at + 1 :]
    return b""


def replaced(value: Any, rng: np.random.Generator) -> Any:
    """A JSON value with one of its parts replaced by something of another kind."""
    odd: list[Any] = [None, -1, 1e300, "x", [], {}, True, [[]], 10**30, {"a": 1}, "../../x", 0.5]
    if isinstance(value, (dict, list)) and value and rng.random() < 0.85:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        key = keys[int(rng.integers(len(keys)))]
        value[key] = replaced(value[key], rng)  # type: ignore[index]
        return value
    return odd[int(rng.integers(len(odd)))]


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_no_damage_is_a_traceback(name: str, good: dict[str, Path], tmp_path: Path) -> None:
    files = [p for p in sorted(good[name].rglob("*")) if p.is_file()]
    for seed in range(40):
        rng = np.random.Generator(np.random.Philox([9, seed]))
        root = Path(shutil.copytree(good[name], tmp_path / "d"))
        path = root / files[int(rng.integers(len(files)))].relative_to(good[name])
        if path.suffix == ".json" and seed % 2:
            path.write_text(json.dumps(replaced(json.loads(path.read_text()), rng)))
        else:
            path.write_bytes(damaged(path.read_bytes(), rng))
        for found in verify_format(root, name).findings:
            assert found.code in rules_of(name) and "\n" not in str(found)
        shutil.rmtree(root)


def test_a_picture_of_terabytes_is_refused_before_it_is_decoded(
    good: dict[str, Path], tmp_path: Path
) -> None:
    root = Path(shutil.copytree(good["bop"], tmp_path / "d"))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    huge = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2_000_000, 2_000_000, 8, 0, 0, 0, 0))
    huge += chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    (root / "train_pbr/000000/mask/000000_000000.png").write_bytes(huge)
    texts = [str(f) for f in verify_format(root).findings]
    assert any("000000_000000.png" in t and "bop.unreadable" in t for t in texts), texts


def test_an_array_that_promises_more_than_its_file_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(4))
    data = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(data.replace(b"(4,), }", b"(4000000000,), }")[: len(data)])
    with pytest.raises(ValueError, match=r"promises|no \.npy"):
        Folder(tmp_path).npy("a.npy")


def test_a_model_that_promises_more_than_its_file_is_refused(tmp_path: Path) -> None:
    head = "ply\nformat ascii 1.0\nelement vertex 4000000\nproperty float x\nend_header\n"
    (tmp_path / "m.ply").write_text(head)
    with pytest.raises(ValueError, match="promises 4000000 elements"):
        read_ply(Folder(tmp_path), "m.ply")


def test_links_out_of_the_dataset_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("{}")
    root = tmp_path / "d"
    root.mkdir()
    os.symlink(tmp_path / "secret.json", root / "inner.json")
    for name in ("../secret.json", "inner.json", "/etc/passwd", "a\0b"):
        with pytest.raises(ValueError):
            Folder(root).json(name)


def test_yaml_with_aliases_is_refused(good: dict[str, Path], tmp_path: Path) -> None:
    root = Path(shutil.copytree(good["yolo"], tmp_path / "d"))
    bomb = "a: &a [x, x]\nb: &b [*a, *a]\ntrain: images/train\nval: images/val\nnames: *b\n"
    (root / "data.yaml").write_text(bomb)
    assert {f.code for f in verify_format(root).findings} == {"yolo.unreadable"}


def test_what_is_no_dataset_is_the_users_mistake(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("nothing")
    with pytest.raises(UserError, match="holds no dataset that is known here"):
        verify_format(tmp_path)
    with pytest.raises(UserError, match="is not there"):
        verify_format(tmp_path / "none")
    with pytest.raises(UserError, match="did you mean 'kitti'"):
        verify_format(tmp_path, "kiti")


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_formats_are_recognised_from_the_files(name: str, good: dict[str, Path]) -> None:
    assert detect(good[name]) == [name]


def test_a_named_format_with_nothing_of_it_is_a_finding(good: dict[str, Path]) -> None:
    report = verify_format(good["kitti"], "bop")
    assert [f.code for f in report.findings] == ["bop.unreadable"]


def test_a_single_file_can_be_named(good: dict[str, Path]) -> None:
    report = verify_format(good["coco"] / "annotations/instances.json")
    assert report.ok and report.counts["coco.score"] == 3 and report.counts["coco.image-size"] == 2


def test_the_command(good: dict[str, Path], capsys: pytest.CaptureFixture[str], root: Path) -> None:
    def run(*words: str) -> tuple[int, str]:
        code = main(["synth", "verify", *words])
        out = capsys.readouterr()
        return code, out.out + out.err

    code, text = run(str(good["bop"]))
    assert code == 0 and text.strip().endswith("checks, 0 findings")
    code, text = run(str(root / "tests/synth/formats/fixtures/range_as_z"))
    assert code == 1 and "[bop.depth-is-range]" in text and "4 findings" in text
    code, text = run("--rules", "--format", "yolo")
    assert code == 0 and "yolo.normalised: coordinates are divided by" in text and "bop." not in text
    code, text = run(str(good["bop"]), "--format", "bopp")
    assert code == 2 and "did you mean 'bop'?" in text
    code, text = run()
    assert code == 2 and "name a dataset" in text


def test_without_h5py_one_sentence_says_so(good: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "h5py", None)
    findings = verify_format(good["blenderproc"]).findings
    assert [f.code for f in findings] == ["blenderproc.hdf5-missing"]
    assert "pip install 'twinstage[hdf5]'" in findings[0].message


def test_rings_are_filled_as_their_centres_lie() -> None:
    made = shots.make(3)
    for thing in made.things:
        filled = fill_rings(exports.rings(thing.visible), shots.WIDTH, shots.HEIGHT)
        assert np.array_equal(filled, thing.visible)


@pytest.mark.parametrize("binary", [True, False])
def test_ply_files_are_read_as_they_were_written(binary: bool, tmp_path: Path) -> None:
    model = shots.models()[1]
    path = tmp_path / "m.ply"
    if binary:
        exports.write_ply(path, model.vertices, model.triangles)
    else:
        import trimesh

        path.write_bytes(
            trimesh.Trimesh(model.vertices, model.triangles, process=False).export(
                file_type="ply", encoding="ascii"
            )
        )
    mesh = read_ply(Folder(tmp_path), "m.ply")
    assert np.allclose(mesh.vertices, model.vertices, atol=1e-6)
    assert np.array_equal(mesh.triangles, model.triangles)
