"""Writes examples/randomizers/scene.usda and its distractors: the table scene that shows and tests all randomizers.

python scripts/randomizer_scene.py

Metres, Z-up; every thing stands on its origin. Plain text is made here, so no USD library is needed.
"""

import itertools
from collections.abc import Sequence
from math import cos, pi, sin
from pathlib import Path

OUT = Path(__file__).resolve().parent.parent / "examples" / "randomizers"

Point = tuple[float, float, float]
Mesh = tuple[list[Point], list[list[int]]]

HEAD = '#usda 1.0\n(\n    defaultPrim = "{prim}"\n    metersPerUnit = 1\n    upAxis = "Z"\n{more})\n\n'
TIMES = "    startTimeCode = 0\n    endTimeCode = 48\n    timeCodesPerSecond = 24\n"

COLORS = {
    "Plaster": ((0.56, 0.62, 0.62), 0.9, 0.0),
    "Floor": ((0.30, 0.27, 0.24), 0.7, 0.0),
    "Shelf": ((0.78, 0.76, 0.72), 0.6, 0.0),
    "Steel": ((0.55, 0.57, 0.60), 0.35, 1.0),
    "Crate": ((0.05, 0.22, 0.42), 0.55, 0.0),
    "Red": ((0.62, 0.06, 0.05), 0.4, 0.0),
    "Orange": ((0.80, 0.27, 0.03), 0.45, 0.0),
    "Green": ((0.06, 0.33, 0.14), 0.5, 0.0),
    "Yellow": ((0.80, 0.55, 0.05), 0.5, 0.0),
    "White": ((0.80, 0.79, 0.76), 0.25, 0.0),
    "Blue": ((0.07, 0.20, 0.50), 0.25, 0.0),
}
"""Linear base colour, roughness, metalness."""

TEXTURES = {"Carton": ("textures/carton.png", 0.8), "Wood": ("textures/wood.png", 0.55)}


def number(value: float) -> str:
    """A short decimal."""
    return f"{round(value, 4) + 0.0:g}"


def tuples(points: Sequence[Sequence[float]]) -> str:
    """`[(x, y, z), ...]`."""
    return "[" + ", ".join("(" + ", ".join(map(number, p)) + ")" for p in points) + "]"


def indent(text: str, by: int = 4) -> str:
    """The text moved to the right."""
    return "\n".join(" " * by + line if line else line for line in text.splitlines()) + "\n"


def xform(at: Point | None, turn: float = 0.0, timed: str = "") -> str:
    """Translation [m] and rotation about Z [degrees]."""
    lines, order = "", []
    if at is not None:
        lines += f"double3 xformOp:translate = ({', '.join(map(number, at))})\n"
        order.append('"xformOp:translate"')
    if turn or timed:
        lines += f"float xformOp:rotateZ = {number(turn)}\n"
        lines += f"float xformOp:rotateZ.timeSamples = {timed}\n" if timed else ""
        order.append('"xformOp:rotateZ"')
    return lines + f"uniform token[] xformOpOrder = [{', '.join(order)}]\n" if order else ""


def prim(kind: str, name: str, body: str, meta: str = "") -> str:
    """One prim with its body."""
    return f'def {kind} "{name}"{f" ({meta})" if meta else ""}\n{{\n{indent(body)}}}\n'


def shape(kind: str, name: str, body: str, material: str, *, collide: bool = True, hull: bool = False) -> str:
    """A gprim with a material and, if wanted, a collider."""
    schemas = ["MaterialBindingAPI"] + ["PhysicsCollisionAPI"] * collide + ["PhysicsMeshCollisionAPI"] * hull
    body += f"rel material:binding = </World/Looks/{material}>\n" if material else ""
    body += 'uniform token physics:approximation = "convexHull"\n' if hull else ""
    quoted = ", ".join(f'"{s}"' for s in schemas)
    return prim(kind, name, body, f"prepend apiSchemas = [{quoted}]")


def mesh_body(mesh: Mesh, uv: Sequence[Sequence[float]] | None = None) -> str:
    """Attributes of a polygon mesh; `uv` per face corner."""
    points, faces = mesh
    low, high = ([f(p[k] for p in points) for k in range(3)] for f in (min, max))
    body = f"int[] faceVertexCounts = [{', '.join(str(len(f)) for f in faces)}]\n"
    body += f"int[] faceVertexIndices = [{', '.join(str(i) for f in faces for i in f)}]\n"
    body += f"point3f[] points = {tuples(points)}\nfloat3[] extent = {tuples([low, high])}\n"
    body += 'uniform token subdivisionScheme = "none"\n'
    if uv:
        body += f'texCoord2f[] primvars:st = {tuples(uv)} (\n    interpolation = "faceVarying"\n)\n'
    return body


