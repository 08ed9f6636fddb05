"""Complaints about a field of a recipe that only its stage shows: told with the field, and with its line if in a file."""

from collections.abc import Iterator
from contextlib import contextmanager

from twinstage.base.errors import UserError


class FieldError(UserError):
    """A complaint about the field `loc` of a recipe, such as ("export", 0)."""

    def __init__(self, message: str, loc: tuple[str | int, ...]) -> None:
        super().__init__(message)
        self.loc = loc

    def __reduce__(self) -> tuple[type["FieldError"], tuple[str, tuple[str | int, ...]]]:
        return FieldError, (str(self), self.loc)  # it may come from another process


@contextmanager
def at_field(*loc: str | int) -> Iterator[None]:
    """A user's mistake that shows in here is one of this field."""
    try:
        yield
    except FieldError:
        raise
    except UserError as error:
        raise FieldError(str(error), loc) from None
