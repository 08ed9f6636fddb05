"""One seeded stage with everything that labels get wrong. Written with pxr; nothing of twinstage.

Everything is thought of in metres, Z-up, within about 3 m of the origin; `unit` and `up` say how it is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pxr import Gf, Sdf, Usd, UsdGeom, UsdSemantics, UsdShade, Vt

PLACES = ((1.0, "Z"), (0.01, "Y"), (0.0254, "Z"), (0.001, "Y"))
"""Metres per unit and up axis by seed."""

CLASSES = (
    "box",
    "bolt",
    "nut",
    "panel",
    "machine",
    "parcel",
    "bag",
    "sticker",
    "wall",
    "speck",
    "fence",
    "ball",
)

CAMERAS = ("plain", "shifted", "near", "parallel", "brown", "fisheye", "rolling", "panorama")
"""Names of the stage's cameras."""


@dataclass
class Nasty:
    """A stage in the making; `u`: stage units in a metre."""

    folder: Path
    seed: int
    unit: float
    up: str

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng([77, self.seed])
        self.u = 1 / self.unit
        self.stage = Usd.Stage.CreateNew(str(self.folder / "nasty.usda"))
        UsdGeom.SetStageMetersPerUnit(self.stage, self.unit)
        UsdGeom.SetStageUpAxis(self.stage, self.up)
        self.stage.SetFramesPerSecond(24)
        self.stage.SetTimeCodesPerSecond(24)
        world = UsdGeom.Xform.Define(self.stage, "/World")
        self.stage.SetDefaultPrim(world.GetPrim())
        if self.up == "Y":
            world.AddRotateXOp().Set(-90.0)

    def metres(self, values: Sequence[float] | np.ndarray) -> np.ndarray:
        """Lengths in stage units."""
        return np.asarray(values, np.float64) * self.u

    def label(self, prim: Usd.Prim, *names: str) -> None:
        UsdSemantics.LabelsAPI.Apply(prim, "class").CreateLabelsAttr().Set(list(names))

    def pose(
        self,
        prim: UsdGeom.Xformable,
        place: Sequence[float],
        turn: Sequence[float] = (0, 0, 0),
        scale: Sequence[float] = (1, 1, 1),
    ) -> None:
        prim.AddTranslateOp(UsdGeom.XformOp.PrecisionDouble).Set(Gf.Vec3d(*self.metres(place).tolist()))
        if any(turn):
            prim.AddRotateXYZOp(UsdGeom.XformOp.PrecisionDouble).Set(Gf.Vec3d(*map(float, turn)))
        if tuple(scale) != (1, 1, 1):
            prim.AddScaleOp(UsdGeom.XformOp.PrecisionDouble).Set(Gf.Vec3d(*map(float, scale)))

    def mesh(
        self, path: str, points: np.ndarray, faces: Sequence[Sequence[int]], stage: Usd.Stage | None = None
    ) -> UsdGeom.Mesh:
        mesh = UsdGeom.Mesh.Define(stage or self.stage, path)
        mesh.CreateSubdivisionSchemeAttr("none")
        mesh.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(self.metres(points).astype(np.float32)))
        mesh.CreateFaceVertexCountsAttr([len(face) for face in faces])
        mesh.CreateFaceVertexIndicesAttr([k for face in faces for k in face])
        return mesh

    def keypoint(self, prim: Usd.Prim, name: str, place: Sequence[float]) -> None:
        attribute = prim.CreateAttribute(f"twin:keypoint:{name}", Sdf.ValueTypeNames.Point3d)
        attribute.Set(Gf.Vec3d(*self.metres(place).tolist()))

    def spot(self, low: float = -1.6, high: float = 1.6, z: tuple[float, float] = (0.1, 1.2)) -> list[float]:
        """A random place [m]."""
        return [*self.rng.uniform(low, high, 2).tolist(), float(self.rng.uniform(*z))]

    def turns(self) -> list[float]:
        return [float(v) for v in self.rng.uniform(-180, 180, 3)]

    def uneven(self, mirror: float = 0.3) -> list[float]:
        """An uneven scale, at times mirrored on one, two or three axes."""
        scale = self.rng.uniform(0.5, 1.6, 3)
        signs = np.where(self.rng.random(3) < mirror, -1, 1)
        return [float(v) for v in scale * signs]