BOX_FACES = [[0, 2, 3, 1], [4, 5, 7, 6], [0, 1, 5, 4], [2, 6, 7, 3], [0, 4, 6, 2], [1, 3, 7, 5]]


def box(w: float, d: float, h: float, at: Point = (0, 0, 0)) -> Mesh:
    """A box that stands on `at`."""
    x, y, z = at
    corners: list[Point] = [
        (x + i * w / 2, y + j * d / 2, z + k * h) for k in (0, 1) for j in (-1, 1) for i in (-1, 1)
    ]
    return corners, [list(face) for face in BOX_FACES]


def box_shape(name: str, w: float, d: float, h: float, material: str, at: Point = (0, 0, 0)) -> str:
    """A box as a mesh with a collider; with uv where the material has a texture."""
    square = [(0, 0), (1, 0), (1, 1), (0, 1)]
    mesh = box(w, d, h, at)
    uv = [c for _ in mesh[1] for c in square] if material in TEXTURES else None
    return shape("Mesh", name, mesh_body(mesh, uv), material, hull=True)


def lathe(profile: Sequence[tuple[float, float]], sides: int) -> Mesh:
    """A profile of (radius, height), from the axis to the axis, turned about Z; seen from outside counter-clockwise."""
    points: list[Point] = []
    rings: list[list[int]] = []
    for radius, height in profile:
        count = sides if radius > 0 else 1
        rings.append([len(points) + k for k in range(count)])
        turns = [2 * pi * k / sides for k in range(count)]
        points += [(radius * cos(a), radius * sin(a), height) for a in turns]
    faces = []
    for low, high in itertools.pairwise(rings):
        for k in range(sides):
            corners = [
                low[k % len(low)],
                low[(k + 1) % len(low)],
                high[(k + 1) % len(high)],
                high[k % len(high)],
            ]
            faces.append(list(dict.fromkeys(corners)))
    return points, faces


def tube(
    path: Sequence[Point], sideways: Point, outward: Sequence[Point], radius: float, sides: int, closed: bool
) -> Mesh:
    """A round tube along a flat path; `sideways` is across its plane, `outward` away from its centre."""
    points: list[Point] = []
    for at, out in zip(path, outward, strict=True):
        for k in range(sides):
            c, s = radius * cos(2 * pi * k / sides), radius * sin(2 * pi * k / sides)
            points.append(tuple(a + c * o + s * w for a, o, w in zip(at, out, sideways, strict=True)))  # type: ignore[arg-type]
    faces = []
    for i in range(len(path) - (not closed)):
        j = (i + 1) % len(path)
        for k in range(sides):
            m = (k + 1) % sides
            faces.append([i * sides + k, i * sides + m, j * sides + m, j * sides + k])
    return points, faces


def joined(a: Mesh, b: Mesh) -> Mesh:
    """Both meshes as one."""
    return a[0] + b[0], a[1] + [[i + len(a[0]) for i in face] for face in b[1]]


def mug_mesh() -> Mesh:
    """A mug, 0.08 m wide and 0.095 m high, with a handle on +X."""
    cup = lathe(
        [(0, 0), (0.036, 0), (0.04, 0.006), (0.04, 0.095), (0.036, 0.095), (0.035, 0.008), (0, 0.006)], 20
    )
    turns = [-pi / 2 + pi * k / 7 for k in range(8)]
    path: list[Point] = [(0.038 + 0.03 * cos(a), 0, 0.05 + 0.03 * sin(a)) for a in turns]
    out: list[Point] = [(cos(a), 0, sin(a)) for a in turns]
    return joined(cup, tube(path, (0, 1, 0), out, 0.006, 6, closed=False))


LABELLED = '"SemanticsLabelsAPI:class"'


def thing(
    name: str, label: str, at: Point, body: str, turn: float = 0.0, more: str = "", solid: bool = True
) -> str:
    """A loose, labelled object."""
    schemas = f'[{LABELLED}, "PhysicsRigidBodyAPI", "PhysicsMassAPI"]' if solid else f"[{LABELLED}]"
    text = f'token[] semantics:labels:class = ["{label}"]\n' + (
        "float physics:density = 400\n" if solid else ""
    )
    return prim(
        "Xform",
        name,
        text + xform(at, turn) + body,
        f'kind = "component"; prepend apiSchemas = {schemas}{more}',
    )


