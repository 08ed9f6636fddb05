"""Films from pictures, one picture at a time: mp4 through PyAV, and gif, webp and apng through Pillow.

PyAV (the extra `video`) brings an FFmpeg that holds x264, which is under the GPL; that is why it is no dependency. The
same pictures give the same bytes with the same PyAV: one thread, no time and no library's name in the file.
"""

from collections.abc import Iterable
from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from twinstage.base.errors import UserError
from twinstage.render.whole import whole_file
from twinstage.scene.columns import U1

ENCODERS = ("libx264", "libopenh264", "mpeg4")
"""Best first; which of them there are depends on how FFmpeg was built."""

OPTIONS = {
    "libx264": {"crf": "18", "preset": "medium", "threads": "1", "sc_threshold": "0"},
    "libopenh264": {"rc_mode": "quality", "threads": "1"},
    "mpeg4": {"qscale": "3", "threads": "1"},
}

TAGS = (1, 1, 13, 1)
"""What a file says of its colours (ITU-T H.273): matrix and primaries of BT.709, sRGB's curve, limited range."""

KINDS = {".mp4": "MP4", ".gif": "GIF", ".webp": "WEBP", ".apng": "APNG"}
"""Kinds of films by suffix."""

MOST_BUFFERED = 1 << 30
"""What an animated gif or apng may hold uncompressed [B]: their writers keep all pictures until the end."""


class Film:
    """A film that is being made: `with Film(path, 24) as film: film.add(picture)`. The file appears at the end, whole.

    Pictures are u1[h, w, 3] of one size; with mp4 sizes that are odd lose their last row or column (yuv 4:2:0). An mp4 is
    written as it goes; the other kinds keep all pictures until the end, at most `MOST_BUFFERED` bytes of them.

    Raises:
        UserError: another suffix, a rate that is not above 0, no picture at all, too many, no PyAV or no encoder for mp4,
            or a file that cannot be written.
    """

    def __init__(self, path: Path, fps: float) -> None:
        self.path, self.fps, self.count = path, fps, 0
        check_film(path, fps)
        self._files = ExitStack()
        self._writer: _Mp4 | _Animation | None = None

    def add(self, picture: U1) -> None:
        """Append a picture."""
        if self._writer is None:
            part = self._files.enter_context(whole_file(self.path))
            self._writer = self._opened(part, (picture.shape[1], picture.shape[0]))
        self._writer.add(picture)
        self.count += 1

    def __enter__(self) -> "Film":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        writer, self._writer = self._writer, None
        if kind is not None:
            if writer is not None:
                writer.abandon()
            self._files.__exit__(kind, error, trace)
            return
        if writer is None:
            raise UserError(f"{self.path} would hold no picture")
        with self._files:  # so that an encoder that fails at the end leaves no file, either
            writer.finish()

    def _opened(self, part: Path, size: tuple[int, int]) -> "_Mp4 | _Animation":
        kind = self.path.suffix.lower()
        if kind == ".mp4":
            return _Mp4(part, size, self.fps, check_mp4(self.path))
        return _Animation(part, size, self.fps, KINDS[kind])


def save_video(path: Path, pictures: Iterable[U1], fps: float) -> int:
    """Write pictures as a film, asking for one after the other; returns how many there were. See `Film`."""
    with Film(path, fps) as film:
        for picture in pictures:
            film.add(picture)
    return film.count


def check_film(path: Path, fps: float) -> None:
    """Raise UserError where a film of that name and rate cannot be made, before anything is rendered for it."""
    if path.suffix.lower() not in KINDS:
        raise UserError(f"{path} is no film; its name must end in {', '.join(KINDS)}")
    if not 0 < fps <= 1000:
        raise UserError(
            f"a film at {fps:g} pictures a second cannot be made; above 0, up to 1000 was expected"
        )
    if path.suffix.lower() == ".mp4":
        check_mp4(path)


def check_mp4(path: Path) -> str:
    """The encoder that mp4 files are written with; raises UserError where PyAV is missing or has none of ours."""
    try:
        import av
    except ImportError:
        raise UserError(
            f"{path} needs PyAV: pip install 'twinstage[video]', or name a .gif, .webp or .apng file"
        ) from None
    for name in ENCODERS:
        try:
            av.codec.Codec(name, "w")
        except ValueError:  # av.codec.codec.UnknownCodecError
            continue
        return name
    raise UserError(
        f"{path} cannot be encoded: PyAV has none of {', '.join(ENCODERS)}; name a .gif, .webp or .apng file"
    )


