"""The states of the viewer that show the demo: its scene, tools, values, alarms, charts and time. See viewer_pictures.py."""

import json
from typing import Any

from _viewer_stage import Stage, wait

MOTOR = "/WorkCell/Conveyor/Motor"
HOT = f".label[data-look='alarm'][data-path='{MOTOR}']"
HOT_TAG = f'document.querySelector("{HOT}")'
CHARTED = "twinstage.charts.drawn.length > 0 && twinstage.charts.drawn.every((c) => c.lines.length + c.rows.length > 0)"


def layers(**on: dict[str, Any]) -> str:
    """A script that keeps these layers, and their panel open, in the browser, as if the user had chosen them."""
    kept = {name: {"on": True, **how} for name, how in on.items()}
    text = json.dumps(
        {"open": {"left": "layers", "right": "properties", "bottom": None}, "extra": {"layers": kept}}
    )
    return f"localStorage.setItem('twinstage.layout', {json.dumps(text)})"


TALL = f"localStorage.setItem('twinstage.layout', {json.dumps(json.dumps({'sizes': {'bottom': 330}}))})"
"""A script that gives the panels at the bottom more room."""


# --- the tour comes first: the motor is hot for half a minute after each jam ---------------------------------------------


def state_tour(stage: Stage) -> None:
    """As the demo's page opens for somebody who has never seen it, while the motor is hot; then the two steps."""
    page = stage.page()
    wait(page, f"{HOT_TAG}?.dataset.grade === 'medium' && {HOT_TAG}.dataset.placed === 'true'", 120)
    stage.shoot(page, "tour-1", then=True)
    page.locator(HOT).click()
    wait(page, CHARTED)
    page.mouse.move(5, 5)
    stage.shoot(page, "tour-2", then=True)
    page.click(".alarm-banner button:text-is('Acknowledge')")
    wait(page, "!document.querySelector('.alarm-banner')?.innerText.includes('motor is hot')")
    page.mouse.move(5, 5)
    stage.shoot(page, "tour-3")


# --- alarms --------------------------------------------------------------------------------------------------------------


def state_alarms(stage: Stage) -> None:
    page = stage.page(kept=TALL)
    page.keyboard.press("Shift+A")
    page.keyboard.press("ArrowDown")
    wait(page, "!!document.querySelector('.alarm-detail h3')")
    stage.shoot(page, "alarms")


def state_shelve(stage: Stage) -> None:
    """Shelving asks for a time and a reason."""
    page = stage.page(kept=TALL)
    page.keyboard.press("Shift+A")
    page.keyboard.press("ArrowDown")
    wait(page, "!!document.querySelector('.alarm-detail h3')")
    page.keyboard.press("s")
    wait(page, "!!document.querySelector('.alarm-form input')")
    page.keyboard.type("Motor is being exchanged")
    stage.shoot(page, "shelve")


def state_journal(stage: Stage) -> None:
    page = stage.page(kept=TALL)
    page.keyboard.press("Shift+J")
    page.wait_for_timeout(800)
    stage.shoot(page, "journal")


# --- time, charts, lists -------------------------------------------------------------------------------------------------


def state_past(stage: Stage) -> None:
    page = stage.page(f"selected={MOTOR}", size=(1280, 720))
    wait(page, "twinstage.time.firstMs > 0")
    page.evaluate("twinstage.charts.add(['motor.temperature', 'motor.current'])")
    page.evaluate("twinstage.charts.window(60000, null)")
    page.evaluate("twinstage.time.seek(twinstage.time.now - 20000)")
    wait(page, CHARTED)
    stage.shoot(page, "past")


def state_together(stage: Stage) -> None:
    """A marked span, played backwards, with somebody who follows."""
    page = stage.page(f"selected={MOTOR}")
    wait(page, "twinstage.time.firstMs > 0")
    other = stage.page(size=(400, 300))
    page.evaluate(
        "() => { const now = twinstage.time.now; twinstage.time.loop(now - 24000, now - 12000);"
        " twinstage.time.seek(now - 16000); twinstage.time.speed(-0.5); twinstage.time.together.lead();"
        " twinstage.time.play(); }"
    )
    page.select_option("#time-span", "60000")
    wait(other, "twinstage.time.together.leader !== null")
    other.evaluate("twinstage.time.together.follow()")
    wait(page, "twinstage.time.together.followers.length === 1")
    stage.shoot(page, "together")
    other.context.close()