def fixture(name: str, at: Point, body: str, timed: str = "") -> str:
    """Something that is no object of a class."""
    return prim("Xform", name, xform(at, timed=timed) + body, 'kind = "component"')


def variants(name: str, choice: str, options: dict[str, str]) -> tuple[str, str]:
    """(metadata, body) of a variant set."""
    meta = f'; variants = {{ string {name} = "{choice}" }}; prepend variantSets = ["{name}"]'
    inner = "".join(f'"{key}" {{\n{indent(text)}}}\n' for key, text in options.items())
    return meta, f'variantSet "{name}" = {{\n{indent(inner)}}}\n'


def round_shape(kind: str, name: str, radius: float, height: float, material: str) -> str:
    """A Cylinder or Cone that stands on its origin."""
    extent = tuples([(-radius, -radius, -height / 2), (radius, radius, height / 2)])
    body = f'uniform token axis = "Z"\ndouble radius = {radius}\ndouble height = {height}\nfloat3[] extent = {extent}\n'
    return shape(kind, name, body + xform((0, 0, height / 2)), material)


def ball_shape(name: str, radius: float, material: str) -> str:
    """A Sphere that stands on its origin."""
    extent = tuples([(-radius,) * 3, (radius,) * 3])
    return shape(
        "Sphere",
        name,
        f"double radius = {radius}\nfloat3[] extent = {extent}\n" + xform((0, 0, radius)),
        material,
    )


def room() -> str:
    """A floor, a wall and a table whose top is at 0.75 m."""
    floor = shape(
        "Mesh",
        "Floor",
        mesh_body(([(-6, -4, 0), (6, -4, 0), (6, 1.2, 0), (-6, 1.2, 0)], [[0, 1, 2, 3]])),
        "Floor",
    )
    wall = shape(
        "Mesh",
        "Wall",
        mesh_body(([(-6, 1.2, 0), (6, 1.2, 0), (6, 1.2, 2.8), (-6, 1.2, 2.8)], [[0, 1, 2, 3]])),
        "Plaster",
    )
    legs = "".join(
        box_shape(f"Leg_{i}", 0.06, 0.06, 0.71, "Steel", (x, y, 0))
        for i, (x, y) in enumerate([(-0.75, -0.35), (0.75, -0.35), (-0.75, 0.35), (0.75, 0.35)])
    )
    return (
        floor
        + wall
        + fixture("Table", (0, 0, 0), box_shape("Top", 1.6, 0.8, 0.04, "Wood", (0, 0, 0.71)) + legs)
    )


def furniture() -> str:
    """A shelf with two boards behind the table, and an open crate on it."""
    boards = box_shape("Board_Low", 1.3, 0.26, 0.02, "Shelf", (0, 0, 0)) + box_shape(
        "Board_High", 1.3, 0.26, 0.02, "Shelf", (0, 0, 0.36)
    )
    sides = "".join(
        box_shape(f"Side_{i}", 0.02, 0.26, 0.70, "Shelf", (x, 0, 0)) for i, x in enumerate((-0.66, 0.66))
    )
    w, d, h, t = 0.42, 0.30, 0.14, 0.012
    crate = box_shape("Bottom", w, d, t, "Crate")
    for name, sx, sy, x, y in (
        ("Left", t, d, -w / 2 + t / 2, 0), ("Right", t, d, w / 2 - t / 2, 0),
        ("Front", w - 2 * t, t, 0, -d / 2 + t / 2), ("Back", w - 2 * t, t, 0, d / 2 - t / 2),
    ):  # fmt: skip
        crate += box_shape(name, sx, sy, h - t, "Crate", (x, y, t))
    disc = round_shape("Cylinder", "Plate", 0.14, 0.02, "Steel")
    cone = thing(
        "Cone_A", "cone", (0.06, 0.03, 0.02), round_shape("Cone", "Body", 0.05, 0.13, "Orange"), solid=False
    )
    turning = "{ 0: 0, 48: 360 }"
    return (
        fixture("Shelf", (0, 0.98, 0.95), boards + sides)
        + fixture("Crate", (-0.48, 0.1, 0.75), crate)
        + fixture("Turntable", (0.18, 0.16, 0.75), disc + cone, turning)
    )


