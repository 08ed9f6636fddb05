"""The stage and the parts of examples/bin_picking, written from their measures: python scripts/bin_picking_scene.py

Shapes are turned (a profile about the z axis) or extruded rings (an outline with a hole), in metres. Corners that are sharper
than `CREASE` stay sharp. Key points are places on the parts that a gripper or a pose estimator asks for.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parent.parent / "examples" / "bin_picking"
CREASE = np.cos(np.radians(40))

Faces = list[tuple[int, ...]]
Shape = tuple[np.ndarray, Faces]
Outline = Callable[[np.ndarray], np.ndarray]
"""Radius [m] by angle [rad]."""

MATERIALS = {
    "Zinc": ((0.66, 0.67, 0.69), 1.0, 0.32),
    "DarkSteel": ((0.30, 0.31, 0.33), 1.0, 0.38),
    "Brass": ((0.83, 0.62, 0.27), 1.0, 0.28),
    "Orange": ((0.78, 0.21, 0.03), 0.0, 0.38),
    "Blue": ((0.03, 0.15, 0.38), 0.0, 0.45),
    "Bench": ((0.20, 0.21, 0.215), 0.0, 0.5),
    "Wall": ((0.55, 0.57, 0.58), 0.0, 0.9),
}
"""Linear rgb, metallic, roughness."""


# --- shapes -------------------------------------------------------------------------------------------------------


def loops(rings: Sequence[np.ndarray], *, closed: bool) -> Shape:
    """Quads between rings of equally many points f8[n, 3], each next one inward or upward; `closed`: last to first."""
    count = len(rings[0])
    faces: Faces = []
    for ring in range(len(rings) if closed else len(rings) - 1):
        low, high = ring * count, (ring + 1) % len(rings) * count
        faces += [(low + k, low + (k + 1) % count, high + (k + 1) % count, high + k) for k in range(count)]
    return np.concatenate(rings), faces


def turned(profile: Sequence[tuple[float, float]], sides: int = 48) -> Shape:
    """A profile of (radius, z), bottom to top on the outside; it begins and ends on the axis, or returns on the inside."""
    angle = np.arange(sides) * 2 * np.pi / sides
    rings = [np.stack([r * np.cos(angle), r * np.sin(angle), np.full(sides, z)], -1) for r, z in profile]
    if profile[0][0] > 0:
        return loops(rings, closed=True)
    points, faces = loops(rings[1:-1], closed=False)
    bottom, top, last = len(points), len(points) + 1, len(points) - sides
    faces += [((k + 1) % sides, k, bottom) for k in range(sides)]
    faces += [(last + k, last + (k + 1) % sides, top) for k in range(sides)]
    ends = [[0.0, 0.0, profile[0][1]], [0.0, 0.0, profile[-1][1]]]
    return np.concatenate([points, ends]), faces


def even(sides: int) -> np.ndarray:
    """So many angles, equally far apart [rad]."""
    return np.arange(sides) * 2 * np.pi / sides


def corners(half_x: float, half_y: float, corner: float, x: float = 0.0, more: int = 0) -> np.ndarray:
    """Angles of points on the round corners of a `rounded` outline [rad], and `more` of them equally far apart."""
    arc = np.linspace(0, np.pi / 2, 9)
    found = [
        np.arctan2(
            sy * (half_y - corner + corner * np.sin(arc)), sx * (half_x - corner + corner * np.cos(arc)) - x
        )
        for sx in (1, -1)
        for sy in (1, -1)
    ]
    angles = np.concatenate([*found, even(more)]) % (2 * np.pi)
    return np.unique(angles.round(6))


def extruded(
    outer: Outline, inner: Outline, low: float, high: float, bevel: float, angle: np.ndarray
) -> Shape:
    """A ring from z = low to high between two outlines, with its outer edges broken; corners at those angles [rad]."""

    def ring(outline: Outline, z: float, less: float = 0.0) -> np.ndarray:
        radius = outline(angle) - less
        return np.stack([radius * np.cos(angle), radius * np.sin(angle), np.full(len(angle), z)], -1)

    edge = [(low, bevel), (low + bevel, 0.0), (high - bevel, 0.0), (high, bevel)]
    rings = [ring(outer, z, less) for z, less in edge]
    rings += [ring(inner, high, -bevel / 2), ring(inner, high - bevel / 2), ring(inner, low + bevel / 2)]
    rings += [ring(inner, low, -bevel / 2)]
    return loops(rings, closed=True)


def circle(radius: float) -> Outline:
    """A round outline."""
    return lambda angle: np.full_like(angle, radius)


def hexagon(flats: float) -> Outline:
    """A hexagon, `flats` across."""
    return lambda angle: flats / 2 / np.cos((angle + np.pi / 6) % (np.pi / 3) - np.pi / 6)


def teeth(count: int, root: float, tip: float) -> Outline:
    """A gear's outline with trapezoid teeth."""
    return lambda angle: root + (tip - root) * np.clip(1.6 * np.cos(count * angle) + 0.5, 0.0, 1.0)


