"""Secrets by reference: `env:NAME` or `file:PATH`. A file of settings never holds one."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from twinstage.base.errors import UserError

_MOST_BYTES = 65_536


def _check(text: str) -> str:
    scheme, colon, rest = text.partition(":")
    if scheme not in ("env", "file") or not colon or not rest:
        raise ValueError("a secret is given by reference: env:NAME or file:PATH was expected")
    return text


SecretRef = Annotated[str, AfterValidator(_check)]


def read_secret(reference: str) -> str:
    """The secret, without the line feed at its end. Raises UserError where it is not there; its text is in no message."""
    scheme, _, rest = reference.partition(":")
    if scheme == "env":
        found = os.environ.get(rest)
        if not found:
            raise UserError(f"the environment has no {rest}, which {reference!r} refers to")
        return found
    try:
        with Path(rest).open("rb") as stream:
            data = stream.read(_MOST_BYTES)
        text = data.decode().rstrip("\r\n")
    except OSError as error:
        raise UserError(
            f"the secret {reference!r} cannot be read: {error.strerror or type(error).__name__}"
        ) from None
    except UnicodeDecodeError:
        raise UserError(f"the secret {reference!r} is not UTF-8") from None
    if not text:
        raise UserError(f"the secret {reference!r} is empty")
    return text
