"""Draws the pictures of the viewer's pages in docs/ anew: the page in headless Chromium, one function a state.

    python scripts/viewer_pictures.py                        all of them, into docs/images
    python scripts/viewer_pictures.py light phone            these alone
    python scripts/viewer_pictures.py --out drafts tour       other files, somewhere else
    python scripts/viewer_pictures.py --list                 which states there are, and their files

A state is a function `state_NAME(stage)` of `_viewer_states_*.py` that brings a page to it and calls `stage.shoot(page, NAME)`.
A picture that shows a message which is not its subject is not kept; the state is tried once more. States that need ../shared,
or a program that is not installed, say so and are left out. Look at each picture before you commit it: a script sees no
ugliness.
"""

import argparse
import inspect
import re
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import _viewer_states_data
import _viewer_states_edit
import _viewer_states_page
import _viewer_states_twin
from _viewer_servers import begin_demo, calm
from _viewer_stage import ARGUMENTS, ROOT, Missing, Stage

State = Callable[[Stage], None]
MODULES = (_viewer_states_twin, _viewer_states_page, _viewer_states_edit, _viewer_states_data)
TRIES = 2
LOUD = (
    "tour",
    "alarms",
    "shelve",
    "journal",
    "past",
    "together",
    "charts",
    "log",
    "workbench",
    "light",
    "signs",
)
"""States about alarms, and those that are better with some."""


def states() -> dict[str, State]:
    """All states by name, those of the demo first."""
    return {
        name[6:]: value
        for module in MODULES
        for name, value in vars(module).items()
        if name.startswith("state_")
    }


def files(state: State) -> list[str]:
    """Names of the pictures that a state makes."""
    names = re.findall(r'\.shoot\(\s*page, "([^"]+)"', inspect.getsource(state))
    return [name if "." in name else f"viewer-{name}.jpg" for name in names]


def take(stage: Stage, name: str, state: State) -> str:
    """One state, tried again where it fails; the sentence of the last failure, or nothing."""
    for attempt in range(1, TRIES + 1):
        began, before = time.monotonic(), len(stage.made)
        try:
            stage.begin(name in LOUD)
            state(stage)
        except Missing as missing:
            print(f"{name}: left out, {missing}", flush=True)
            return ""
        except Exception as error:
            sentence = f"{name}: {str(error).strip().splitlines()[0]}"
            print(f"{sentence} (try {attempt}, {time.monotonic() - began:.0f} s)", flush=True)
            for context in stage.browser.contexts:
                context.close()
            continue
        made = ", ".join(f"{path.name} {path.stat().st_size // 1000} kB" for path in stage.made[before:])
        print(f"{name}: {made}, {time.monotonic() - began:.0f} s", flush=True)
        return ""
    return sentence


def main() -> None:
    """Takes the pictures; exit code 1 where one could not be taken."""
    parser = argparse.ArgumentParser(description="Draws the pictures of the viewer anew.")
    parser.add_argument("states", nargs="*", metavar="STATE", help="which; all by default")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images", help="folder of the pictures")
    parser.add_argument("--list", action="store_true", help="list states and files")
    parser.add_argument(
        "--demo", metavar="ADDRESS", help="a demo that runs already, instead of one of its own"
    )
    options = parser.parse_args()
    known = states()
    if options.list:
        print("\n".join(f"{name:<14} {' '.join(files(state))}" for name, state in known.items()))
        return
    if unknown := [name for name in options.states if name not in known]:
        sys.exit(f"there is no state {unknown[0]!r}; there are {', '.join(known)}")
    from playwright.sync_api import sync_playwright

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        sys.exit("no Chromium on this machine")
    options.out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        begin = begin_demo if options.demo is None else lambda *_: options.demo
        stage = Stage(browser, options.out, begin, calm)
        try:
            failed = [take(stage, name, known[name]) for name in options.states or known]
        finally:
            stage.held.close()
            browser.close()
    print(f"{len(stage.made)} pictures in {time.monotonic() - began:.0f} s", flush=True)
    if any(failed):
        sys.exit("not taken:\n" + "\n".join(filter(None, failed)))


if __name__ == "__main__":
    main()