def rounded(half_x: float, half_y: float, corner: float, x: float = 0.0) -> Outline:
    """A rectangle with round corners, seen from a point `x` beside its middle."""

    def radius(angle: np.ndarray) -> np.ndarray:
        far = np.full_like(angle, 1.0)
        for _ in range(60):  # the distance to a rounded box along each ray, by stepping to its surface
            px, py = far * np.cos(angle) + x, far * np.sin(angle)
            qx, qy = np.abs(px) - half_x + corner, np.abs(py) - half_y + corner
            gap = np.hypot(np.maximum(qx, 0), np.maximum(qy, 0)) + np.minimum(np.maximum(qx, qy), 0) - corner
            far = far - 0.9 * gap
        return far

    return radius


def placed(shape: Shape, matrix: np.ndarray) -> Shape:
    """A shape through a matrix f8[4, 4]."""
    return shape[0] @ matrix[:3, :3].T + matrix[:3, 3], shape[1]


# --- text ---------------------------------------------------------------------------------------------------------


def number(value: float) -> str:
    """Shortest text of a number to a hundredth of a millimetre."""
    return f"{value:.5f}".rstrip("0").rstrip(".") if abs(value) > 5e-6 else "0"


def tuples(rows: np.ndarray) -> str:
    """`[(x, y, z), ...]`."""
    return "[" + ", ".join("(" + ", ".join(number(float(v)) for v in row) + ")" for row in rows) + "]"


def corner_normals(points: np.ndarray, faces: Faces) -> np.ndarray:
    """A normal for each corner of each face: the mean over the faces there that bend away by less than the crease."""
    own = []
    around: dict[int, list[int]] = {}
    for number_, face in enumerate(faces):
        a, b, c = points[face[0]], points[face[1]], points[face[2]]
        d = points[face[3]] if len(face) == 4 else c
        normal = np.cross(c - a, d - b) if len(face) == 4 else np.cross(b - a, c - a)
        own.append(normal / max(float(np.linalg.norm(normal)), 1e-30))
        for corner in face:
            around.setdefault(corner, []).append(number_)
    normals = np.array(own)
    out = []
    for number_, face in enumerate(faces):
        for corner in face:
            near = [n for n in around[corner] if normals[n] @ normals[number_] > CREASE]
            mean = normals[near].sum(0)
            out.append(mean / np.linalg.norm(mean))
    return np.array(out)