def write(folder: Path, seed: int) -> Path:
    """The stage of that seed in a folder of its own, with the files that it needs."""
    unit, up = PLACES[seed % len(PLACES)]
    s = Nasty(folder, seed, unit, up)
    _materials(s)
    _room(s)
    _instances(s)
    _points(s)
    _nested(s)
    _payloads(s)
    _stickers(s)
    _fence(s)
    _extremes(s)
    _moving(s)
    _clutter(s)
    _cameras(s)
    s.stage.Save()
    return folder / "nasty.usda"


WEDGE = np.array(
    [[0, 0, 0], [0.3, 0, 0], [0.3, 0.2, 0], [0, 0.2, 0], [0, 0, 0.25], [0, 0.2, 0.12]], np.float64
)
WEDGE_FACES = [[3, 2, 1, 0], [0, 1, 4], [2, 3, 5], [1, 2, 5, 4], [3, 0, 4, 5]]
CUBE = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float64) / 2
CUBE_FACES = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]


def _materials(s: Nasty) -> None:
    from PIL import Image

    grid = np.zeros((32, 32), np.uint8)
    grid[4:28:8], grid[5:28:8], grid[:, 4:28:8], grid[:, 5:28:8] = 255, 255, 255, 255
    grid[:2], grid[-2:], grid[:, :2], grid[:, -2:] = 255, 255, 255, 255
    Image.fromarray(np.stack([grid] * 4, -1)).save(s.folder / "grid.png")
    for name, color in (("Red", (0.7, 0.1, 0.1)), ("Blue", (0.1, 0.2, 0.7))):
        shader = _surface(s, name)
        shader.CreateInput("diffuseColor", Sdf.ValueTypeNames.Color3f).Set(Gf.Vec3f(*color))
    shader = _surface(s, "Cut")
    shader.CreateInput("opacityThreshold", Sdf.ValueTypeNames.Float).Set(0.5)
    picture = UsdShade.Shader.Define(s.stage, "/World/Looks/Cut/Picture")
    picture.CreateIdAttr("UsdUVTexture")
    picture.CreateInput("file", Sdf.ValueTypeNames.Asset).Set("grid.png")
    reader = UsdShade.Shader.Define(s.stage, "/World/Looks/Cut/St")
    reader.CreateIdAttr("UsdPrimvarReader_float2")
    reader.CreateInput("varname", Sdf.ValueTypeNames.String).Set("st")
    reader.CreateOutput("result", Sdf.ValueTypeNames.Float2)
    picture.CreateInput("st", Sdf.ValueTypeNames.Float2).ConnectToSource(reader.ConnectableAPI(), "result")
    picture.CreateOutput("a", Sdf.ValueTypeNames.Float)
    shader.CreateInput("opacity", Sdf.ValueTypeNames.Float).ConnectToSource(picture.ConnectableAPI(), "a")


def _surface(s: Nasty, name: str) -> UsdShade.Shader:
    material = UsdShade.Material.Define(s.stage, f"/World/Looks/{name}")
    shader = UsdShade.Shader.Define(s.stage, f"/World/Looks/{name}/Surface")
    shader.CreateIdAttr("UsdPreviewSurface")
    material.CreateSurfaceOutput().ConnectToSource(shader.ConnectableAPI(), "surface")
    return shader


def _bind(s: Nasty, prim: Usd.Prim, name: str) -> None:
    UsdShade.MaterialBindingAPI.Apply(prim).Bind(UsdShade.Material.Get(s.stage, f"/World/Looks/{name}"))