def things() -> str:
    """The labelled objects: five classes."""
    sizes = {
        key: box_shape("Body", *size, "Carton")
        for key, size in {
            "small": (0.12, 0.09, 0.08),
            "medium": (0.18, 0.13, 0.11),
            "large": (0.26, 0.18, 0.15),
        }.items()
    }
    meta, size_body = variants("size", "medium", sizes)
    glazes = {
        k: f'over "Body"\n{{\n    rel material:binding = </World/Looks/{k.title()}>\n}}\n'
        for k in ("white", "blue", "red")
    }
    mugs = ""
    for name, glaze, at, turn in (
        ("Mug_A", "white", (-0.12, -0.2, 0.75), 200.0),
        ("Mug_B", "blue", (0.35, 0.95, 0.97), -40.0),
    ):
        glaze_meta, glaze_body = variants("glaze", glaze, glazes)
        reference = "; prepend references = </_Mug>"
        mugs += thing(name, "mug", at, glaze_body, turn, glaze_meta + reference)
    return (
        thing("Box_A", "box", (0.05, -0.08, 0.75), size_body, 25, meta)
        + thing("Box_B", "box", (-0.4, 0.95, 0.97), box_shape("Body", 0.2, 0.15, 0.13, "Carton"), 8)
        + thing("Box_C", "box", (-0.62, -0.24, 0.75), box_shape("Body", 0.1, 0.1, 0.1, "Green"), 40)
        + thing("Tin_A", "tin", (0.3, -0.2, 0.75), round_shape("Cylinder", "Body", 0.037, 0.11, "Red"))
        + thing("Tin_B", "tin", (-0.05, 0.95, 0.97), round_shape("Cylinder", "Body", 0.05, 0.08, "Steel"))
        + thing("Ball_A", "ball", (-0.42, 0.1, 0.762), ball_shape("Body", 0.06, "Yellow"))
        + mugs
    )


def peas() -> str:
    """A PointInstancer: small balls on the upper board."""
    places = [(-0.45 + 0.13 * k, 0.95 + 0.04 * (-1) ** k, 1.33) for k in range(8)]
    ball = prim(
        "Xform", "Marble",
        'token[] semantics:labels:class = ["ball"]\n' + ball_shape("Body", 0.03, "Green"),
        f'kind = "component"; prepend apiSchemas = [{LABELLED}]',
    )  # fmt: skip
    body = (
        "rel prototypes = </World/Marbles/Marble>\n"
        + f"int[] protoIndices = [{', '.join('0' for _ in places)}]\n"
    )
    body += f"int64[] ids = [{', '.join(str(100 + k) for k in range(len(places)))}]\npoint3f[] positions = {tuples(places)}\n"
    return prim("PointInstancer", "Marbles", body + ball)


def joint(
    kind: str, name: str, a: str, b: str, at: tuple[Point, Point], axis: str, low: float, high: float
) -> str:
    """A joint between two links, with limits [degrees or m]."""
    body = f"rel physics:body0 = </World/Arm/{a}>\n" if a else ""
    body += f'rel physics:body1 = </World/Arm/{b}>\nuniform token physics:axis = "{axis}"\n'
    for i, place in enumerate(at):
        body += f"point3f physics:localPos{i} = ({', '.join(map(number, place))})\nquatf physics:localRot{i} = (1, 0, 0, 0)\n"
    if kind != "Fixed":
        body += f"float physics:lowerLimit = {low}\nfloat physics:upperLimit = {high}\n"
    return prim(f"Physics{kind}Joint", name, body)