class _Mp4:
    def __init__(self, part: Path, size: tuple[int, int], fps: float, encoder: str) -> None:
        import av

        self._file = part.open("wb")
        self._size = (max(size[0] - size[0] % 2, 2), max(size[1] - size[1] % 2, 2))
        self._rate = Fraction(fps).limit_denominator(1001)
        self._container: Any = av.open(
            self._file, "w", format="mp4", container_options={"fflags": "+bitexact"}
        )
        self._stream = self._container.add_stream(encoder, rate=self._rate, options=dict(OPTIONS[encoder]))
        self._stream.width, self._stream.height = self._size
        self._stream.pix_fmt = "yuv420p"
        codec = self._stream.codec_context
        codec.thread_count = 1
        codec.flags |= av.codec.context.Flags.bitexact
        codec.colorspace, codec.color_primaries, codec.color_trc, codec.color_range = TAGS
        self._count = 0

    def add(self, picture: U1) -> None:
        import av

        frame = av.VideoFrame.from_ndarray(yuv420(picture, self._size), format="yuv420p")
        frame.pts, frame.time_base = self._count, 1 / self._rate
        self._container.mux(self._stream.encode(frame))
        self._count += 1

    def finish(self) -> None:
        with self._file:
            self._container.mux(self._stream.encode(None))
            self._container.close()

    def abandon(self) -> None:
        with suppress(Exception):  # the file goes anyway, and what went wrong before is what is told
            self._container.close()
        with suppress(OSError):
            self._file.close()


class _Animation:
    def __init__(self, part: Path, size: tuple[int, int], fps: float, kind: str) -> None:
        self._part, self._size, self._fps, self._kind = part, size, fps, kind
        self._images: list[Any] = []

    def add(self, picture: U1) -> None:
        from PIL import Image

        width, height = self._size
        if (len(self._images) + 1) * width * height * 3 > MOST_BUFFERED:
            raise UserError(
                f"{len(self._images) + 1} pictures of {width} x {height} are too many for an animated "
                f"{self._kind.lower()}; name a .mp4 file, or make them smaller"
            )
        self._images.append(Image.fromarray(np.ascontiguousarray(picture)))

    def finish(self) -> None:
        first, *others = self._images
        settings: dict[str, Any] = {"WEBP": {"quality": 90, "method": 4}}.get(self._kind, {})
        pause = 1000 / self._fps
        first.save(
            self._part,
            "PNG" if self._kind == "APNG" else self._kind,
            save_all=True,
            append_images=others,
            duration=pause if self._kind == "APNG" else max(round(pause), 1),
            loop=0,
            **settings,
        )

    def abandon(self) -> None:
        self._images.clear()


YUV = np.rint(
    np.array([[0.2126, 0.7152, 0.0722], [-0.114572, -0.385428, 0.5], [0.5, -0.454153, -0.045847]])
    * np.array([[219.0], [224.0], [224.0]])
    / 255.0
    * 65536
).astype(np.int32)
"""Y, Cb and Cr of R'G'B' (ITU-R BT.709-6, section 3) in limited range, times 2^16: whole numbers round alike everywhere."""


def yuv420(picture: U1, size: tuple[int, int]) -> U1:
    """The planes u1[h * 3 / 2, w] of an sRGB picture: BT.709, limited range, colour of each 2 x 2 pixels averaged."""
    width, height = size
    even = picture[:height, :width]
    lacking = (height - even.shape[0], width - even.shape[1])
    if any(lacking):  # a side of one pixel
        even = np.pad(even, ((0, lacking[0]), (0, lacking[1]), (0, 0)), mode="edge")
    whole = even.astype(np.int32)
    coarse = whole.reshape(height // 2, 2, width // 2, 2, 3).sum((1, 3), dtype=np.int32)
    planes = [_mixed(whole, YUV[0], 16, 16), *(_mixed(coarse, row, 18, 128) for row in YUV[1:])]
    return np.concatenate([plane.ravel() for plane in planes]).reshape(height * 3 // 2, width)


def _mixed(colors: np.ndarray, weights: np.ndarray, bits: int, zero: int) -> U1:
    total = colors[..., 0] * weights[0] + colors[..., 1] * weights[1] + colors[..., 2] * weights[2]
    out: U1 = (((total + (1 << (bits - 1))) >> bits) + zero).astype(np.uint8)
    return out