def _room(s: Nasty) -> None:
    """An unlabelled floor and a labelled wall, larger than any picture."""
    floor = s.mesh("/World/Floor", [[-4, -4, 0], [4, -4, 0], [4, 4, 0], [-4, 4, 0]], [[0, 1, 2, 3]])
    _bind(s, floor.GetPrim(), "Blue")
    wall = UsdGeom.Cube.Define(s.stage, "/World/Wall")
    wall.CreateSizeAttr(float(s.u))
    s.pose(wall, (0, 2.6, 1.0), (0, 0, float(s.rng.uniform(-8, 8))), (40, 0.02, 2.5))
    s.label(wall.GetPrim(), "wall")


def _instances(s: Nasty) -> None:
    """Native instances of a prototype with two gprims, subsets, key points, and a label inside of the prototype."""
    root = s.stage.CreateClassPrim("/Prototypes")
    part = UsdGeom.Xform.Define(s.stage, "/Prototypes/Part")
    part.GetPrim().SetMetadata("kind", "component")
    s.label(part.GetPrim(), "box")
    body = s.mesh("/Prototypes/Part/Body", WEDGE, WEDGE_FACES)
    subset = UsdGeom.Subset.CreateGeomSubset(
        body, "Top", UsdGeom.Tokens.face, Vt.IntArray([3]), "materialBind"
    )
    s.label(subset.GetPrim(), "panel")
    knob = UsdGeom.Sphere.Define(s.stage, "/Prototypes/Part/Knob")
    knob.CreateRadiusAttr(0.05 * s.u)
    s.pose(knob, (0.05, 0.1, 0.26), scale=(1, 1.5, 0.7))
    for name, place in (("corner", (0.3, 0, 0)), ("tip", (0, 0, 0.25)), ("middle", (0.1, 0.1, 0.06))):
        s.keypoint(part.GetPrim(), name, place)
    assert root
    for n in range(int(s.rng.integers(6, 10))):
        prim = UsdGeom.Xform.Define(s.stage, f"/World/Parts/Part_{n}")
        prim.GetPrim().GetReferences().AddInternalReference("/Prototypes/Part")
        prim.GetPrim().SetInstanceable(True)
        s.pose(prim, s.spot(), s.turns(), s.uneven() if n % 2 else (1, 1, 1))


def _points(s: Nasty) -> None:
    """A PointInstancer of two prototypes, one labelled; own ids, uneven and negative scales, some invisible."""
    points = UsdGeom.PointInstancer.Define(s.stage, "/World/Parcels")
    points.GetPrim().SetMetadata("kind", "component")
    s.label(points.GetPrim(), "parcel")
    s.pose(points, (0, 0, 0.1), (0, 0, float(s.rng.uniform(-20, 20))), (1.0, 1.2, 0.9))
    brick = s.mesh("/World/Parcels/Protos/Brick", CUBE * (0.2, 0.14, 0.1), CUBE_FACES)
    s.keypoint(brick.GetPrim(), "corner", (0.1, 0.07, 0.05))
    bag = UsdGeom.Xform.Define(s.stage, "/World/Parcels/Protos/Bag")
    s.label(bag.GetPrim(), "bag")
    cone = UsdGeom.Cone.Define(s.stage, "/World/Parcels/Protos/Bag/Skin")
    cone.CreateRadiusAttr(0.08 * s.u)
    cone.CreateHeightAttr(0.2 * s.u)
    points.CreatePrototypesRel().SetTargets([brick.GetPath(), bag.GetPath()])
    n = int(s.rng.integers(14, 22))
    places = np.column_stack([s.rng.uniform(-1.7, 1.7, (n, 2)), s.rng.uniform(0, 1.0, n)])
    points.CreatePositionsAttr(Vt.Vec3fArray.FromNumpy(s.metres(places).astype(np.float32)))
    points.CreateProtoIndicesAttr(s.rng.integers(0, 2, n).tolist())
    q = s.rng.normal(size=(n, 4))
    q /= np.linalg.norm(q, axis=1)[:, None]
    points.CreateOrientationsAttr(Vt.QuathArray([Gf.Quath(*row.tolist()) for row in q]))
    scales = s.rng.uniform(0.6, 1.5, (n, 3)) * np.where(s.rng.random((n, 3)) < 0.2, -1, 1)
    points.CreateScalesAttr(Vt.Vec3fArray.FromNumpy(scales.astype(np.float32)))
    ids = s.rng.permutation(np.arange(100, 100 + 3 * n, 3))
    if s.seed % 3:
        points.CreateIdsAttr(Vt.Int64Array([int(i) for i in ids]))
    points.CreateInvisibleIdsAttr(Vt.Int64Array([int(ids[2]) if s.seed % 3 else 2]))


