"""A recording into other files: one HTML page, or an MCAP file with what Foxglove and Rerun show."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from twinstage.base.errors import UserError
from twinstage.sync.recording.archive import Archive

SUFFIXES = (".twinrec", ".mcap")
"""Of recordings."""


@dataclass(frozen=True, slots=True)
class Converted:
    """What was written. `notes`: what of the recording is not in it."""

    path: Path
    bytes: int
    notes: tuple[str, ...] = ()


def convert(
    recording: Path,
    out: Path,
    *,
    window: tuple[float, float] | None = None,
    rate: float = 10.0,
    force: bool = False,
) -> Converted:
    """Writes `out`: .html a page; .mcap the recording with transforms and geometry, `rate` times a second at most.

    Raises UserError for another ending, a file that is there, and a recording that is damaged.
    """
    if out.suffix not in (".html", ".mcap"):
        raise UserError(f"{out}: a recording becomes an .html page or an .mcap file")
    if out.exists() and not force:
        raise UserError(f"{out} exists already; choose another name or give --force")
    if out.suffix == ".mcap" and window is not None:
        raise UserError("--window is for pages; an .mcap file holds the whole recording")
    archive = Archive(recording)
    half = out.with_name(out.name + ".part")
    try:
        if out.suffix == ".html":
            notes = _page(archive, half, window)
        else:
            from twinstage.sync.recording.foxglove import write_mcap

            with half.open("wb") as file:
                notes = write_mcap(archive, file, rate=rate)
        size = half.stat().st_size
        os.replace(half, out)
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror}") from None
    finally:
        archive.close()
        with suppress(OSError):
            half.unlink(missing_ok=True)
    return Converted(out, size, tuple(notes))


def _page(archive: Archive, out: Path, window: tuple[float, float] | None) -> list[str]:
    from twinstage.live.server import viewer_dir
    from twinstage.sync.recording.page import page_of

    page, notes = page_of(archive, viewer_dir(), window=window)
    out.write_bytes(page)
    return notes
