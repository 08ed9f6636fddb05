"""The view in a notebook: what a kernel shows, and what the widget does with what its page says."""

import re
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import twinstage
from twinstage.base.errors import UserError

anywidget = pytest.importorskip("anywidget")

CELL = """#usda 1.0
(
    defaultPrim = "Cell"
    upAxis = "Z"
    metersPerUnit = 1
)
def Xform "Cell"
{
    def Cube "Robot"
    {
    }
    def Cube "Belt"
    {
    }
}
"""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("notebook") / "cell.usda"
    path.write_text(CELL)
    return path


@pytest.fixture(scope="module")
def twin(stage: Path) -> Iterator[Any]:
    with twinstage.open(stage) as opened:
        yield opened


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What views send to their pages."""
    from twinstage.live.notebook.widget import View

    messages: list[Any] = []
    monkeypatch.setattr(View, "send", lambda self, content, buffers=None: messages.append(content))
    return messages


def told(view: Any, **content: Any) -> None:
    """Its page says something."""
    view._hear(view, content, [])


def test_a_view_serves_the_twin_and_lets_exactly_its_own_page_frame_it(twin: Any, sent: list[Any]) -> None:
    view = twin.view(panels=["tree", "alarms"], token="twk_x")
    assert twin.url == f"http://127.0.0.1:{view.port}" and view.panels == "tree,alarms"
    embed = twin._server.access.embed
    assert not embed
    told(view, type="here", origin="http://localhost:8888", host="localhost:8888")
    assert embed.origins == ("http://localhost:8888",) and embed.hosts == {"localhost"}
    assert sent == [{"type": "open", "token": "twk_x"}]
    assert "twk_x" not in str(view.get_state())  # a notebook's file keeps that


@pytest.mark.parametrize("origin", ["vscode-webview://1a2b", "null", "", "http://a;b"])
def test_a_page_without_an_origin_is_told_what_to_do(twin: Any, sent: list[Any], origin: str) -> None:
    told(twin.view(), type="here", origin=origin, host="")
    (message,) = sent
    assert message["type"] == "say" and f"Open {twin.url} in a browser instead." in message["text"]


def test_selection_goes_both_ways(twin: Any, sent: list[Any]) -> None:
    one, other = twin.view(), twin.view(selected="/Cell/Belt")
    heard: list[Any] = []

    @one.on_select
    def selected(path: str | None) -> None:
        heard.append(path)

    one.selected = "/Cell/Robot"
    one.set_state({"selected": "/Cell/Belt"})  # its page says so
    one.set_state({"selected": None})
    assert heard == ["/Cell/Robot", "/Cell/Belt", None] and other.selected == "/Cell/Belt"
    with pytest.raises(UserError, match="the stage has no prim '/Cell/Nothing'"):
        one.selected = "/Cell/Nothing"
    with pytest.raises(UserError, match="no prim"):
        twin.view(selected="/Nothing")


def test_clicks_and_alarms_call_functions(twin: Any) -> None:
    view, heard = twin.view(), []
    view.on_click(lambda path, position: heard.append((path, position)))
    view.on_alarm(heard.append)
    told(view, type="click", path="/Cell/Robot", position=[1, 2, 3])
    view.set_state({"alarms": [{"id": "motor.hot"}]})
    assert heard == [("/Cell/Robot", [1, 2, 3]), [{"id": "motor.hot"}]]


def test_camera_and_time(twin: Any, sent: list[Any]) -> None:
    view = twin.view(selected="/Cell/Robot")
    view.look((0, -5, 2), (0, 0, 1), fov=30)
    view.frame()
    view.frame("/Cell/Belt")
    view.seek(datetime(2026, 1, 1, tzinfo=UTC))
    view.seek(None)
    assert [message.get("look", message.get("at")) for message in sent] == [
        {"position": [0, -5, 2], "target": [0, 0, 1], "fov": 30},
        {"frame": "/Cell/Robot"},
        {"frame": "/Cell/Belt"},
        1767225600000.0,
        None,
    ]
    assert view.time is None
    view.set_state({"now_ms": 1767225600500.0})
    assert view.time == datetime(2026, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)
    for wrong in (
        lambda: view.look((1, 2), (0, 0, 0)),
        lambda: view.seek(datetime(2026, 1, 1)),
        lambda: view.frame("/X"),
    ):
        with pytest.raises(UserError):
            wrong()


def test_a_closed_twin_is_served_anew_where_a_page_shows_its_view(stage: Path, sent: list[Any]) -> None:
    with twinstage.open(stage) as twin:
        view = twin.view()
        twin.close()
        told(view, type="here", origin="http://localhost:8888", host="localhost:8888")
        assert twin.url == f"http://127.0.0.1:{view.port}" and sent == [{"type": "open", "token": ""}]


def test_the_program_of_the_page_runs(root: Path, twin: Any) -> None:
    page = (root / "docs" / "embedding.md").read_text("utf-8")
    (block,) = [
        found for found in re.findall(r"```python\n(.*?)```", page, re.S) if found.startswith("view =")
    ]
    names: dict[str, Any] = {"t": twin}
    exec(compile(block, "docs/embedding.md", "exec"), names)
    assert names["view"].selected == "/Cell/Belt"


def test_a_terminal_shows_the_twin_as_text(twin: Any) -> None:
    assert twin._repr_mimebundle_() is None and repr(twin).startswith("<Twin cell.usda")


@pytest.mark.timeout(120)
def test_a_cell_of_a_real_kernel_shows_the_view(stage: Path) -> None:
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    code = f"""
        import twinstage
        t = twinstage.open({str(stage)!r})
        t
        """
    cells = [
        textwrap.dedent(code).strip(),
        "v = t.view(selected='/Cell/Robot'); seen = []; v.on_select(seen.append)\n"
        "v.set_state({'selected': '/Cell/Belt'}); print(seen)",
        "t.view(selected='/Cell/Nothing')",
        "t.close()",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=90, allow_errors=True, kernel_name=_kernel()).execute()
    first, second, third, _ = (cell.outputs for cell in notebook.cells)
    assert "application/vnd.jupyter.widget-view+json" in first[0].data
    assert second[0].text == "['/Cell/Belt']\n"
    assert third[0].evalue == "the stage has no prim '/Cell/Nothing'"


def _kernel() -> str:
    """This very Python."""
    from jupyter_client.kernelspec import NATIVE_KERNEL_NAME

    pytest.importorskip("ipykernel")
    return str(NATIVE_KERNEL_NAME)


def test_without_the_extra_a_cell_says_what_to_install(twin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from twinstage.live.notebook import shown

    monkeypatch.setitem(sys.modules, "twinstage.live.notebook.widget", None)
    monkeypatch.setattr(shown, "in_notebook", lambda: True)
    bundle = shown.mime_bundle(twin)
    assert "twinstage[jupyter]" in bundle["text/html"] and "text/plain" in bundle
    with pytest.raises(UserError, match="pip install"):
        twin.view()
