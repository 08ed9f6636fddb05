"""AOVs as files, read back by Pillow and by OpenEXR's own reader; the pool that writes them."""

import io
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from twinstage.base.errors import UserError
from twinstage.render.camera import look_at
from twinstage.render.capture import AOVS, pinhole
from twinstage.render.encoder import Encoder
from twinstage.render.files import aov_bytes, save_aov
from twinstage.render.outputs import file_suffix
from twinstage.render.picture import exr_bytes, png_bytes
from twinstage.scene.color import linear_from_srgb

OpenEXR = pytest.importorskip("OpenEXR")


def _read_exr(path):
    with OpenEXR.File(str(path), separate_channels=True) as file:
        channels = {name: channel.pixels for name, channel in file.channels().items()}
        return channels, dict(file.header())


def _read_png(data):
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def _png16(data):
    """Sixteen bits of three channels, which Pillow would cut to eight: by zlib and the PNG specification."""
    import struct
    import zlib

    width, height, bits, kind = struct.unpack(">IIBB", data[16:26])
    assert (bits, kind) == (16, 2)
    start = data.index(b"IDAT")
    (length,) = struct.unpack(">I", data[start - 4 : start])
    rows = np.frombuffer(zlib.decompress(data[start + 4 : start + 4 + length]), np.uint8)
    rows = rows.reshape(height, -1).copy()
    assert rows[0, 0] == 1 and (rows[1:, 0] == 2).all()
    lines = rows[:, 1:]
    lines[0] = np.cumsum(lines[0].reshape(-1, 6), 0, dtype=np.uint8).ravel()
    lines = np.cumsum(lines, 0, dtype=np.uint8)
    return np.ascontiguousarray(lines).view(">u2").reshape(height, width, 3).astype(int)


def _aov(name, rng, h=13, w=17):
    kind = AOVS[name]
    if kind.startswith("bool"):
        return rng.random((h, w)) > 0.5
    if kind.startswith("u1"):
        return rng.integers(0, 255, (h, w, 3)).astype(np.uint8)
    if kind.startswith("i4"):
        return rng.integers(0, 60_000, (h, w)).astype(np.int32)
    shape = (h, w) if not kind.startswith("f4[") else (h, w, int(kind[3]))
    array = rng.normal(0, 2, shape).astype(np.float32)
    array[0, 0] = {"depth": np.inf, "range": np.inf}.get(name, np.nan)
    return array


@pytest.mark.parametrize("name", sorted(set(AOVS) - {"rgb"}))
def test_every_aov_is_whole_in_an_exr_file(tmp_path, name):
    array = _aov(name, np.random.default_rng(1))
    save_aov(tmp_path / "a.exr", name, array)
    channels, _ = _read_exr(tmp_path / "a.exr")
    stacked = array[..., None] if array.ndim == 2 else array
    letters = {2: "XY", 3: "XYZ"}.get(stacked.shape[2], name)
    letters = {"linear": "RGB", "uv": "UV", "depth": "Z"}.get(name, letters)
    listed = [letters] if stacked.shape[2] == 1 else list(letters)
    assert sorted(channels) == sorted(listed)
    for k, letter in enumerate(listed):
        expected = stacked[..., k]
        kind = np.float32 if expected.dtype.kind == "f" else np.uint32
        assert channels[letter].dtype == kind
        assert np.array_equal(channels[letter], expected.astype(kind), equal_nan=kind is np.float32)


def test_more_objects_than_a_png_counts_go_into_an_exr(tmp_path):
    array = np.array([[0, 70_000], [2**31 - 1, 5]], np.int32)
    save_aov(tmp_path / "a.exr", "instance", array)
    assert np.array_equal(_read_exr(tmp_path / "a.exr")[0]["instance"], array)
    with pytest.raises(
        UserError, match=r"instance has numbers from 0 to 2147483647, but a PNG holds 0 to 65535"
    ):
        save_aov(tmp_path / "a.png", "instance", array)


@settings(deadline=None, max_examples=30)
@given(size=st.tuples(st.integers(1, 40), st.integers(1, 40)), seed=st.integers(0, 2**32 - 1))
def test_channels_of_all_three_types_share_a_file(tmp_path_factory, size, seed):
    """Any bits: with subnormal numbers, infinities and all kinds of NaN."""
    rng = np.random.default_rng(seed)
    channels = {
        name: np.frombuffer(rng.bytes(size[0] * size[1] * np.dtype(kind).itemsize), kind).reshape(size)
        for name, kind in (("half", np.float16), ("Z", np.float32), ("id", np.uint32))
    }
    path = tmp_path_factory.mktemp("exr") / "a.exr"
    path.write_bytes(exr_bytes(channels))
    read, _ = _read_exr(path)
    for name, array in channels.items():
        assert read[name].dtype == array.dtype
        assert read[name].tobytes() == array.tobytes()


def test_half_floats_and_the_shape_of_pixels(tmp_path):
    array = np.random.default_rng(0).random((9, 7, 3)).astype(np.float32)
    camera = replace(look_at([0, -3, 1], [0, 0, 0], width=7, height=9), K=pinhole(10.0, 15.0, 3.5, 4.5))
    save_aov(tmp_path / "a.exr", "linear", array, camera, half=True)
    channels, header = _read_exr(tmp_path / "a.exr")
    assert channels["R"].dtype == np.float16
    assert np.allclose(channels["G"], array[..., 1], atol=1e-3)
    assert header["pixelAspectRatio"] == pytest.approx(1.5)