def state_prediction(stage: Stage) -> None:
    """Where the arm will be in a second, beside the real one, once it moves and the last predictions have been judged."""
    page = stage.page("selected=/WorkCell/Robot")
    page.evaluate("twinstage.run('view.frame')")
    page.evaluate("twinstage.run('predict.1')")
    wait(page, "twinstage.predictions()[0]?.off > 0.01 && twinstage.predictions()[0].place !== null", 60)
    stage.shoot(page, "prediction")


def state_charts(stage: Stage) -> None:
    page = stage.page(f"selected={MOTOR}", size=(1280, 800))
    page.evaluate("twinstage.charts.add(['motor.temperature', 'motor.current'])")
    page.evaluate("twinstage.charts.window(60000, null)")
    wait(page, CHARTED)
    stage.shoot(page, "charts")


def state_timeline(stage: Stage) -> None:
    """Enum, bool and string signals as rows of states."""
    page = stage.page(f"selected={MOTOR}", size=(1280, 760))
    page.evaluate("twinstage.charts.add(['motor.fault', 'robot.grip'])")
    page.evaluate("twinstage.charts.window(60000, null)")
    wait(page, CHARTED)
    stage.shoot(page, "timeline")


def state_values(stage: Stage) -> None:
    page = stage.page(kept=TALL)
    page.click("#tab-values")
    wait(page, "document.body.innerText.includes('motor.temperature')")
    stage.shoot(page, "values")


def state_messages(stage: Stage) -> None:
    page = stage.page(kept=TALL)
    page.click("#tab-wire")
    page.wait_for_timeout(1500)
    stage.shoot(page, "messages")


def state_log(stage: Stage) -> None:
    page = stage.page(kept=TALL)
    page.keyboard.press("Shift+A")
    page.keyboard.press("Alt+A")
    page.click("#tab-log")
    page.click(".log button:text-is('link'), .log-bar button:text-is('link'), button:text-is('link')")
    wait(page, "document.querySelectorAll('#dock-bottom tbody tr').length > 2")
    stage.shoot(page, "log")


# --- the workbench and ways of looking -----------------------------------------------------------------------------------


def state_workbench(stage: Stage) -> None:
    page = stage.page("selected=/WorkCell/Conveyor")
    stage.shoot(page, "workbench", then=True)
    stage.shoot(page, "viewer.png")


def state_light(stage: Stage) -> None:
    page = stage.page("theme=light")
    stage.shoot(page, "light")


def state_section(stage: Stage) -> None:
    page = stage.page("section=0,1,0,0.6,1,Y&camera=5.5,-11,5.5,0,1,1.4,42", size=(1100, 640))
    stage.shoot(page, "section")


def state_measure(stage: Stage) -> None:
    lamps = ",".join(f"/WorkCell/Hall/Lamp_{k}" for k in range(1, 7))
    page = stage.page(f"camera=1,-2.02,30,1,-2,0,42,4.4&hidden={lamps}", size=(1100, 640))
    page.keyboard.press("Shift+G")
    page.keyboard.press("Shift+M")
    box = page.locator("#canvas").bounding_box()
    for x, y in ((0.3, 0.7), (0.72, 0.7)):
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    wait(
        page, "document.querySelectorAll('.label').length > 0 && document.body.innerText.includes('Distance')"
    )
    page.mouse.move(5, 5)
    stage.shoot(page, "measure")


def state_cameras(stage: Stage) -> None:
    """Through a camera of the stage."""
    page = stage.page(size=(1100, 640))
    page.click("#tab-cameras")
    page.locator("#canvas").focus()
    page.keyboard.press("2")
    stage.shoot(page, "cameras")


def state_views(stage: Stage) -> None:
    """Saved views, and the camera beside a vehicle that it follows."""
    views = "Robot@4.2,-3.6,2.4,0.4,1,1,42;Racks@1,-4,3,6,2,1.5,42;Whole%20cell@9,-9,6,0,0,1,42"
    page = stage.page(f"selected=/WorkCell/AGVs/AGV_2&views={views}", size=(1100, 640))
    page.click("#tab-views")
    page.locator("#canvas").focus()
    page.keyboard.press("f")
    page.wait_for_timeout(1200)
    page.keyboard.press("Shift+C")
    wait(page, "!!document.querySelector('.mode-badge')")
    stage.shoot(page, "views")


# --- tree, properties, edits ---------------------------------------------------------------------------------------------


def framed(stage: Stage, path: str, size: tuple[int, int]) -> Any:
    """A page with that prim selected and framed; keys go to the picture."""
    page = stage.page(f"selected={path}", size=size)
    page.locator("#canvas").focus()
    page.keyboard.press("f")
    return page