def arm() -> str:
    """A small arm: a turning post, a lifting boom and a sliding tip."""

    def link(name: str, at: Point, body: str) -> str:
        return prim("Xform", name, xform(at) + body, 'prepend apiSchemas = ["PhysicsRigidBodyAPI"]')

    x, y, z = 0.6, 0.12, 0.75
    base = round_shape("Cylinder", "Body", 0.07, 0.04, "Steel")
    post = round_shape("Cylinder", "Body", 0.035, 0.22, "Orange")
    boom = box_shape("Body", 0.26, 0.045, 0.045, "Orange", (-0.13, 0, -0.0225))
    tip = box_shape("Body", 0.12, 0.025, 0.025, "Steel", (-0.06, 0, -0.0125))
    links = link("Base", (x, y, z), base) + link("Post", (x, y, z + 0.04), post)
    links += link("Boom", (x, y - 0.06, z + 0.22), boom) + link("Tip", (x - 0.24, y - 0.06, z + 0.22), tip)
    joints = (
        joint("Fixed", "Stand", "", "Base", ((x, y, z), (0, 0, 0)), "Z", 0, 0)
        + joint("Revolute", "Turn", "Base", "Post", ((0, 0, 0.04), (0, 0, 0)), "Z", -100, 60)
        + joint("Revolute", "Lift", "Post", "Boom", ((0, -0.06, 0.18), (0, 0, 0)), "Y", -20, 50)
        + joint("Prismatic", "Reach", "Boom", "Tip", ((-0.24, 0, 0), (0, 0, 0)), "X", -0.03, 0.09)
    )
    return prim(
        "Xform",
        "Arm",
        links + joints,
        'kind = "component"; prepend apiSchemas = ["PhysicsArticulationRootAPI"]',
    )


def look_at(eye: Point, target: Point) -> str:
    """A camera's or lamp's matrix in USD's row-vector form: it looks along its -z."""

    def unit(v: Sequence[float]) -> Point:
        length = sum(c * c for c in v) ** 0.5
        return (v[0] / length, v[1] / length, v[2] / length)

    def cross(a: Point, b: Point) -> Point:
        return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])

    back = unit([e - t for e, t in zip(eye, target, strict=True)])
    right = unit(cross((0, 0, 1), back) if abs(back[2]) < 0.999 else (1, 0, 0))
    rows = [(*right, 0), (*cross(back, right), 0), (*back, 0), (*eye, 1)]
    text = ", ".join("(" + ", ".join(f"{c:.6g}" for c in row) + ")" for row in rows)
    return f'matrix4d xformOp:transform = ( {text} )\nuniform token[] xformOpOrder = ["xformOp:transform"]\n'


def lights_and_cameras() -> str:
    """A sky, a window, a lamp; a camera in front and one at the side."""
    lights = prim(
        "DomeLight", "Sky", "float inputs:intensity = 0.7\ncolor3f inputs:color = (0.85, 0.92, 1)\n"
    )
    lights += prim(
        "RectLight", "Lamp",
        "float inputs:width = 1.2\nfloat inputs:height = 0.5\nfloat inputs:intensity = 14\n"
        "bool inputs:enableColorTemperature = 1\nfloat inputs:colorTemperature = 4500\n"
        + look_at((-0.9, -0.8, 2.5), (0, 0.1, 0.75)),
    )  # fmt: skip
    sun = "float inputs:intensity = 2\nfloat inputs:angle = 2\ncolor3f inputs:color = (1, 0.93, 0.82)\n"
    lights += prim("DistantLight", "Sun", sun + look_at((1.6, -2.2, 3), (0, 0, 0)))
    cameras = "".join(
        prim(
            "Camera", name,
            f"float focalLength = {focal}\nfloat horizontalAperture = 36\nfloat verticalAperture = 27\n"
            "float2 clippingRange = (0.05, 50)\n" + look_at(eye, target),
        )
        for name, focal, eye, target in (
            ("Front", 38, (0.1, -1.9, 1.62), (0.0, 0.25, 0.93)),
            ("Side", 30, (-1.5, -1.1, 1.55), (0.05, 0.2, 0.85)),
        )
    )  # fmt: skip
    return prim("Scope", "Lights", lights) + prim("Scope", "Cameras", cameras)


def looks(
    colors: dict[str, tuple[Point, float, float]], textures: dict[str, tuple[str, float]], root: str
) -> str:
    """Materials below `root`/Looks."""
    text = ""
    for name, (color, roughness, metallic) in colors.items():
        surface = f"color3f inputs:diffuseColor = ({', '.join(map(number, color))})\n"
        text += _material(f"{root}/Looks", name, surface, roughness, metallic, "")
    for name, (path, roughness) in textures.items():
        here = f"{root}/Looks/{name}"
        surface = f"color3f inputs:diffuseColor.connect = <{here}/Picture.outputs:rgb>\n"
        picture = f'uniform token info:id = "UsdUVTexture"\nasset inputs:file = @{path}@\n'
        picture += f"float2 inputs:st.connect = <{here}/Place.outputs:result>\nfloat3 outputs:rgb\n"
        place = 'uniform token info:id = "UsdPrimvarReader_float2"\nstring inputs:varname = "st"\nfloat2 outputs:result\n'
        more = prim("Shader", "Picture", picture) + prim("Shader", "Place", place)
        text += _material(f"{root}/Looks", name, surface, roughness, 0, more)
    return prim("Scope", "Looks", text)