def _nested(s: Nasty) -> None:
    """A machine with labelled panels that are objects of their own, and an unlabelled part that is the machine's."""
    machine = UsdGeom.Xform.Define(s.stage, "/World/Machine")
    machine.GetPrim().SetMetadata("kind", "component")
    s.label(machine.GetPrim(), "machine")
    s.pose(machine, s.spot(-1, 1, (0.3, 0.5)), (0, 0, float(s.rng.uniform(-180, 180))), (1, 1.3, 0.8))
    body = s.mesh("/World/Machine/Body", CUBE * (0.6, 0.4, 0.5), CUBE_FACES)
    _bind(s, body.GetPrim(), "Red")
    for n in range(3):
        panel = s.mesh(f"/World/Machine/Panel_{n}", CUBE * (0.12, 0.02, 0.15), CUBE_FACES)
        s.pose(panel, (-0.2 + 0.2 * n, -0.21, 0.05), (0, 0, 10.0 * n), (1, -1, 1) if n == 1 else (1, 1, 1))
        s.label(panel.GetPrim(), "panel", "metal")
    sheared = UsdGeom.Xform.Define(s.stage, "/World/Machine/Arm")
    matrix = Gf.Matrix4d(1, 0.4, 0, 0, -0.3, 1, 0.2, 0, 0, 0, 1, 0, 0.1 * s.u, 0, 0.35 * s.u, 1)
    sheared.AddTransformOp().Set(matrix)
    hand = s.mesh("/World/Machine/Arm/Hand", WEDGE, WEDGE_FACES)
    s.label(hand.GetPrim(), "bolt")
    s.keypoint(hand.GetPrim(), "tip", (0, 0, 0.25))


def _payloads(s: Nasty) -> None:
    """A file behind payloads whose label the stage overrides, and one that it leaves."""
    path = s.folder / "payload.usda"
    other = Usd.Stage.CreateNew(str(path))
    UsdGeom.SetStageMetersPerUnit(other, s.unit)
    UsdGeom.SetStageUpAxis(other, s.up)
    root = UsdGeom.Xform.Define(other, "/Bolt")
    other.SetDefaultPrim(root.GetPrim())
    s.label(root.GetPrim(), "bolt")
    head = UsdGeom.Cylinder.Define(other, "/Bolt/Head")
    head.CreateRadiusAttr(0.09 * s.u)
    head.CreateHeightAttr(0.06 * s.u)
    s.pose(head, (0, 0, 0.15))
    s.mesh("/Bolt/Shaft", CUBE * (0.06, 0.06, 0.3), CUBE_FACES, other)
    s.keypoint(root.GetPrim(), "tip", (0, 0, -0.15))
    other.Save()
    for n in range(4):
        prim = UsdGeom.Xform.Define(s.stage, f"/World/Loaded_{n}")
        prim.GetPrim().GetPayloads().AddPayload("payload.usda")
        s.pose(prim, s.spot(), s.turns(), s.uneven(0.2))
        if n % 2:
            s.label(prim.GetPrim(), "nut")