def mesh(name: str, shape: Shape, look: str, indent: str = "    ") -> str:
    """A Mesh prim."""
    points, faces = shape
    lines = [
        f'def Mesh "{name}" (prepend apiSchemas = ["MaterialBindingAPI"])',
        "{",
        f"    int[] faceVertexCounts = {[len(face) for face in faces]}",
        f"    int[] faceVertexIndices = {[corner for face in faces for corner in face]}",
        f"    point3f[] points = {tuples(points)}",
        f"    normal3f[] normals = {tuples(corner_normals(points, faces).round(3))} (",
        '        interpolation = "faceVarying"',
        "    )",
        f"    float3[] extent = {tuples(np.stack([points.min(0), points.max(0)]))}",
        '    uniform token subdivisionScheme = "none"',
        f"    rel material:binding = <{look}>",
        "}",
    ]
    return "\n".join(indent + line for line in lines) + "\n"


def material(name: str, parent: str, indent: str = "        ") -> str:
    """A UsdPreviewSurface."""
    (r, g, b), metallic, roughness = MATERIALS[name]
    lines = [
        f'def Material "{name}"',
        "{",
        f"    token outputs:surface.connect = <{parent}/{name}/Surface.outputs:surface>",
        '    def Shader "Surface"',
        "    {",
        '        uniform token info:id = "UsdPreviewSurface"',
        f"        color3f inputs:diffuseColor = ({r}, {g}, {b})",
        f"        float inputs:metallic = {metallic}",
        f"        float inputs:roughness = {roughness}",
        "        token outputs:surface",
        "    }",
        "}",
    ]
    return "\n".join(indent + line for line in lines) + "\n"


def header(default: str, doc: str) -> str:
    """The head of a layer."""
    return (
        f'#usda 1.0\n(\n    defaultPrim = "{default}"\n    doc = """{doc}"""\n    kilogramsPerUnit = 1\n'
        '    metersPerUnit = 1\n    upAxis = "Z"\n)\n\n'
    )


def part(
    name: str,
    doc: str,
    shapes: dict[str, Shape],
    look: str,
    density: float,
    keypoints: dict[str, Sequence[float]],
) -> str:
    """A part's file."""
    root = name.capitalize()
    out = header(root, doc)
    out += f'def Xform "{root}" (\n    kind = "component"\n'
    out += '    prepend apiSchemas = ["SemanticsLabelsAPI:class", "PhysicsRigidBodyAPI", "PhysicsMassAPI"]\n)\n{\n'
    out += f'    token[] semantics:labels:class = ["{name}"]\n    float physics:density = {density}\n'
    for key, place in keypoints.items():
        out += f"    custom point3f twin:keypoint:{key} = {tuples(np.array([place]))[1:-1]}\n"
    for prim, shape in shapes.items():
        out += mesh(prim, shape, f"/{root}/Looks/{look}")
    out += f'    def Scope "Looks"\n    {{\n{material(look, f"/{root}/Looks")}    }}\n}}\n'
    return out


# --- parts --------------------------------------------------------------------------------------------------------


def bolt() -> str:
    """M16 x 60, head 24 across flats."""
    thread = [(0.0, -0.060), (0.0066, -0.060)]
    for turn in range(17):
        z = -0.0585 + 0.002 * turn
        thread += [(0.0080, z), (0.0071, z + 0.001)]
    shaft = turned([*thread, (0.0080, -0.0240), (0.0080, 0.001), (0.0, 0.001)], 32)
    head = extruded(hexagon(0.024), circle(0.003), 0.0, 0.010, 0.0010, even(48))
    cap = turned([(0.0, 0.0), (0.0035, 0.0), (0.0035, 0.0096), (0.0, 0.0096)], 48)
    keypoints = {"head": (0, 0, 0.010), "neck": (0, 0, 0), "tip": (0, 0, -0.060)}
    shapes = {"Head": head, "Cap": cap, "Shaft": shaft}
    return part("bolt", "A hexagon bolt M16 x 60. Origin: under its head.", shapes, "Zinc", 7800, keypoints)


