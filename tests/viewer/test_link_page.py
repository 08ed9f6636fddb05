"""One page of a real server behind a network that holds, refuses and delays: what the page says then; latency, round trip and
rate; a relay's twin that is away; and that lists that are cut say so."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gate import Gate
from hubs import HubServer
from twins import findings, opened

from twinstage.sync.messages import Away

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

STAGE = """#usda 1.0
(
    defaultPrim = "Hall"
    metersPerUnit = 1
    upAxis = "Z"
)
def Xform "Hall" (kind = "assembly")
{
    def Cube "Box"
    {
    }
%s
}
"""
PLACE = '    def Xform "Place%d" (kind = "component")\n    {\n    }'
CARD = "document.querySelector('#card:not([hidden])')?.dataset.kind"


@pytest.fixture(scope="module")
def hall(serve_stage: Callable[[Path], HubServer], tmp_path_factory: pytest.TempPathFactory) -> HubServer:
    path = tmp_path_factory.mktemp("hall") / "hall.usda"
    path.write_text(STAGE % "\n".join(PLACE % k for k in range(450)))
    return serve_stage(path)


@pytest.fixture(scope="module")
def gate(hall: HubServer) -> Iterator[Gate]:
    made = Gate(int(hall.url.rstrip("/").rpartition(":")[2]))
    yield made
    made.end()


@pytest.fixture(scope="module")
def page(browser: Any, gate: Gate) -> Iterator[Any]:
    gate.ws = "hold"
    size = {"width": 760, "height": 440}
    forgive = ("404", "ERR_", "ended early")
    with opened(browser, gate.url, ready=False, forgive=forgive, viewport=size) as page:
        yield page


def test_a_page_that_comes_up_over_a_bad_network_says_at_each_step_what_it_waits_for(
    gate: Gate, page: Any, until: Callable[..., Any], axe: str
) -> None:
    page.evaluate(axe)
    seen = {}

    def card(kind: str) -> str:
        until(page, f"{CARD} === '{kind}'")
        seen[kind] = findings(page, kind)
        return str(page.inner_text("#card"))

    assert "Connecting" in card("connecting")
    gate.ws = "refuse"
    text = card("unreachable")
    assert "The twin cannot be reached" in text and "The server does not answer." in text
    until(page, "/Next try in [1-5] s/.test(document.querySelector('#card').innerText)")
    gate.ws, gate.scene = "pass", "hold"
    until(page, f"twinstage.run('link.retry') || {CARD} === 'loading'")
    assert "Loading the scene" in card("loading")
    assert page.evaluate("twinstage.worldOf('/Hall/Box')") is None
    gate.scene = "pass"
    until(page, "twinstage.ready && document.querySelector('#card').hidden")
    assert page.evaluate("twinstage.worldOf('/Hall/Box')") is not None
    assert not [one for found in seen.values() for one in found]


def test_latency_round_trip_and_rate_are_those_of_the_network(
    hall: HubServer, gate: Gate, page: Any, until: Callable[..., Any]
) -> None:
    gate.ws = gate.scene = "pass"
    until(page, "twinstage.ready")

    node = hall.snapshot.prims.index_of["/Hall/Box"]
    row = "[...document.querySelectorAll('#link-panel dt')].find(e => e.textContent === '{}')?.nextElementSibling.innerText"
    rows = ", ".join(f"'{name}': {row.format(name)}" for name in ("Latency", "Round trip", "Ticks"))

    def moving(holds: Callable[[dict[str, Any], float], bool]) -> dict[str, Any]:
        """Some ten moves a second until what the page tells of the link holds, given the rate at which moves were made."""
        made: list[float] = []
        deadline = time.monotonic() + 60
        while True:
            for _ in range(5):
                hall.move([node], np.array([[0.01 * len(made), 0, 0]]))
                made.append(time.monotonic())
                time.sleep(0.1)
            told: dict[str, Any] = page.evaluate(f"({{...twinstage.stats, {rows}}})")
            newest = made[-25:]
            if len(newest) == 25 and holds(told, 24 / (newest[-1] - newest[0])):
                return told
            assert time.monotonic() < deadline, told

    # Whole milliseconds: a round trip within this machine may take none.
    near = moving(
        lambda told, rate: (
            0 <= told["rtt"] < 300
            and 0 <= told["latency"] < 600
            and 0.4 * rate < told["ticksPerSecond"] < 1.6 * rate
        )
    )
    page.evaluate("twinstage.run('link.show')")
    gate.late = 0.25
    try:
        until(page, f"twinstage.stats.rtt > {near['rtt']} + 200 || twinstage.verify()", 60)
        # Half of what is late one way alone is taken for an offset between the clocks, until that is measured anew.
        texts = moving(
            lambda told, _: (
                told["latency"] > near["latency"] + 90
                and int(told["Round trip"].removesuffix(" ms")) > near["rtt"] + 200
                and abs(int(told["Latency"].removesuffix(" ms")) - told["latency"]) < 120
            )
        )
    finally:
        gate.late = 0.0
    assert texts["Ticks"].endswith(" /s")
    page.keyboard.press("Escape")


def test_a_twin_that_is_away_is_told_above_the_last_state_until_it_is_back(
    hall: HubServer, gate: Gate, page: Any, until: Callable[..., Any], axe: str
) -> None:
    gate.ws = gate.scene = "pass"
    until(page, "twinstage.ready")
    since = str(time.time_ns() - 65_000_000_000)
    hall.do(lambda: hall.hub.twin_is(Away(since)))
    until(page, "!document.querySelector('#banner').hidden")
    assert page.inner_text("#banner .banner-text").startswith("The twin away since ")
    assert page.evaluate("twinstage.link") == "live"
    page.evaluate(axe)
    assert findings(page, "away") == []
    hall.do(lambda: hall.hub.twin_is(Away(since, ["/Hall/Line1"])))
    until(page, "document.querySelector('.banner-text').textContent.startsWith('/Hall/Line1 away since')")
    hall.do(lambda: hall.hub.twin_is(None))
    until(page, "document.querySelector('#banner').hidden")


def test_what_is_cut_from_a_long_list_is_said(gate: Gate, page: Any, until: Callable[..., Any]) -> None:
    gate.ws = gate.scene = "pass"
    until(page, "twinstage.ready")
    page.evaluate("twinstage.run('table.read')")
    until(page, "document.querySelectorAll('.scene-table tbody tr').length === 400")
    assert page.inner_text(".scene-table caption") == "hall.usda, the first 400 of 451"
    heads = page.locator(".scene-table thead th").all_inner_texts()
    assert [text.strip() for text in heads] == ["Prim", "Signal", "Value", "Quality", "Age", "State", "Kind"]
    page.evaluate("document.querySelector('#tab-wire').click()")
    until(page, "document.querySelector('#wire-lines') !== null")
    # Each asks the server, which answers.
    for _ in range(10):
        page.evaluate("for (let k = 0; k < 40; k++) twinstage.verify()")
        page.wait_for_timeout(60)
    until(page, "twinstage.messages.lines.length > 300")
    said = "document.querySelector('#panel-wire .count').textContent"
    until(page, f"/^(3..|4..|500), the newest 300 shown$/.test({said})")
    assert page.locator("#wire-lines tbody tr").count() == 300
    page.fill("#wire-filter", "nothing is called like this")
    until(page, "document.querySelector('#panel-wire .count').textContent === '0'")
