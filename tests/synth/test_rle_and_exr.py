"""The judge's own readers against other people's: pycocotools for run lengths, Mitsuba for EXR."""

import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco

from twinstage.render.picture import exr_bytes as exr
from twinstage.render.picture import png_bytes as png
from twinstage.synth import masks
from twinstage.synth.verify import rle
from twinstage.synth.verify.exr import read_exr

mask_arrays = hnp.arrays(np.bool_, st.tuples(st.integers(1, 40), st.integers(1, 40)))


@given(mask_arrays)
@settings(deadline=None, max_examples=100)
def test_run_lengths_of_pycocotools_are_understood(mask: np.ndarray) -> None:
    packed = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    text = {"size": packed["size"], "counts": packed["counts"].decode()}
    assert np.array_equal(rle.decode(text), mask)
    box = rle.tight_box(mask)
    assert (box or [0, 0, 0, 0]) == [float(v) for v in coco.toBbox(packed)]
    assert masks.encode(mask) == text and masks.box(text) == box
    assert np.array_equal(masks.decode(text), mask)


def test_long_runs_are_understood() -> None:
    mask = np.zeros((500, 700), bool)
    mask[100:400, 3:699] = True
    assert np.array_equal(rle.decode(masks.encode(mask)), mask)


@pytest.mark.parametrize("counts", ["", "1", "zzzz", "\x7f", "0", "o"])
def test_run_lengths_that_do_not_add_up_are_refused(counts: str) -> None:
    with pytest.raises(ValueError, match=r"run length|character"):
        rle.decode({"size": [4, 5], "counts": counts})


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 40), st.integers(1, 30)),
        elements=st.floats(width=32, allow_nan=False),
    )
)
@settings(deadline=None, max_examples=30)
def test_exr_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, values: np.ndarray) -> None:
    path = tmp_path_factory.mktemp("exr") / "a.exr"
    path.write_bytes(exr({"Z": values, "A": -values}))
    read = read_exr(path)
    assert sorted(read) == ["A", "Z"]
    assert np.array_equal(read["Z"], values) and np.array_equal(read["A"], -values)


def test_mitsuba_reads_our_exr(tmp_path: Path) -> None:
    import mitsuba as mi

    mi.set_variant("scalar_rgb")
    values = np.linspace(0.1, 9, 50 * 33, dtype=np.float32).reshape(33, 50)
    values[3, 4] = np.inf
    (tmp_path / "ours.exr").write_bytes(exr({"Y": values}))
    assert np.array_equal(np.array(mi.Bitmap(str(tmp_path / "ours.exr"))).reshape(33, 50), values)


@pytest.mark.parametrize("damage", [lambda d: d[:40], lambda d: d[:-30], lambda d: b"PNG" + d, lambda d: b""])
def test_damaged_exr_is_an_error_not_a_crash(tmp_path: Path, damage: object) -> None:
    whole = exr({"Z": np.random.Generator(np.random.PCG64(1)).random((20, 20)).astype(np.float32)})
    (tmp_path / "a.exr").write_bytes(damage(whole))  # type: ignore[operator]
    with pytest.raises(ValueError, match="EXR"):
        read_exr(tmp_path / "a.exr")


def _header(window: tuple[int, int, int, int], compression: int = 3, channels: bytes | None = None) -> bytes:
    def attribute(name: bytes, kind: bytes, value: bytes) -> bytes:
        return name + b"\0" + kind + b"\0" + struct.pack("<i", len(value)) + value

    if channels is None:
        channels = b"Z\0" + struct.pack("<iiii", 2, 0, 1, 1) + b"\0"
    return (
        struct.pack("<II", 20000630, 2)
        + attribute(b"channels", b"chlist", channels)
        + attribute(b"compression", b"compression", bytes([compression]))
        + attribute(b"dataWindow", b"box2i", struct.pack("<4i", *window))
    )


def _bomb() -> bytes:
    """One block of 100 MB where 256 bytes are promised."""
    head = _header((0, 0, 63, 0)) + b"\0"
    block = zlib.compress(bytes(100 << 20), 9)
    return head + struct.pack("<Qii", len(head) + 8, 0, len(block)) + block


HOSTILE_EXR = {
    "an attribute of negative size": _header((0, 0, 3, 3)) + b"a\0b\0" + struct.pack("<i", -8) + bytes(200),
    "as large as can be": _header((0, 0, 65535, 65535)) + b"\0" + bytes(8 * 4096),
    "large in a small file": _header((0, 0, 8191, 8191)) + b"\0" + bytes(8 * 512),
    "large and stored as it is": _header((0, 0, 8191, 16), 0) + b"\0" + bytes(8 * 17),
    "a block that unpacks to more": _bomb(),
    "no channels": _header((0, 0, 3, 3), 0, b"\0") + b"\0" + bytes(64),
    "many channels": _header((0, 0, 0, 0), 0, (b"Z\0" + struct.pack("<iiii", 2, 0, 1, 1)) * 5000 + b"\0")
    + bytes(64),
    "a line that is not there": _header((0, 0, 3, 0), 0)
    + b"\0"
    + bytes(8)
    + struct.pack("<ii", -5, 16)
    + bytes(16),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", HOSTILE_EXR)
def test_hostile_exr_costs_little(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.exr").write_bytes(HOSTILE_EXR[name])
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="EXR"):
            read_exr(tmp_path / "a.exr")
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_png_keeps_sixteen_bits(tmp_path: Path) -> None:
    from PIL import Image

    values = np.arange(600, dtype=np.uint16).reshape(20, 30) * 100
    (tmp_path / "a.png").write_bytes(png(values))
    with Image.open(tmp_path / "a.png") as image:
        assert np.array_equal(np.array(image), values)
