"""The files of a scene into a recording: geometry and textures by the paths that the scene names, then the stage's package."""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from twinstage import __version__
from twinstage.base.errors import TwinstageError, UserError
from twinstage.sync.recording.tape import Tape

LIBRARY = f"twinstage {__version__}"
Fetch = Callable[[str], Awaitable[bytes]]
"""What is at a path of the server. OSError where there is nothing, or it is not given."""
_URL = re.compile(r"^/(glb/[0-9a-f]{1,128}\.glb|texture/[0-9a-f]{1,128})$")


def check_new(path: Path, *, force: bool = False) -> None:
    """Raises UserError where a recording must not be made."""
    if path.suffix not in (".twinrec", ".mcap"):
        raise UserError(f"{path} should end in .twinrec (or .mcap, which it is)")
    if path.exists() and not force:
        raise UserError(f"{path} exists already; choose another name or delete it")
    if not path.parent.is_dir():
        raise UserError(f"{path} cannot be written: there is no folder {path.parent}")


def new_recording(path: Path, *, force: bool = False) -> IO[bytes]:
    """An empty file. Raises UserError where one is there, or it cannot be made."""
    check_new(path, force=force)
    try:
        return path.open("wb" if force else "xb")
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from None


async def attach(tape: Tape, document: Mapping[str, Any], fetch: Fetch) -> list[str]:
    """All geometry and textures that the document names and the tape has not; returns what was not to be had."""
    missing = []
    for url, media_type in _urls(document):
        if tape.has(url[1:]) or tape.full:
            continue
        try:
            tape.file(url[1:], media_type, await fetch(url))
        except OSError as error:
            missing.append(f"{url}: {error}")
    return missing


def _urls(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for row in document["prototypes"]:
        if _URL.match(str(row["url"])):
            yield row["url"], "model/gltf-binary"
    for row in document["textures"]:
        if _URL.match(str(row["url"])):
            yield row["url"], str(row["type"])


def failed(path: Path, error: OSError) -> TwinstageError:
    """What ended a recording."""
    return TwinstageError(
        f"the recording {path} ended: {error.strerror or error}; what was written by then can be opened"
    )
