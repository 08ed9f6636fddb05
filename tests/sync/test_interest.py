"""Globs over prim paths against regular expressions written apart, labels and ancestors; clock offsets; histograms."""

import re
import time
from types import ModuleType

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.sync.clock import ClockOffset
from twinstage.sync.figures import Histogram
from twinstage.sync.interest import Selector, complaint

PATHS = (
    "/Plant",
    "/Plant/Line1",
    "/Plant/Line1/Arm",
    "/Plant/Line1/Arm/Arm",
    "/Plant/Line1/Motor1",
    "/Plant/Line2",
    "/Plant/Line2/Motor2",
    "/Plant/Line2/Motor2/Shaft",
    "/Tools",
    "/Tools/Arm",
)


def selector(make: ModuleType, points: int = 0) -> Selector:
    return Selector(make.snapshot(PATHS, points=points), ["line1.x", "line1.y", "line2.x"])


def expected(glob: str) -> set[str]:
    """The prims that a glob names, by one regular expression over whole paths."""
    pattern = ""
    for segment in glob.strip("/").split("/"):
        if segment == "**":
            pattern += "(?:/[^/]+)*"
        else:
            pattern += "/" + re.escape(segment).replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
    named = {path for path in PATHS if re.fullmatch(pattern, path)}
    return named | {above for path in named for above in PATHS if path.startswith(above + "/")}


segments = st.sampled_from(
    ["**", "*", "Plant", "Line1", "Line?", "L*", "Arm", "M*r?", "*2", "Tools", "nothing"]
)


@given(st.lists(segments, min_size=1, max_size=5))
@settings(deadline=None, max_examples=200)
def test_globs_name_what_they_say_and_what_stands_above(make: ModuleType, parts: list[str]) -> None:
    glob = "/" + "/".join(parts)
    mask = selector(make).nodes([glob], None)
    assert mask is not None
    assert {path for path, inside in zip(PATHS, mask, strict=True) if inside} == expected(glob)


def test_the_filters_of_prims_and_labels_both_have_to_let_through(make: ModuleType) -> None:
    some = selector(make)
    some._labels = tuple(("motor",) if "Motor" in path else () for path in PATHS)
    mask = some.nodes(["/Plant/Line2/**", "/Tools"], ["motor"])
    assert mask is not None
    named = {path for path, inside in zip(PATHS, mask, strict=True) if inside}
    assert named == {"/Plant", "/Plant/Line2", "/Plant/Line2/Motor2", "/Plant/Line2/Motor2/Shaft"}


def test_points_go_with_their_instancer(make: ModuleType) -> None:
    mask = selector(make, points=2).nodes(["/Tools/**"], None)  # the last prim carries them
    assert mask is not None and mask[-2:].all()
    mask = selector(make, points=2).nodes(["/Tools"], None)
    assert mask is not None and not mask[-2:].any()


def test_globs_of_many_wildcards_do_not_explode(make: ModuleType) -> None:
    some = selector(make)
    for glob in ("/" + "**/" * 59 + "Arm", "/" + "*a" * 200, "/" + "**/" * 500):
        assert some.nodes([glob], None) is not None


def test_signals_are_named_by_globs(make: ModuleType) -> None:
    some = selector(make)
    assert some.signals(None) is None
    for globs, wanted in (
        (["line1.*"], [True, True, False]),
        (["*.x", "line1.y"], [True] * 3),
        ([], [False] * 3),
    ):
        mask = some.signals(globs)
        assert mask is not None and mask.tolist() == wanted


def test_the_shortest_round_trip_says_how_far_the_clock_is() -> None:
    clock = ClockOffset()
    assert clock.offset_ns is None
    clock.add(1000, 1900, 5100)  # 3650 by a trip of 900
    clock.add(2000, 2100, 6050)  # 4000 by a trip of 100
    clock.add(3000, 2900, 0)  # the local clock was set back
    assert (clock.offset_ns, clock.round_trip_ns) == (4000, 100)
    clock.clear()
    assert clock.offset_ns is None


def test_histograms_count_up_to_and_with_their_bounds() -> None:
    histogram = Histogram((1.0, 2.0))
    assert histogram.quantile(0.5) == 0
    for value in (0.5, 1.0, 1.5, 7.0):
        histogram.observe(value)
    assert (histogram.counts, histogram.sum, histogram.count) == ([2, 1, 1], 10.0, 4)
    assert histogram.quantile(0.5) == 1.0 and np.isinf(histogram.quantile(1.0))


def test_a_glob_of_many_segments_costs_no_more_than_a_short_one(make: ModuleType) -> None:
    """Else one message could stop the stream of everybody: 64 such globs took 28 s on 100,000 prims."""
    paths = ["/W", *(f"/W/A{i}" for i in range(50)), *(f"/W/A{i // 200}/N{i % 200}" for i in range(10_000))]
    selector = Selector(make.snapshot(sorted(paths)), [])

    def cost(glob: str) -> float:
        spent = []
        for _ in range(5):
            begin = time.process_time()
            selector.nodes([glob], None)
            spent.append(time.process_time() - begin)
        return min(spent)

    assert cost("/" + "/".join(["**", "*"] * 30)) < 10 * cost("/W/A1/*")  # it was 60 times as much


def test_too_many_names_with_wildcards_are_refused() -> None:
    globs = [f"/W/**/*/a{i}*/b{i}?" for i in range(33)]
    assert "66 different names with wildcards, at most 64" in complaint(globs)
    assert complaint(globs[:32]) == "" == complaint(["/" + "/".join(["**", "*"] * 30)] * 64)
