"""States of scripts/viewer_pictures.py about assets and labels."""

from typing import Any

from _viewer_stage import Stage, wait


def catalogue_page(stage: Stage, query: str) -> Any:
    """The catalogue below the picture, as wide as the window, with what a query finds."""
    page = stage.page("selected=", size=(1280, 800))
    for panel in ("tree", "properties"):
        page.click(f"#tab-{panel}")
    page.keyboard.press("Shift+U")
    page.fill(".catalogue-query", query)
    page.press(".catalogue-query", "Enter")
    wait(page, f"twinstage.catalogue().answered === {query!r} && twinstage.catalogue().reading === null")
    return page


def state_catalogue(stage: Stage) -> None:
    page = catalogue_page(stage, "-label:box")
    page.click(".asset:has-text('Robot arm')")
    wait(page, "/Used here/.test(document.querySelector('.asset-facts').innerText)")
    stage.shoot(page, "catalogue")


def state_place(stage: Stage) -> None:
    page = catalogue_page(stage, "tag:fluid")
    tile = page.locator(".asset:has-text('Storage tank')").bounding_box()
    canvas = page.locator("#canvas").bounding_box()
    page.mouse.move(tile["x"] + 40, tile["y"] + 40)
    page.mouse.down()
    page.mouse.move(tile["x"] + 60, tile["y"] + 10, steps=2)
    page.mouse.move(canvas["x"] + 0.47 * canvas["width"], canvas["y"] + 0.78 * canvas["height"], steps=4)
    wait(page, "!!twinstage.catalogue().carried")
    stage.shoot(page, "place")