def _material(parent: str, name: str, surface: str, roughness: float, metallic: float, more: str) -> str:
    body = f'uniform token info:id = "UsdPreviewSurface"\n{surface}float inputs:roughness = {roughness}\n'
    body += f"float inputs:metallic = {number(metallic)}\ntoken outputs:surface\n"
    connect = f"token outputs:surface.connect = <{parent}/{name}/Surface.outputs:surface>\n"
    return prim("Material", name, connect + prim("Shader", "Surface", body) + more)


def scene() -> str:
    """The whole stage."""
    keypoints = {
        "base": (0, 0, 0),
        "handle": (0.068, 0, 0.05),
        "rim_near_handle": (0.04, 0, 0.095),
        "rim_opposite": (-0.04, 0, 0.095),
    }
    marks = "".join(
        f"custom point3f twin:keypoint:{k} = ({', '.join(map(number, p))})\n" for k, p in keypoints.items()
    )
    mug = marks + shape("Mesh", "Body", mesh_body(mug_mesh()), "", hull=True)
    inside = room() + furniture() + prim("Scope", "Things", things()) + peas() + arm() + lights_and_cameras()
    world = prim("Xform", "World", inside + looks(COLORS, TEXTURES, "/World"), 'kind = "assembly"')
    return HEAD.format(prim="World", more=TIMES) + f'class Xform "_Mug"\n{{\n{indent(mug)}}}\n\n' + world


def distractors() -> dict[str, str]:
    """Small things without a label, each a file."""
    turns = [2 * pi * k / 14 for k in range(14)]
    ring_path: list[Point] = [(0.05 * cos(a), 0.05 * sin(a), 0.015) for a in turns]
    ring = tube(ring_path, (0, 0, 1), [(cos(a), sin(a), 0) for a in turns], 0.015, 8, closed=True)
    star_edge = [
        (r * cos(k * pi / 5), r * sin(k * pi / 5)) for k in range(10) for r in [0.06 if k % 2 == 0 else 0.028]
    ]
    star: Mesh = (
        [(x, y, z) for z in (0, 0.025) for x, y in star_edge] + [(0, 0, 0), (0, 0, 0.025)],
        [[k, k2, k2 + 10, k + 10] for k in range(10) for k2 in [(k + 1) % 10]]
        + [[k2, k, 20] for k in range(10) for k2 in [(k + 1) % 10]]
        + [[k + 10, k2 + 10, 21] for k in range(10) for k2 in [(k + 1) % 10]],
    )
    bolt = lathe(
        [(0, 0), (0.03, 0), (0.03, 0.022), (0.014, 0.022), (0.014, 0.09), (0.01, 0.095), (0, 0.095)], 6
    )
    wedge: Mesh = (
        [
            (-0.06, -0.04, 0),
            (0.06, -0.04, 0),
            (0.06, 0.04, 0),
            (-0.06, 0.04, 0),
            (0.06, -0.04, 0.07),
            (0.06, 0.04, 0.07),
        ],
        [[0, 3, 2, 1], [1, 2, 5, 4], [0, 4, 5, 3], [0, 1, 4], [3, 5, 2]],
    )
    colors = {
        "ring": (0.35, 0.05, 0.3),
        "star": (0.75, 0.6, 0.08),
        "bolt": (0.5, 0.5, 0.52),
        "wedge": (0.05, 0.35, 0.35),
    }
    out = {}
    for name, mesh in {"ring": ring, "star": star, "bolt": bolt, "wedge": wedge}.items():
        title = name.title()
        body = mesh_body(mesh) + f"rel material:binding = </{title}/Looks/Paint>\n"
        inner = prim("Mesh", "Body", body, 'prepend apiSchemas = ["MaterialBindingAPI"]')
        paint = {"Paint": (colors[name], 0.45, 1.0 if name == "bolt" else 0.0)}
        text = prim("Xform", title, inner + looks(paint, {}, f"/{title}"))
        out[name] = HEAD.format(prim=title, more="") + text
    return out


def main() -> None:
    """All files."""
    (OUT / "distractors").mkdir(parents=True, exist_ok=True)
    (OUT / "scene.usda").write_text(scene(), "utf-8")
    for name, text in distractors().items():
        (OUT / "distractors" / f"{name}.usda").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