def gear() -> str:
    """Eighteen teeth, 70 mm."""
    rim = extruded(teeth(18, 0.0300, 0.0350), circle(0.0135), 0.0, 0.014, 0.0008, even(18 * 14))
    hub = extruded(circle(0.0155), circle(0.0080), -0.002, 0.022, 0.0010, even(64))
    keypoints = {"hub": (0, 0, 0.022), "face": (0, 0, -0.002), "tooth": (0.035, 0, 0.007)}
    doc = "A spur gear with eighteen teeth. Origin: on its axis, in the face of the rim."
    return part("gear", doc, {"Rim": rim, "Hub": hub}, "DarkSteel", 7800, keypoints)


def bushing() -> str:
    """A flanged bushing."""
    profile = [
        (0.0105, 0.0005),
        (0.0110, 0.0),
        (0.0232, 0.0),
        (0.0240, 0.0008),
        (0.0240, 0.0050),
        (0.0234, 0.0056),
    ]
    profile += [
        (0.0160, 0.0056),
        (0.0152, 0.0064),
        (0.0152, 0.0380),
        (0.0142, 0.0390),
        (0.0110, 0.0390),
        (0.0105, 0.0385),
    ]
    keypoints = {"flange": (0, 0, 0), "end": (0, 0, 0.039)}
    doc = "A flanged bushing of brass. Origin: on its axis, in the face of the flange."
    return part("bushing", doc, {"Body": turned(profile, 64)}, "Brass", 8500, keypoints)


def bracket() -> str:
    """An angle with two holes."""
    angle = corners(0.032, 0.022, 0.006, 0.008, more=32)
    plate = extruded(rounded(0.032, 0.022, 0.006, 0.008), circle(0.0058), -0.0025, 0.0025, 0.0006, angle)
    flat = np.eye(4)
    flat[:3, 3] = (0.024, 0, 0.0025)
    upright = np.array([[0.0, 0, 1, 0.0025 - 0.0134], [0, -1, 0, 0], [1, 0, 0, 0.0240], [0, 0, 0, 1]])
    shapes = {"Foot": placed(plate, flat), "Wall": placed(plate, upright)}
    keypoints = {"corner": (-0.0134, 0, 0), "foot_hole": (0.024, 0, 0.005), "wall_hole": (-0.0084, 0, 0.024)}
    doc = "A painted angle bracket with two holes. Origin: under its foot, near the bend."
    return part("bracket", doc, shapes, "Orange", 2700, keypoints)


PARTS = {"bolt": (bolt, 10), "gear": (gear, 6), "bushing": (bushing, 9), "bracket": (bracket, 8)}
"""Each with how many of them the scene has."""


# --- the scene ----------------------------------------------------------------------------------------------------


def bin_() -> str:
    """A tote of 400 x 300 mm with round corners, as one would buy it."""
    angle = corners(0.196, 0.146, 0.03)
    walls = extruded(rounded(0.196, 0.146, 0.03), rounded(0.191, 0.141, 0.025), 0.002, 0.140, 0.001, angle)
    rim = extruded(rounded(0.206, 0.156, 0.04), rounded(0.194, 0.144, 0.028), 0.132, 0.140, 0.002, angle)
    rib = extruded(rounded(0.201, 0.151, 0.035), rounded(0.194, 0.144, 0.028), 0.085, 0.091, 0.0015, angle)
    flat = rounded(0.195, 0.145, 0.029)(angle)
    ring = np.stack([flat * np.cos(angle), flat * np.sin(angle)], -1)
    count = len(angle)
    points = np.concatenate([np.column_stack([ring, np.full(count, z)]) for z in (0.0, 0.005)])
    faces: Faces = [(k, (k + 1) % count, count + (k + 1) % count, count + k) for k in range(count)]
    faces += [tuple(reversed(range(count))), tuple(range(count, 2 * count))]
    floor = (points, faces)
    parts = {"Walls": walls, "Rim": rim, "Rib": rib, "Floor": floor}
    out = '    def Xform "Bin" (kind = "component")\n    {\n'
    return out + "".join(mesh(n, s, "/Cell/Looks/Blue", "        ") for n, s in parts.items()) + "    }\n"


