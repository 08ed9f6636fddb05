"""How far a run is, told without a terminal."""

import io

import pytest

from twinstage.cli import frame_progress
from twinstage.cli.frame_progress import Lines
from twinstage.synth.frame import FrameSummary


def test_a_line_now_and_then_with_rate_time_left_and_rejects(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(frame_progress.time, "monotonic", lambda: now[0])
    stream = io.StringIO()
    told = Lines(stream)
    told.update(10, 1000)  # ten were there already
    for done in range(11, 61):
        now[0] += 0.5
        told.frame(
            FrameSummary(done, 3, 1 + (done % 25 == 0), None, ("accept.min_objects",) * (done % 25 == 0))
        )
        told.update(done, 1000)
    lines = stream.getvalue().splitlines()
    assert lines == [
        "30 of 1000 frames, 2.0 a second, 8:05 left, 1 reject",
        "50 of 1000 frames, 2.0 a second, 7:55 left, 2 rejects",
    ]
    told.frame(FrameSummary(61, 0, 2, "nothing", ("accept.in_view", "accept.in_view")))
    assert str(told) == "4 rejects, 1 frame given up"
    assert told.line(1000, 1000, now[0] + 3600).startswith("1000 of 1000 frames, ")


def test_a_run_that_was_over_says_nothing() -> None:
    stream = io.StringIO()
    Lines(stream).update(5, 5)
    assert stream.getvalue() == ""
