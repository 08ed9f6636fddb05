"""The command line in this process."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from twinstage.cli import app


@dataclass
class Done:
    """What a command left."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """`run(*arguments)`: a start of Python costs more than what most tests ask."""

    def call(*arguments: object) -> Done:
        capfd.readouterr()
        code = app.run([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Done(code, out, err)

    return call
