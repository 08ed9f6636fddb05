"""Pages of rows, told apart by the name of the last one."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence

from twinstage.sync.api.operation import Refused


def paged(
    rows: Sequence[int], limit: int, after: str | None, index_of: Mapping[str, int]
) -> tuple[list[int], int | None]:
    """The rows of a page, of rising ones, and its last row where there are more. Raises Refused (422)."""
    start = 0
    if after is not None:
        if after not in index_of:
            raise Refused(422, f"after: there is no {after!r} (any more); begin with the first page")
        start = bisect_right(rows, index_of[after])
    page = list(rows[start : start + limit])
    return page, page[-1] if start + limit < len(rows) else None


def paged_names(names: Sequence[str], limit: int, after: str | None) -> tuple[list[str], str | None]:
    """The same for sorted names."""
    start = 0 if after is None else bisect_right(names, after)
    page = list(names[start : start + limit])
    return page, page[-1] if start + limit < len(names) else None
