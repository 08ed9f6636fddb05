"""The token file: read, watched, and written as a whole. Effects: files.

It is written beside itself and renamed, so a reader never sees half of it, with mode 0600. Who can write to it can let
anybody in, so a file that others may write is refused.
"""

import fcntl
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from twinstage.base.errors import UserError
from twinstage.sync.access.tokens import Token, Tokens

MOST_BYTES = 16 << 20
_OTHERS_WRITE = 0o022


def read_tokens(path: Path) -> Tokens:
    """What the file holds; UserError where it is not there, is no token file, or can be written by others."""
    try:
        with path.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            data = stream.read(MOST_BYTES + 1)
    except OSError as error:
        hint = "; `twinstage token create` makes one" if isinstance(error, FileNotFoundError) else ""
        raise UserError(f"the token file {path} cannot be read: {error.strerror}{hint}") from None
    if mode & _OTHERS_WRITE:
        raise UserError(f"others may write to the token file {path}, and so let anybody in: chmod 600 {path}")
    if len(data) > MOST_BYTES:
        raise UserError(f"the token file {path} is longer than {MOST_BYTES >> 20} MiB")
    try:
        return Tokens.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise UserError(f"{path} is no token file: {place}: {first['msg']}") from None


def change_tokens(
    path: Path, change: Callable[[Tokens], tuple[Any, ...]], *, create: bool
) -> tuple[Any, ...]:
    """Replace the content by the first of what `change` answers; its answer. Two changes never overlap."""
    with _alone(path):
        held = Tokens() if create and not path.exists() else read_tokens(path)
        answer = change(held)
        _replace(path, (answer[0].model_dump_json(indent=1, exclude_none=True) + "\n").encode())
        return answer


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keeps other changes of files of this folder out (a lock on the folder leaves no file behind)."""
    try:
        folder = os.open(path.parent, os.O_RDONLY)
    except OSError as error:
        raise UserError(f"the folder of {path} cannot be opened: {error.strerror}") from None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _replace(path: Path, data: bytes) -> None:
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(name, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(name)
            raise
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from None


class WatchedTokens:
    """A token file that is read again when it has changed; UserError at once where it cannot be read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp = self._look()
        self._known: Mapping[str, Token] = read_tokens(path).by_id()
        self.problem = ""
        """Why nobody is let in: the file cannot be read any more. Empty while all is well."""

    def current(self) -> Mapping[str, Token]:
        """Tokens by id as the file has them now; none while it cannot be read."""
        stamp = self._look()
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._known, self.problem = read_tokens(self.path).by_id(), ""
            except UserError as error:
                self._known, self.problem = {}, str(error)
        return self._known

    def _look(self) -> tuple[int, ...]:
        try:
            found = os.stat(self.path)
        except OSError as error:
            return (error.errno or 0,)
        return (found.st_ino, found.st_dev, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def cookie_key(tokens: Path) -> bytes:
    """What cookies are signed with: kept beside the token file (mode 0600), so that a restart signs nobody out.

    Where that folder cannot be written, one for this run.
    """
    path = tokens.with_name(tokens.name + ".cookie-key")
    with (
        suppress(OSError),
        os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as new,
    ):
        new.write(secrets.token_bytes(32))
    try:
        with path.open("rb") as stream:
            safe = not os.fstat(stream.fileno()).st_mode & 0o077
            key = stream.read(64)
    except OSError:
        return secrets.token_bytes(32)
    return key if safe and len(key) == 32 else secrets.token_bytes(32)