def slab(name: str, low: Sequence[float], high: Sequence[float], look: str) -> str:
    """A box."""
    a, b = np.array(low), np.array(high)
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
    faces: Faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    return mesh(name, (a + corners * (b - a), faces), f"/Cell/Looks/{look}")


def light(
    name: str,
    eye: Sequence[float],
    target: Sequence[float],
    size: tuple[float, float],
    level: float,
    kelvin: float,
) -> str:
    """A rectangular light that shines from `eye` to `target`."""
    back = np.array(eye, float) - np.array(target, float)
    back /= np.linalg.norm(back)
    right = np.cross([0.0, 0.1, 1.0], back)
    right /= np.linalg.norm(right)
    rows = np.eye(4)
    rows[:3, :3], rows[3, :3] = np.stack([right, np.cross(back, right), back]), eye
    matrix = ", ".join("(" + ", ".join(number(float(v)) for v in row) + ")" for row in rows)
    return (
        f'        def RectLight "{name}"\n        {{\n            float inputs:width = {size[0]}\n'
        f"            float inputs:height = {size[1]}\n            float inputs:intensity = {level}\n"
        f"            bool inputs:enableColorTemperature = 1\n            float inputs:colorTemperature = {kelvin}\n"
        f"            matrix4d xformOp:transform = ( {matrix} )\n"
        '            uniform token[] xformOpOrder = ["xformOp:transform"]\n        }\n'
    )


def scene() -> str:
    """The stage: a bench, a tote on it, and all parts in rows beside it, waiting to be dropped."""
    doc = "A tote on a bench, and loose parts beside it; recipe.yaml drops them in. Written by scripts/bin_picking_scene.py."
    out = header("Cell", doc) + 'def Xform "Cell" (kind = "assembly")\n{\n'
    out += slab("Bench", (-0.9, -0.6, -0.04), (0.9, 0.6, 0.0), "Bench")
    out += slab("Back", (-4.0, 1.6, -1.0), (4.0, 1.7, 2.5), "Wall") + slab(
        "Ground", (-4, -4, -0.95), (4, 4, -0.9), "Wall"
    )
    out += bin_() + '    def Scope "Parts"\n    {\n'
    for row, (name, (_, count)) in enumerate(PARTS.items()):
        for i in range(count):
            out += (
                f'        def Xform "{name.capitalize()}_{i + 1:02d}" (\n            instanceable = true\n'
                f"            prepend references = @parts/{name}.usda@\n        )\n        {{\n"
                f"            double3 xformOp:translate = ({0.3 + 0.1 * row:.2f}, {-0.45 + 0.09 * i:.2f}, 0.07)\n"
                '            uniform token[] xformOpOrder = ["xformOp:translate"]\n        }\n'
            )
    out += '    }\n    def Scope "Lights"\n    {\n'
    out += light("Softbox", (-0.5, -0.3, 1.3), (0, 0, 0), (0.9, 0.6), 13, 5200)
    out += light("Window", (1.3, 0.7, 0.9), (0, 0, 0.05), (0.8, 0.8), 7, 7000)
    out += '        def DomeLight "Room"\n        {\n            float inputs:intensity = 0.35\n        }\n    }\n'
    out += '    def Scope "Looks"\n    {\n'
    out += "".join(material(name, "/Cell/Looks") for name in ("Blue", "Bench", "Wall"))
    return out + "    }\n}\n"


def main() -> None:
    """Write all files."""
    (FOLDER / "parts").mkdir(parents=True, exist_ok=True)
    for name, (make, _) in PARTS.items():
        (FOLDER / "parts" / f"{name}.usda").write_text(make())
    (FOLDER / "bin_picking.usda").write_text(scene())


if __name__ == "__main__":
    main()