def state_tree(stage: Stage) -> None:
    page = stage.page(f"selected={MOTOR}&hidden=/WorkCell/Racks", size=(1100, 640))
    page.click(".tree-panel [aria-label='Filters']")
    page.click(".chip:text-is('Live signals')")
    stage.shoot(page, "tree")


def state_properties(stage: Stage) -> None:
    page = framed(stage, "/WorkCell/Tank", (1100, 760))
    page.keyboard.press("i")
    stage.shoot(page, "properties")


def state_move(stage: Stage) -> None:
    page = framed(stage, "/WorkCell/Cabinet", (1100, 640))
    page.keyboard.press("t")
    stage.shoot(page, "move")


def state_bind(stage: Stage) -> None:
    page = framed(stage, "/WorkCell/Cabinet", (1100, 640))
    page.click("#tab-bind")
    page.fill("[aria-label='Search signals']", "motor")
    page.click(".bind-signal[data-id='motor.temperature']")
    page.select_option("[aria-label='What it drives']", "color")
    for k, value in enumerate(("40", "70")):
        page.locator(".stop input[type=text]").nth(k).fill(value)
    page.click(".bind .button:text-is('Preview')")
    wait(
        page, "!!document.querySelector('.bind .button') && document.body.innerText.includes('Stop preview')"
    )
    stage.shoot(page, "bind")


def state_edits(stage: Stage) -> None:
    page = stage.page("selected=/WorkCell/Cabinet", size=(1100, 640))
    for name, value in (("position x", "1.4"), ("rotation yaw", "20")):
        wait(page, "!document.querySelector('.pose-input').readOnly")
        page.locator(f"[aria-label='{name}']").fill(value)
        page.locator(f"[aria-label='{name}']").press("Enter")
        page.wait_for_timeout(700)
    page.click("#tab-edits")
    page.wait_for_timeout(400)
    page.keyboard.press("Control+z")
    page.wait_for_timeout(700)
    stage.shoot(page, "edits", then=True)
    # The other states see the cell as it was designed.
    page.keyboard.press("Control+z")
    page.wait_for_timeout(700)
    page.context.close()


# --- live data on the scene ----------------------------------------------------------------------------------------------


def state_layers(stage: Stage) -> None:
    """What is hot: tags and colours of the temperatures, with their legend."""
    temperature = {"signals": "*.temperature"}
    page = stage.page(
        "camera=6.2,-4.6,3.4,1.2,1.6,0.9,42",
        kept=layers(tags=temperature, color={**temperature, "range": [20, 80], "map": "magma"}),
    )
    wait(page, "!!document.querySelector('.legend') && document.querySelectorAll('.label').length > 1")
    stage.shoot(page, "layers")


def state_labels(stage: Stage) -> None:
    """The cell by class, with a hall and a conveyor whose labels were taken away; they are given back at the end."""
    page = stage.page("through=/WorkCell/Cameras/Overview", size=(1180, 760))
    page.click("#tab-labels")
    page.locator("#labels-on").check()
    for path in ("/WorkCell/Hall", "/WorkCell/Hall/Floor", "/WorkCell/Conveyor"):
        page.get_by_label("Prims by path or pattern").fill(path)
        page.get_by_label("Prims by path or pattern").press("Enter")
    page.click(".labels-form button:text-is('Remove label')")
    page.evaluate("pictures.still = false")  # pixels are counted in a picture of their own
    wait(page, "twinstage.labels.coverage?.unlabelled > 0", 30)
    page.get_by_label("Choose /WorkCell/Conveyor").check()
    page.wait_for_timeout(1500)
    stage.shoot(page, "labels", then=True)
    page.click(".labels-form button:text-is('Undo')")
    wait(page, "twinstage.labels.coverage?.unlabelled === 0", 30)
    page.context.close()


def state_trails(stage: Stage) -> None:
    """Where the vehicles were, where they will be in a second, and who they are."""
    fleet = {"under": "/WorkCell/AGVs"}
    page = stage.page(
        "camera=2,-13,9,1,-1.5,0,42",
        kept=layers(
            trails={**fleet, "seconds": 10},
            arrows={**fleet, "of": "motion"},
            tags={**fleet, "signals": "*.speed"},
        ),
    )
    page.wait_for_timeout(9000)
    stage.shoot(page, "trails")


def state_signs(stage: Stage) -> None:
    """Signs of alarms."""
    page = stage.page("camera=6.2,-4.6,3.4,1.2,1.6,0.9,42", kept=layers(icons={}))
    wait(page, "document.querySelectorAll('.label[data-look=icon]').length > 1")
    stage.shoot(page, "signs")