class TestPng:
    def test_depth_in_millimetres(self):
        depth = np.array([[0.001, 1.2344, 65.535], [65.54, np.inf, np.nan]], np.float32)
        assert _read_png(aov_bytes(".png", "depth", depth)).tolist() == [[1, 1234, 65535], [0, 0, 0]]

    def test_ids_and_masks(self):
        ids = np.array([[0, 65535], [7, 300]], np.int32)
        assert np.array_equal(_read_png(aov_bytes(".png", "object", ids)), ids)
        mask = np.array([[True, False]])
        assert _read_png(aov_bytes(".png", "flow_occluded", mask)).tolist() == [[255, 0]]

    def test_normals_light_and_nocs_in_sixteen_bits(self):
        normal = np.array([[[0, 0, 1], [0, 0, 0]], [[-1, 0, 0], [0.6, -0.8, 0]]], np.float32)
        read = _png16(aov_bytes(".png", "normal", normal))
        assert read[0, 1].tolist() == [0, 0, 0]
        back = read / 65535 * 2 - 1
        assert np.abs(back - normal)[[0, 1, 1], [0, 0, 1]].max() < 2e-5
        light = np.array([[[0.0, 0.18, 1.0], [2.0, np.nan, np.inf]]], np.float32)
        read = _png16(aov_bytes(".png", "linear", light))
        assert np.allclose(linear_from_srgb(read[0, 0] / 65535), light[0, 0], atol=2e-5)
        assert read[0, 1].tolist() == [65535, 0, 65535]
        nocs = np.array([[[0.25, 0.5, 1.0], [np.nan] * 3]], np.float32)
        assert _png16(aov_bytes(".png", "nocs", nocs)).tolist() == [[[16384, 32768, 65535], [0, 0, 0]]]

    def test_flow_as_kitti_has_it(self):
        flow = np.array([[[1.5, -2.0], [np.nan, 0.0], [600.0, 0.0]]], np.float32)
        read = _png16(aov_bytes(".png", "flow", flow))
        assert read[0, 0].tolist() == [32768 + 96, 32768 - 128, 1]
        assert read[0, 1:].tolist() == [[0, 0, 0]] * 2

    def test_what_does_not_fit_is_said_in_one_sentence(self, tmp_path):
        with pytest.raises(UserError, match=r"a PNG cannot hold position without loss; name an \.exr file"):
            aov_bytes(".png", "position", np.zeros((2, 2, 3), np.float32))
        with pytest.raises(UserError, match=r"rgb is a \.png file"):
            aov_bytes(".exr", "rgb", np.zeros((2, 2, 3), np.uint8))
        with pytest.raises(UserError, match=r"ends in \.png or \.exr, not in '\.jpg'"):
            save_aov(tmp_path / "a.jpg", "rgb", np.zeros((2, 2, 3), np.uint8))
        (tmp_path / "file").touch()
        with pytest.raises(UserError, match="cannot be written: "):
            save_aov(tmp_path / "file/a.png", "rgb", np.zeros((2, 2, 3), np.uint8))
        with pytest.raises(ValueError, match="negative"):
            exr_bytes({"id": np.array([[-1]])})


def test_each_aov_has_a_kind_of_file_that_holds_it():
    rng = np.random.default_rng(0)
    for name in AOVS:
        suffix = file_suffix(name, preview=False)
        data = aov_bytes(suffix, name, _aov(name, rng))
        assert data == aov_bytes(suffix, name, _aov(name, np.random.default_rng(0))) or len(data) > 100


class TestEncoder:
    @pytest.mark.parametrize("workers", [0, 1, 3])
    def test_files_are_written_in_the_order_of_handing_over(self, tmp_path, workers):
        written = []
        rng = np.random.default_rng(0)
        pauses = rng.uniform(0, 0.004, 30)

        def encode(k):
            time.sleep(pauses[k])
            return str(k).encode()

        with Encoder(workers, bound=4) as encoder:
            for k in range(30):
                encoder.put(lambda k=k: encode(k), written.append)
            encoder.put(lambda: png_bytes(np.zeros((4, 4), np.uint8)), tmp_path / "a.png")
        assert written == [str(k).encode() for k in range(30)]
        assert _read_png((tmp_path / "a.png").read_bytes()).shape == (4, 4)

    def test_only_so_many_are_in_flight(self):
        gate, count, most = threading.Event(), [0], [0]

        def encode():
            gate.wait(5)
            return b""

        def write(data):
            count[0] -= 1

        encoder = Encoder(2, bound=3)

        def produce():
            for _ in range(10):
                encoder.put(encode, write)
                count[0] += 1
                most[0] = max(most[0], count[0])

        thread = threading.Thread(target=produce)
        thread.start()
        until = time.monotonic() + 5
        while count[0] < 3 and time.monotonic() < until:
            time.sleep(0.005)
        time.sleep(0.05)
        assert count[0] == 3
        gate.set()
        thread.join(5)
        encoder.close()
        assert count[0] == 0

    @pytest.mark.parametrize("workers", [0, 1, 3])
    def test_an_error_ends_the_writing_and_is_raised(self, workers):
        written = []

        def fail():
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"), Encoder(workers) as encoder:
            encoder.put(lambda: b"a", written.append)
            encoder.put(fail, written.append)
            for _ in range(50):
                encoder.put(lambda: b"c", written.append)
                time.sleep(0.002)
        assert written == [b"a"]

    def test_an_error_in_the_block_is_the_one_that_is_raised(self):
        with pytest.raises(KeyError), Encoder(1) as encoder:
            encoder.put(lambda: 1 / 0, lambda data: None)
            time.sleep(0.02)
            raise KeyError("mine")
