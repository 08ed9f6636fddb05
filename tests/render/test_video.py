"""Films, read back by PyAV and Pillow."""

import builtins
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from twinstage.base.errors import UserError
from twinstage.render.video import Film, save_video, yuv420

SIZE = (37, 54)  # odd in one direction


def _pictures(n: int = 8) -> Iterator[np.ndarray]:
    """A gradient on which a red square moves by six pixels a picture."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    for i in range(n):
        picture = np.stack([x * 2, y * 3, 255 - x * 2], -1).astype(np.uint8)
        picture[8:20, 6 * i : 6 * i + 12] = (220, 30, 30)
        yield picture


def test_an_mp4_decodes_to_what_went_in(tmp_path: Path) -> None:
    import av

    path = tmp_path / "film.mp4"
    assert save_video(path, _pictures(), 12.5) == 8
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == Fraction(25, 2)
        assert (stream.codec_context.pix_fmt, stream.width, stream.height) == ("yuv420p", 54, 36)
        decoded = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
    assert len(decoded) == 8
    for shown, drawn in zip(decoded, _pictures(), strict=True):
        assert np.abs(shown - drawn[:36]).mean() < 6


def test_colours_of_an_mp4_are_those_of_the_picture(tmp_path: Path) -> None:
    import av

    flat = np.zeros((32, 48, 3), np.uint8)
    flat[:16, :16], flat[:16, 16:32], flat[:16, 32:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    flat[16:, :16], flat[16:, 16:32], flat[16:, 32:] = (180, 140, 60), (128, 128, 128), (255, 255, 255)
    save_video(tmp_path / "flat.mp4", [flat] * 3, 24)
    with av.open(str(tmp_path / "flat.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (context.colorspace, context.color_primaries, context.color_trc) == (1, 1, 13)
        shown = list(container.decode(video=0))[-1].to_ndarray(format="rgb24").astype(int)
    for y in (8, 24):
        for x in (8, 24, 40):
            assert np.abs(shown[y, x] - flat[y, x]).max() <= 4


def test_yuv_equals_the_standard() -> None:
    rng = np.random.default_rng(3)
    picture = np.repeat(np.repeat(rng.integers(0, 256, (4, 5, 3), np.uint8), 2, 0), 2, 1)
    planes = yuv420(picture, (10, 8)).ravel()
    r, g, b = np.moveaxis(picture.astype(np.float64) / 255, -1, 0)
    luma = 0.2126 * r + 0.7152 * g + 0.0722 * b
    blue, red = (b - luma) / 1.8556, (r - luma) / 1.5748
    assert np.abs(planes[:80].reshape(8, 10) - (16 + 219 * luma)).max() <= 0.51
    assert np.abs(planes[80:100].reshape(4, 5) - (128 + 224 * blue)[::2, ::2]).max() <= 0.51
    assert np.abs(planes[100:].reshape(4, 5) - (128 + 224 * red)[::2, ::2]).max() <= 0.51


@pytest.mark.parametrize("kind", ["mp4", "gif", "webp", "apng"])
def test_the_same_pictures_give_the_same_bytes(tmp_path: Path, kind: str) -> None:
    for name in "ab":
        save_video(tmp_path / f"{name}.{kind}", _pictures(), 24)
    assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("kind, error", [("gif", 12), ("webp", 8), ("apng", 0)])
def test_animations_hold_all_pictures(tmp_path: Path, kind: str, error: int) -> None:
    path = tmp_path / f"film.{kind}"
    assert save_video(path, _pictures(), 20) == 8
    with Image.open(path) as image:
        assert image.n_frames == 8
        for i, drawn in enumerate(_pictures()):
            image.seek(i)
            image.load()
            assert image.info["duration"] == 50
            assert np.abs(np.asarray(image.convert("RGB")).astype(int) - drawn).mean() <= error


def test_a_film_that_breaks_off_leaves_nothing_and_keeps_the_old_one(tmp_path: Path) -> None:
    for kind in ("mp4", "gif"):
        path = tmp_path / f"film.{kind}"
        path.write_bytes(b"old")
        with pytest.raises(KeyboardInterrupt), Film(path, 24) as film:
            film.add(next(_pictures()))
            raise KeyboardInterrupt
        assert path.read_bytes() == b"old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["film.gif", "film.mp4"]


def test_mistakes_are_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, fps, words in (
        ("a.avi", 24, "its name must end in .mp4, .gif, .webp, .apng"),
        ("a.mp4", 0, "at 0 pictures a second"),
        ("a.mp4", float("nan"), "at nan pictures a second"),
        ("a.mp4", 24, "would hold no picture"),
    ):
        with pytest.raises(UserError, match=words):
            save_video(tmp_path / name, [], fps)
    monkeypatch.setattr("twinstage.render.video.MOST_BUFFERED", 20_000)
    with pytest.raises(
        UserError, match=r"4 pictures of 54 x 37 are too many for an animated gif; name a .mp4"
    ):
        save_video(tmp_path / "a.gif", _pictures(), 24)
    real = builtins.__import__

    def without_av(name: str, *rest: object) -> object:
        if name == "av":
            raise ImportError(name)
        return real(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without_av)
    with pytest.raises(UserError, match=r"a.mp4 needs PyAV: pip install 'twinstage\[video\]'"):
        save_video(tmp_path / "a.mp4", _pictures(), 24)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: writing fails in the same place, with the same kind of error."""
    code = (
        "import resource, sys, numpy as np; from pathlib import Path\n"
        "from twinstage.base.errors import UserError; from twinstage.render.video import save_video\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "rng = np.random.default_rng(1)\n"
        "for name in sys.argv[1:]:\n"
        "    try: save_video(Path(name), (rng.integers(0, 255, (64, 64, 3), np.uint8) for i in range(30)), 24)\n"
        "    except UserError as error: print(error)\n"
    )
    names = [str(tmp_path / f"film.{kind}") for kind in ("mp4", "gif", "webp")]
    done = subprocess.run([sys.executable, "-c", code, *names], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == [f"{name} cannot be written: File too large" for name in names], (
        done.stderr
    )
    assert not list(tmp_path.iterdir())
