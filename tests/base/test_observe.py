"""Where lines of the log go."""

import io
import logging
import sys
from collections.abc import Iterator

import pytest

from twinstage.observe import configure_logging


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """The product's, which is left as it was."""
    found = logging.getLogger("twinstage")
    before = found.handlers[:], found.level, found.propagate
    yield found
    found.handlers[:], found.propagate = before[0], before[2]
    found.setLevel(before[1])


def test_lines_go_to_the_standard_error_of_that_moment(
    logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that embeds a twin, or tests it, puts another one in its place and closes that again."""
    first, second = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", first)
    configure_logging()
    logger.info("one")
    assert first.getvalue().endswith("twinstage: one\n")
    monkeypatch.setattr(sys, "stderr", second)
    first.close()
    logger.info("two")
    assert second.getvalue().endswith("INFO    twinstage: two\n")
