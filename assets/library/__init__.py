"""The bundled library of USD scenes: data folders (`workcell/`), and the scripts that write them (`build_workcell/`)."""

from pathlib import Path


def bundled(name: str) -> Path:
    """The folder of a bundled scene, for example `workcell`: stage, contract, bindings and recipe."""
    return Path(__file__).parent / name
