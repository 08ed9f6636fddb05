"""Rules about meshes against oracles that count one face at a time."""

from collections import Counter, defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.assets.rules import about
from twinstage.assets.rules.meshes import MeshFacts, Values

Faces = list[list[int]]
N = 7


def facts(faces: Faces, points: np.ndarray | None = None, **changes: object) -> MeshFacts:
    spread = np.array([[k, k * k, (k * 7) % 5] for k in range(N)], float) if points is None else points
    plain: dict[str, object] = {
        "points": spread, "counts": np.array([len(f) for f in faces]), "indices": np.array([i for f in faces for i in f]),
        "holes": None, "sharp": {}, "scheme": "catmullClark", "scheme_authored": True, "left_handed": False,
        "extent": np.array([spread.min(0), spread.max(0)]), "normals": None, "primvars": (), "subsets": (), "metres": 1.0,
        "moving": False, "skinned": False,
    }  # fmt: skip
    return MeshFacts(**{**plain, **changes})  # type: ignore[arg-type]


def told(mesh: MeshFacts) -> dict[str, str]:
    return {f.code: f.message for f in about("mesh", mesh, "/M")}


def first_number(message: str) -> int:
    return int(message.split()[0].replace(",", ""))


faces = st.lists(st.lists(st.integers(0, N - 1), min_size=3, max_size=5), min_size=1, max_size=8)


@settings(max_examples=150, deadline=None)
@given(faces)
def test_counts_are_those_of_one_face_at_a_time(drawn: Faces) -> None:
    found = told(facts(drawn))
    repeats = sum(len(set(f)) < len(f) for f in drawn)
    assert ("mesh.repeated-corner" in found) == (repeats > 0)
    if repeats:
        assert first_number(found["mesh.repeated-corner"]) == repeats
    unused = set(range(N)) - {i for f in drawn for i in f}
    assert ("mesh.unused-points" in found) == bool(unused)
    if unused:
        assert first_number(found["mesh.unused-points"]) == len(unused)
    rolled = Counter(min(tuple(f[k:] + f[:k]) for k in range(len(f))) for f in drawn if len(set(f)) == len(f))
    doubles = sum(count - 1 for count in rolled.values())
    if doubles and not repeats:
        assert first_number(found["mesh.duplicate-face"]) == doubles
    elif not doubles and not repeats:
        assert "mesh.duplicate-face" not in found


@settings(max_examples=150, deadline=None)
@given(faces)
def test_edges_that_both_faces_run_along_in_one_direction(drawn: Faces) -> None:
    runs: dict[frozenset[int], list[tuple[int, int]]] = defaultdict(list)
    for face in drawn:
        for a, b in zip(face, face[1:] + face[:1], strict=True):
            if a != b:
                runs[frozenset((a, b))].append((a, b))
    pairs = [r for r in runs.values() if len(r) == 2]
    same = sum(a == b for a, b in pairs)
    found = told(facts(drawn))
    assert ("mesh.flipped-faces" in found) == (same > 0)
    if same:
        assert found["mesh.flipped-faces"].startswith(f"{same:,} of {len(pairs):,} shared edges")


def test_a_closed_cube_is_clean_and_inside_out_it_is_not() -> None:
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
    cube = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    out = np.array([[-1, 0, 0], [1, 0, 0], [0, -1, 0], [0, 1, 0], [0, 0, -1], [0, 0, 1]], float)
    good = {"scheme": "none", "normals": Values("normals", "uniform", 6, None, out)}
    assert told(facts(cube, corners, **good)) == {}
    assert set(told(facts([f[::-1] for f in cube], corners, **good))) == {"mesh.winding"}
    assert set(told(facts([f[::-1] for f in cube], corners, left_handed=True, **good))) == set()
    assert set(told(facts([cube[0][::-1], *cube[1:]], corners, **good))) == {
        "mesh.winding",
        "mesh.flipped-faces",
    }


def test_extents_are_boxes_around_the_points() -> None:
    square = [[0, 1, 2, 3]]
    points = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], float)

    def of(low: float, high: float) -> set[str]:
        return set(told(facts(square, points, extent=np.array([[low, low, 0], [high, high, 0]]))))

    assert of(0, 1) == set()
    assert of(-0.0001, 1.0001) == set(), "rounding"
    assert of(-1, 2) == set(), "loose, but of use"
    assert of(0, 0.9) == {"extent.wrong"}
    assert of(-50, 50) == {"extent.wrong"}
    assert of(1, 0) == {"extent.wrong"}
    assert set(told(facts(square, points, extent=None))) == {"extent.missing"}