def _stickers(s: Nasty) -> None:
    """A table with stickers exactly in the plane of its top, overlapping each other, and one that touches its side."""
    table = UsdGeom.Xform.Define(s.stage, "/World/Table")
    s.pose(table, s.spot(-1, 1, (0.2, 0.3)), (0, 0, float(s.rng.uniform(-180, 180))))
    top = s.mesh("/World/Table/Top", CUBE * (0.7, 0.5, 0.1), CUBE_FACES)
    s.label(top.GetPrim(), "box")
    for n in range(5):
        x, y = s.rng.uniform(-0.25, 0.2, 2)
        quad = np.array([[x, y, 0.05], [x + 0.12, y, 0.05], [x + 0.12, y + 0.09, 0.05], [x, y + 0.09, 0.05]])
        sticker = s.mesh(f"/World/Table/Sticker_{n}", quad, [[0, 1, 2, 3]])
        s.label(sticker.GetPrim(), "sticker")
    side = np.array([[0.35, -0.1, -0.04], [0.35, 0.1, -0.04], [0.35, 0.1, 0.04], [0.35, -0.1, 0.04]])
    s.label(s.mesh("/World/Table/Side", side, [[0, 1, 2, 3]]).GetPrim(), "sticker")


def _fence(s: Nasty) -> None:
    """A quad with holes cut by a picture, and a solid one behind its bars."""
    quad = np.array([[-0.5, 0, 0], [0.5, 0, 0], [0.5, 0, 0.6], [-0.5, 0, 0.6]])
    for n in range(2):
        fence = s.mesh(f"/World/Fence_{n}", quad, [[0, 1, 2, 3]])
        uv = UsdGeom.PrimvarsAPI(fence).CreatePrimvar("st", Sdf.ValueTypeNames.TexCoord2fArray, "vertex")
        uv.Set([(0, 0), (1, 0), (1, 1), (0, 1)])
        s.pose(fence, s.spot(-1, 1, (0.2, 0.5)), (0, 0, float(s.rng.uniform(-60, 60))))
        _bind(s, fence.GetPrim(), "Cut")
        s.label(fence.GetPrim(), "fence")


def _extremes(s: Nasty) -> None:
    """Specks of a few millimetres, balls that reach through the floor, and one large thing that stands in the way."""
    for n in range(4):
        speck = UsdGeom.Cube.Define(s.stage, f"/World/Speck_{n}")
        speck.CreateSizeAttr(0.012 * s.u)
        s.pose(speck, s.spot(), s.turns())
        s.label(speck.GetPrim(), "speck")
    for n in range(3):
        ball = UsdGeom.Sphere.Define(s.stage, f"/World/Ball_{n}")
        ball.CreateRadiusAttr(0.18 * s.u)
        s.pose(ball, s.spot(z=(-0.05, 0.2)), scale=s.uneven() if n else (1, 1, 1))
        s.label(ball.GetPrim(), "ball")


def _moving(s: Nasty) -> None:
    """A labelled block with time samples, in a variant set that changes its shape."""
    s.stage.SetStartTimeCode(0)
    s.stage.SetEndTimeCode(24)
    shuttle = UsdGeom.Xform.Define(s.stage, "/World/Shuttle")
    s.label(shuttle.GetPrim(), "box")
    move = shuttle.AddTranslateOp(UsdGeom.XformOp.PrecisionDouble)
    move.Set(Gf.Vec3d(*s.metres((-1.2, 1.2, 0.4)).tolist()))
    for code, place in ((0, (-1.2, 1.2, 0.4)), (24, (1.2, 0.9, 0.7))):
        move.Set(Gf.Vec3d(*s.metres(place).tolist()), code)
    variants = shuttle.GetPrim().GetVariantSets().AddVariantSet("shape")
    for name, size in (("long", (0.4, 0.1, 0.1)), ("flat", (0.25, 0.25, 0.03))):
        variants.AddVariant(name)
        variants.SetVariantSelection(name)
        with variants.GetVariantEditContext():
            s.mesh("/World/Shuttle/Body", CUBE * size, CUBE_FACES)


def _clutter(s: Nasty) -> None:
    """Four files of things that no class names, to be strewn about."""
    for n in range(4):
        other = Usd.Stage.CreateNew(str(s.folder / f"clutter_{n}.usda"))
        UsdGeom.SetStageMetersPerUnit(other, s.unit)
        UsdGeom.SetStageUpAxis(other, s.up)
        root = UsdGeom.Xform.Define(other, "/Clutter")
        other.SetDefaultPrim(root.GetPrim())
        s.mesh("/Clutter/Body", CUBE * (0.05 + 0.05 * n, 0.1, 0.2), CUBE_FACES, other)
        other.Save()


