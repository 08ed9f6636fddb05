"""The process that renders camera streams: jobs on standard input, JPEGs on standard output, until its input ends.

Messages are a byte that says what follows, its length (u4, big endian), and it. In: `SCENE` and `JOB`, pickled by our parent
alone. Out: `JPEG`, `REFUSED` (a sentence for the client) or `FAILED` (a defect).
"""

import os
import pickle
import struct
import sys
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from twinstage.base.errors import TwinstageError, UserError
from twinstage.scene.columns import PoseColumns, VisibilityColumns

if TYPE_CHECKING:
    from twinstage.render.capture import Camera
    from twinstage.render.engines import Engine
    from twinstage.scene.snapshot import Snapshot

SCENE, JOB, JPEG, REFUSED, FAILED = range(5)
HEAD = struct.Struct(">BI")
QUALITY = 80


@dataclass(frozen=True, slots=True)
class Job:
    """One picture: a camera's prim path ("" for one that frames the scene), its size [px], and what has moved."""

    camera: str
    width: int
    height: int
    pose: PoseColumns
    visibility: VisibilityColumns


AUTO = "auto"
"""`direct` where Mitsuba is compiled for this machine, which is several times faster than `raycast`; else `raycast`."""

SAMPLES = {"direct": 4, "path": 8, "raycast": 1}
"""Samples a pixel by engine."""


def main(engine: str) -> None:
    """Serve jobs until the parent closes our input."""
    os.nice(5)
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not end up among the pictures
    painter = Painter(engine)
    while True:
        head = source.read(HEAD.size)
        if len(head) < HEAD.size:
            return
        kind, length = HEAD.unpack(head)
        message = pickle.loads(source.read(length))
        if kind == SCENE:
            painter.scene = message
        else:
            _answer(sink, *painter.answer(message))


def _answer(sink: BinaryIO, kind: int, data: bytes) -> None:
    sink.write(HEAD.pack(kind, len(data)) + data)
    sink.flush()


class Painter:
    """Renders jobs; the engine stays alive between them."""

    def __init__(self, engine: str) -> None:
        self.scene: Snapshot | None = None
        self._engine: Engine | None = None
        self._kind = engine

    def answer(self, job: Job) -> tuple[int, bytes]:
        """The kind of the answer and its bytes."""
        try:
            return JPEG, self.jpeg(job)
        except UserError as error:
            return REFUSED, str(error).encode()
        except Exception:
            return FAILED, traceback.format_exc().encode()

    def jpeg(self, job: Job) -> bytes:
        from twinstage.render.engines import open_engine
        from twinstage.render.outputs import jpeg_bytes
        from twinstage.scene.bending import bent_scene

        assert self.scene is not None
        if self._engine is None:
            kind = _fastest() if self._kind == AUTO else self._kind
            self._engine = open_engine(kind=kind, spp=SAMPLES.get(kind, 1))
        now = bent_scene(self.scene.moved(job.pose, job.visibility))
        capture = self._engine.render(now, camera_of(now, job))
        return jpeg_bytes(capture.aovs["rgb"], quality=QUALITY)


def _fastest() -> str:
    from twinstage.render.mi.runtime import load_mitsuba

    try:
        return "direct" if load_mitsuba().vectorised else "raycast"
    except (TwinstageError, ImportError):
        return "raycast"


def camera_of(snapshot: "Snapshot", job: Job) -> "Camera":
    """The camera of a job, with square pixels, so that nothing looks stretched."""
    from twinstage.render.camera import camera_from_scene
    from twinstage.render.framing import frame_scene

    if not job.camera:
        return frame_scene(snapshot, job.width, job.height)
    prim = snapshot.prims.index_of[job.camera]
    chosen = next(camera for camera in snapshot.cameras if camera.prim == prim)
    return camera_from_scene(snapshot, chosen, job.width, job.height, square_pixels=True)


if __name__ == "__main__":
    main(sys.argv[1])
