"""A recording as one HTML page: the viewer, the scene, its files and the ticks in it; it needs no server and asks none.

The page's policy lets it fetch nothing. The data are gzipped, then base64: `TWINREC1`, u32 length of a JSON manifest, the
manifest, and the bytes that its spans (offset, length) name. The same recording gives the same page.
"""

import gzip
import re
from base64 import b64encode
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from twinstage.base.errors import UserError
from twinstage.sync.codec import FrameError, epoch_crc
from twinstage.sync.recording.archive import Archive, Step
from twinstage.sync.recording.replica import Replica

MAGIC = b"TWINREC1"
MOST_BYTES = 256 << 20
"""Most data in a page, before they are compressed [B]."""
_SEEKS = 120
"""So many places to jump to, at least a second apart."""
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "connect-src data: blob:; base-uri 'none'; form-action 'none'"
)


class _Data:
    """Bytes back to back, and where each part lies."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._parts: list[bytes] = []
        self.size = 0

    def add(self, part: bytes) -> tuple[int, int]:
        at = self.size
        self._parts.append(part)
        self.size += len(part)
        if self.size > self._most:
            raise UserError(
                f"the page would hold more than {self._most >> 20} MiB; give a shorter span (--window), or use "
                "`twinstage open`, which has no such limit"
            )
        return at, len(part)

    def all(self) -> bytes:
        return b"".join(self._parts)


def page_of(
    archive: Archive,
    viewer: Path,
    *,
    window: tuple[float, float] | None = None,
    most_bytes: int = MOST_BYTES,
) -> tuple[bytes, list[str]]:
    """The page, and what of the recording is not in it.

    Args:
        archive: the recording.
        viewer: folder of the built viewer.
        window: that span of it alone [s from its beginning].
        most_bytes: UserError where the data are more.
    """
    data, notes = _packed(archive, window, most_bytes)
    html = (viewer / "index.html").read_text("utf-8")
    style = (viewer / "style.css").read_text("utf-8")
    script = (viewer / "app.js").read_text("utf-8")
    if "</script" in script.lower() or "</style" in style.lower():
        raise UserError("the built viewer cannot be laid into a page; `make viewer` builds it anew")
    html = _once(html, r'<link rel="stylesheet" href="style\.css">', f"<style>{style}</style>")
    html = _once(html, r'<script type="module" src="app\.js"></script>', "")
    html = _once(html, r"<head>", f'<head>\n<meta http-equiv="Content-Security-Policy" content="{_POLICY}">')
    tail = (
        f'<script id="recording" type="application/octet-stream">{b64encode(data).decode()}</script>\n'
        f'<script type="module">{script}</script>\n</body>'
    )
    return _once(html, r"</body>", tail).encode(), notes


def _once(text: str, pattern: str, by: str) -> str:
    made, count = re.subn(pattern, lambda _: by, text)
    if count != 1:
        raise UserError("the built viewer is of another version; `make viewer` builds it anew")
    return made


def _packed(archive: Archive, window: tuple[float, float] | None, most: int) -> tuple[bytes, list[str]]:
    start_ns, end_ns = _span(archive, window)
    data, notes = _Data(most), []
    steps = archive.steps(start_ns)
    first = next(steps)
    assert first.mark is not None
    scene = first.mark.scene
    document = archive.document(scene)
    files = [
        {
            "path": name,
            "type": archive.mcap.files[name].media_type,
            "span": data.add(archive.file(name) or b""),
        }
        for name in _named(document)
        if name in archive.mcap.files
    ]
    body = msgspec.json.encode(document)
    files.append({"path": "api/scene", "type": "application/json", "span": data.add(body)})
    ticks = []
    replica = Replica(document["nodes"]["count"] + document["points"]["count"], len(document["signals"]))
    crc = epoch_crc(document["epoch"])
    apart_ns = max(1_000_000_000, (end_ns - start_ns) // _SEEKS)
    key_ns = None
    for step in chain((first,), steps):
        if step.at_ns > end_ns:
            break
        if step.mark is not None and step.frames and step.mark.scene != scene:
            end_ns = step.at_ns
            notes.append("the scene was replaced: the page ends there")
            break
        if not step.frames:
            continue
        if step.keyframe and step.mark is not None and step.mark.seq == replica.seq and key_ns is not None:
            continue
        _apply(replica, step, archive.path)
        at_ms = max(0, step.at_ns - start_ns) / 1e6
        if step.at_ns >= start_ns and (key_ns is None or step.keyframe or step.at_ns - key_ns >= apart_ns):
            if key_ns is not None and not step.keyframe:
                ticks.append(_row(data, at_ms, 0, replica.seq, step.messages))
            kind = 2 if step.keyframe or key_ns is None else 1
            ticks.append(_row(data, at_ms, kind, replica.seq, replica.keyframe(crc)))
            key_ns = step.at_ns
        elif step.at_ns >= start_ns:
            ticks.append(_row(data, at_ms, 0, replica.seq, step.messages))
    if not ticks:
        ticks.append(_row(data, 0.0, 2, replica.seq, replica.keyframe(crc)))
    stage = {key: document["stage"][key] for key in ("metersPerUnit", "upAxis", "hash")}
    manifest = {
        "epoch": document["epoch"],
        "revision": document["revision"],
        "startNs": str(start_ns),
        "seconds": (end_ns - start_ns) / 1e9,
        "stage": stage,
        "files": files,
        "ticks": ticks,
    }
    head = msgspec.json.encode(manifest)
    whole = b"".join((MAGIC, len(head).to_bytes(4, "little"), head, data.all()))
    return gzip.compress(whole, 6, mtime=0), notes


def _span(archive: Archive, window: tuple[float, float] | None) -> tuple[int, int]:
    if window is None:
        return archive.start_ns, archive.end_ns
    start, end = window
    if not 0 <= start < end or start >= archive.seconds + 1e-3:
        raise UserError(
            f"--window {start:g} {end:g} is no span of {archive.path}, which is {archive.seconds:.3f} s long"
        )
    begin = archive.start_ns
    return begin + round(start * 1e9), min(archive.end_ns, begin + round(end * 1e9))


def _apply(replica: Replica, step: Step, path: Path) -> None:
    try:
        replica.apply(step.frames)
    except FrameError as error:
        raise UserError(f"{path} is damaged: {error}") from None


def _row(
    data: _Data, at_ms: float, kind: int, seq: int, messages: Any
) -> tuple[float, int, int, list[tuple[int, int]]]:
    return round(at_ms, 3), kind, seq, [data.add(message) for message in messages]


def _named(document: dict[str, Any]) -> list[str]:
    """The files that a viewer fetches."""
    rows = (*document["prototypes"], *document["textures"])
    return sorted({str(row["url"]).lstrip("/") for row in rows})