def _cameras(s: Nasty) -> None:
    for k, name in enumerate(CAMERAS):
        camera = UsdGeom.Camera.Define(s.stage, f"/World/Cameras/{name}")
        angle = float(s.rng.uniform(0, 2 * np.pi)) if k else -np.pi / 2
        eye = np.array([2.6 * np.cos(angle), min(2.6 * np.sin(angle), 2.0), float(s.rng.uniform(0.8, 1.8))])
        _look(s, camera, eye, np.array([0, 0, 0.4]))
        camera.CreateFocalLengthAttr(24.0)
        camera.CreateHorizontalApertureAttr(32.0)
        camera.CreateVerticalApertureAttr(24.0)
        camera.CreateClippingRangeAttr(Gf.Vec2f(0.05 * s.u, 60 * s.u))
        prim = camera.GetPrim()
        if name == "shifted":
            camera.CreateHorizontalApertureOffsetAttr(4.0)
            camera.CreateVerticalApertureOffsetAttr(-3.0)
            camera.CreateVerticalApertureAttr(20.0)
        elif name == "near":
            camera.CreateClippingRangeAttr(Gf.Vec2f(2.2 * s.u, 4.5 * s.u))
        elif name == "parallel":
            camera.CreateProjectionAttr("orthographic")
            # Apertures are tenths of a unit: this sees about 4 m across.
            camera.CreateHorizontalApertureAttr(4.0 * s.u * 10)
            camera.CreateVerticalApertureAttr(3.0 * s.u * 10)
        elif name == "brown":
            _lens(prim, "opencv", [-0.25, 0.08, 0.003, -0.002, -0.01, 0.0, 0.0, 0.0, 0.001, 0.0, -0.001, 0.0])
        elif name == "fisheye":
            _lens(prim, "fisheye", [0.02, -0.004, 0.0, 0.0])
            camera.CreateFocalLengthAttr(12.0)
        elif name == "panorama":
            _lens(prim, "equirectangular", [])
            camera.CreateClippingRangeAttr(Gf.Vec2f(0.3 * s.u, 60 * s.u))
        elif name == "rolling":
            prim.CreateAttribute("twin:shutter:readout", Sdf.ValueTypeNames.Double).Set(0.03)
            camera.CreateShutterOpenAttr(0.0)
            camera.CreateShutterCloseAttr(0.1)
            move = prim.CreateAttribute("twin:motion:velocity", Sdf.ValueTypeNames.Double3)
            move.Set(Gf.Vec3d(2.0, 0.5, 1.0))  # metres a second, whatever the stage's unit
            turn = Gf.Vec3d(*[float(v) for v in s.rng.uniform(-60, 60, 3)])
            prim.CreateAttribute("twin:motion:angularVelocity", Sdf.ValueTypeNames.Double3).Set(turn)


def _look(s: Nasty, camera: UsdGeom.Camera, eye: np.ndarray, target: np.ndarray) -> None:
    back = (eye - target) / np.linalg.norm(eye - target)
    right = np.cross([0, 0, 1], back)
    right /= np.linalg.norm(right)
    up = np.cross(back, right)
    rows = [[*right, 0], [*up, 0], [*back, 0], [*s.metres(eye), 1]]
    camera.AddTransformOp().Set(Gf.Matrix4d(*[float(v) for row in rows for v in row]))


def _lens(prim: Usd.Prim, model: str, coefficients: Sequence[float]) -> None:
    prim.CreateAttribute("twin:lens:model", Sdf.ValueTypeNames.Token).Set(model)
    if coefficients:
        prim.CreateAttribute("twin:lens:coefficients", Sdf.ValueTypeNames.DoubleArray).Set(list(coefficients))
