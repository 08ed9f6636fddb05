"""pxr -> snapshot: a small reader for each area, and `read_snapshot`, which puts their answers together.

Units and axes change here, once: everything that leaves this package is in metres and Z-up.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from twinstage.scene.pause import no_cycle_search

if TYPE_CHECKING:
    from twinstage.scene.labels import LabelPolicy
    from twinstage.scene.read.memo import ShapeMemo
    from twinstage.scene.snapshot import Snapshot
    from twinstage.scene.stage import OpenedStage


@no_cycle_search()
def read_snapshot(
    opened: "OpenedStage",
    time_code: float | None = None,
    policy: "LabelPolicy | None" = None,
    *,
    refine: int | None = None,
    memo: "ShapeMemo | None" = None,
    at_rest: bool = False,
) -> "Snapshot":
    """The composed stage as an immutable snapshot.

    `time_code`: the moment at which animated values are read, on the root layer's timeline; None takes the stage's start,
    which equals the default values where nothing is animated (docs/conventions.md, "USD time codes"). `policy`: how
    labels become objects and classes. `refine`: levels of subdivision, 0 for control cages; None takes
    `context.DEFAULT_REFINE`. `memo`: what an earlier reading of the stage found. `at_rest`: for exporters of motion: meshes
    are read before bones and blend shapes change them, where a file can say what these do (`read.motion`).
    """
    from pxr import UsdUtils

    from twinstage.scene.labels import LabelPolicy
    from twinstage.scene.read.appearance import Appearance
    from twinstage.scene.read.cameras import read_cameras
    from twinstage.scene.read.context import DEFAULT_REFINE, Conversion, ReadContext
    from twinstage.scene.read.geometry import PrototypeStore
    from twinstage.scene.read.instances import below_instancers, draw, read_points
    from twinstage.scene.read.keypoints import read_keypoints
    from twinstage.scene.read.lights import read_lights
    from twinstage.scene.read.materials import MaterialStore
    from twinstage.scene.read.points import PointReader
    from twinstage.scene.read.prims import PrimReader
    from twinstage.scene.read.render_products import read_render_products
    from twinstage.scene.read.skel import Skins, instance_skins
    from twinstage.scene.read.textures import TextureStore
    from twinstage.scene.safe.finite import finite_rows, guard_prims
    from twinstage.scene.snapshot import Snapshot, StageInfo
    from twinstage.scene.stage import diagnostics
    from twinstage.scene.tables import Interned

    quiet = UsdUtils.CoalescingDiagnosticDelegate()
    context = ReadContext(
        stage=opened.stage,
        time=time_at(opened.stage, time_code),
        conversion=Conversion.of(opened.meters_per_unit, opened.up_axis),
        allowed=opened.allowed,
        policy=policy or LabelPolicy(),
        refine=DEFAULT_REFINE if refine is None else refine,
        at_rest=at_rest,
    )
    table, rows = PrimReader(context).read()
    table = guard_prims(context, table)
    textures = TextureStore(context)
    skeletal = Interned.of(table.type_name).isin(["SkelRoot"])
    roots = [rows.prims[row] for row in np.flatnonzero(skeletal).tolist()]
    shapes = PrototypeStore(context, Skins(context, roots), memo)
    materials = MaterialStore(context, textures)
    appearance = Appearance(context, shapes, materials)
    hidden = below_instancers(table, rows)
    points, point_table = read_points(table, rows, hidden, PointReader(context, appearance))
    instances, objects, root = draw(context, table, rows, hidden, points, appearance)
    found = read_lights(context, table, rows.prims, textures, opened.up_axis, rows.own)
    lights = finite_rows(context, found, "light.not-finite", "light")
    cameras = finite_rows(context, read_cameras(context, table, rows.prims), "camera.not-finite", "camera")
    return Snapshot(
        stage=StageInfo(
            path=str(opened.path),
            meters_per_unit=opened.meters_per_unit,
            up_axis=opened.up_axis,
            time_codes_per_second=opened.time_codes_per_second,
            hash=opened.hash,
        ),
        prims=table,
        points=point_table,
        prototypes=tuple(shapes.prototypes),
        instances=instances,
        skins=() if at_rest else instance_skins(shapes, instances, table),
        objects=objects,
        materials=tuple(materials.materials),
        material_sets=tuple(materials.sets),
        textures=tuple(textures.textures),
        lights=lights,
        cameras=cameras,
        keypoints=read_keypoints(context, table, rows, points, objects, root, hidden),
        render_products=read_render_products(context, table, rows.prims),
        findings=(*opened.findings, *context.findings, *diagnostics(quiet)),
    )


def time_at(stage: Any, time_code: float | None) -> Any:
    """The Usd.TimeCode of that number; None: the start of the stage's range, or of its samples."""
    from pxr import Usd

    if time_code is not None:
        return Usd.TimeCode(time_code)
    if stage.HasAuthoredTimeCodeRange():
        return Usd.TimeCode(stage.GetStartTimeCode())
    return Usd.TimeCode.EarliestTime()
