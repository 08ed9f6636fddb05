"""The lidar in rooms whose ranges are known, and its echoes, labels, time and files."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.base.errors import UserError
from twinstage.render.camera import look_at
from twinstage.render.motion import Motion, Trajectory
from twinstage.render.sensors import SENSORS, load_sensor, sense
from twinstage.render.sensors.echoes import Echoes, chosen, clustered, reflected
from twinstage.render.sensors.patterns import PRESETS, Rosette, Spinning
from twinstage.scene.snapshot import Material

WHITE = Material("/white", diffuse_color=(1.0, 1.0, 1.0))


@pytest.fixture(scope="module")
def forward():
    """A sensor in the origin that looks along +X."""
    return look_at((0, 0, 0), (1, 0, 0))


@pytest.fixture(scope="module")
def room(hand):
    """A white room of 10 x 8 x 4 m around the origin."""
    return hand.snapshot([(hand.box((10, 8, 4)), hand.pose(), 0)], materials=[WHITE], names=["room"])


def _wall_range(azimuth, elevation):
    flat = np.cos(elevation)
    direction = np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)], -1)
    with np.errstate(divide="ignore"):
        return (np.array([5, 4, 2]) / np.abs(direction)).min(-1)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_ranges_in_a_room_are_exact(room, forward, name) -> None:
    out = sense({"kind": "lidar", "pattern": name}, room, forward)
    pattern = load_sensor({"kind": "lidar", "pattern": name}).pattern
    beams = pattern.beams()
    wanted = _wall_range(beams.azimuth, beams.elevation)
    assert len(out["range"]) == pattern.count
    assert np.abs(out["true_range"] - wanted).max() < 1e-5
    assert np.abs(np.linalg.norm(out["xyz"], axis=1) - wanted).max() < 1e-5
    assert (out["object"] == 1).all() and (out["semantic"] == 1).all()
    # The sensor's axes are the world's here.
    assert np.allclose(
        np.abs(out["xyz"]) / [5, 4, 2], np.minimum(np.abs(out["xyz"]) / [5, 4, 2], 1), atol=1e-5
    )


def test_columns_turn_clockwise_from_behind_at_the_stated_pace() -> None:
    beams = Spinning(channels=3, azimuth_resolution=90.0, rpm=1200.0, channel_interval=1e-3).beams()
    seconds = beams.seconds.reshape(4, 3)
    assert np.allclose(seconds, np.arange(4)[:, None] * 0.05 / 4 + np.arange(3) * 1e-3)
    turned = 180 - np.degrees(beams.azimuth.reshape(4, 3))
    assert np.allclose(turned, np.arange(4)[:, None] * 90 + np.arange(3) * 1e-3 * 1200 / 60 * 360)
    assert np.allclose(np.degrees(beams.elevation[:3]), [-15, 0, 15])
    assert beams.ring[:3].tolist() == [0, 1, 2]


def test_a_rosette_does_not_repeat() -> None:
    first, second = Rosette().beams(), Rosette(start=0.1).beams()
    assert np.abs(first.azimuth - second.azimuth).max() > 0.1
    assert np.hypot(first.azimuth, first.elevation).max() <= np.radians(35.0) + 1e-9
    whole = Rosette(duration=0.2).beams()
    assert np.allclose(whole.azimuth[24_000:], second.azimuth)


def test_intensity_is_cosine_times_albedo_over_the_square_of_the_range(hand, forward) -> None:
    grey = Material("/grey", diffuse_color=(0.1, 0.2, 0.3))
    snapshot = hand.snapshot([(hand.box((10, 8, 4)), hand.pose(), 0)], materials=[grey])
    pattern = {"kind": "raster", "fov": (60, 20), "columns": 31, "rows": 11}
    out = sense({"kind": "lidar", "pattern": pattern}, snapshot, forward)
    xyz = out["xyz"].astype(float)
    share = np.abs(xyz) / [5, 4, 2]
    cosine = np.abs(xyz).ravel()[np.arange(len(xyz)) * 3 + share.argmax(1)] / out["range"]
    assert np.allclose(out["intensity"], np.minimum(0.2 * cosine * 100 / out["range"] ** 2, 1), rtol=1e-4)
    flat = sense({"kind": "lidar", "pattern": pattern, "intensity": "reflectivity"}, snapshot, forward)
    assert np.allclose(flat["intensity"], 0.2 * cosine, rtol=1e-4)
    fog = sense({"kind": "lidar", "pattern": pattern, "extinction": 0.1}, snapshot, forward)
    assert np.allclose(
        fog["intensity"],
        np.minimum(20 * cosine / out["range"] ** 2 * np.exp(-0.2 * out["range"]), 1),
        rtol=1e-4,
    )
    coarse = sense({"kind": "lidar", "pattern": pattern, "intensity_bits": 3}, snapshot, forward)
    assert np.allclose(coarse["intensity"], np.rint(out["intensity"] * 7) / 7, atol=1e-6)


def test_metal_shines_back_only_where_it_faces_the_sensor() -> None:
    cosine = np.cos(np.radians([0.0, 5.0, 30.0, 60.0]))
    metal = reflected(np.full((4, 3), 0.8), np.ones(4), np.full(4, 0.3), cosine)
    assert metal[0] == pytest.approx(0.8)
    assert metal[1] < 0.8 and metal[2] < 1e-6 and metal[3] == 0
    assert np.allclose(reflected(np.full((4, 3), 0.8), np.zeros(4), np.full(4, 0.3), cosine), 0.8 * cosine)


def test_noise_has_the_stated_sigma_bias_and_step(room, forward) -> None:
    base = {"kind": "lidar", "pattern": "spinning-16"}
    noisy = sense(base | {"range_sigma": 0.02, "range_bias": 0.05}, room, forward, seed=7)
    error = noisy["range"].astype(float) - noisy["true_range"]
    n = len(error)
    assert abs(error.mean() - 0.05) < 5 * 0.02 / np.sqrt(n)
    assert abs(error.std() - 0.02) < 5 * 0.02 / np.sqrt(2 * n)
    stepped = sense(base | {"range_step": 0.04}, room, forward)["range"].astype(float)
    assert np.abs(stepped / 0.04 - np.rint(stepped / 0.04)).max() < 1e-4


def test_same_seed_same_bytes(room, forward) -> None:
    spec = {"kind": "lidar", "pattern": "spinning-16", "range_sigma": 0.02, "drop": 0.1, "angle_sigma": 0.1}
    a, b, c = (sense(spec, room, forward, seed=s) for s in (1, 1, 2))
    assert all(np.array_equal(a[name], b[name]) for name in a.arrays)
    assert not np.array_equal(a["beam"], c["beam"])


def test_dropout_by_chance_and_by_power(hand, forward) -> None:
    wall = hand.snapshot(
        [
            (
                hand.quad(400.0),
                hand.pose([50, 0, 0], rotation=np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]])),
                0,
            )
        ],
        materials=[Material("/dark", diffuse_color=(0.1, 0.1, 0.1))],
    )
    pattern = {"kind": "raster", "fov": (1, 1), "columns": 200, "rows": 200}
    some = sense({"kind": "lidar", "pattern": pattern, "drop": 0.3}, wall, forward)
    assert abs(len(some["range"]) / 40_000 - 0.7) < 0.01
    for reach, share in ((50.0, 0.5), (100.0, 1.0), (25.0, 0.0)):
        seen = sense({"kind": "lidar", "pattern": pattern, "range_of_10_percent": reach}, wall, forward)
        assert abs(len(seen["range"]) / 40_000 - share) < 0.01


def test_what_is_too_near_blocks_and_what_is_too_far_is_not_there(hand, forward) -> None:
    snapshot = hand.snapshot(
        [(hand.box((10, 8, 4)), hand.pose(), 0), (hand.box((0.1, 0.4, 0.4)), hand.pose([0.55, 0, 0]), 1)]
    )
    pattern = {"kind": "raster", "fov": (1, 1), "columns": 3, "rows": 3}
    assert (
        len(sense({"kind": "lidar", "pattern": pattern, "min_range": 1.0}, snapshot, forward)["range"]) == 0
    )
    through = sense({"kind": "lidar", "pattern": pattern, "near": 0.7, "min_range": 1.0}, snapshot, forward)
    assert (through["object"] == 1).all() and len(through["range"]) == 9
    assert (
        len(sense({"kind": "lidar", "pattern": pattern, "max_range": 0.4}, snapshot, forward)["range"]) == 0
    )


def _single(direction="strongest", **more):
    pattern = {"kind": "raster", "fov": (1, 1), "columns": 1, "rows": 1}
    return {"kind": "lidar", "pattern": pattern, "returns": direction, "reference_range": 1.0, **more}


def test_glass_gives_two_returns(hand, forward) -> None:
    glass = Material("/glass", diffuse_color=(1.0, 1.0, 1.0), opacity=0.2)
    facing = np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]])
    snapshot = hand.snapshot(
        [(hand.quad(2.0), hand.pose([x, 0, 0], rotation=facing), k) for k, x in enumerate((2.0, 5.0))],
        materials=[glass, WHITE],
        material_of=[[0], [1]],
    )
    both = sense(_single("all"), snapshot, forward)
    assert both["object"].tolist() == [1, 2]
    assert np.allclose(both["range"], [2, 5], atol=1e-5)
    assert np.allclose(both["intensity"], [0.2 / 4, 0.8**2 / 25], rtol=1e-5)
    assert both["return_number"].tolist() == [1, 2] and both["returns"].tolist() == [2, 2]
    assert sense(_single("first"), snapshot, forward)["object"].tolist() == [1]
    assert sense(_single("last"), snapshot, forward)["object"].tolist() == [2]
    assert sense(_single("strongest"), snapshot, forward)["object"].tolist() == [1]
    assert sense(_single("dual"), snapshot, forward)["object"].tolist() == [1, 2]
    assert sense(_single("all", layers=1), snapshot, forward)["object"].tolist() == [1]


def test_an_edge_splits_the_footprint(hand, forward) -> None:
    facing = np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]])
    # The near wall covers y > 0: half of the footprint.
    snapshot = hand.snapshot(
        [
            (hand.quad(4.0), hand.pose([10, 2.0001, 0], rotation=facing), 0),
            (hand.quad(9.0), hand.pose([20, 0, 0], rotation=facing), 1),
        ],
        materials=[WHITE],
    )
    out = sense(_single("all", subrays=127, divergence=10.0, pulse=0.5), snapshot, forward)
    assert out["object"].tolist() == [1, 2]
    share = out["intensity"] * out["range"].astype(float) ** 2
    assert np.allclose(share, 0.5, atol=0.05) and share.sum() == pytest.approx(1, abs=1e-3)
    merged = sense(_single("all", subrays=127, divergence=10.0, pulse=15.0), snapshot, forward)
    assert len(merged["range"]) == 1 and 10 < merged["range"][0] < 20


def test_scene_and_sensor_move_while_it_turns(hand) -> None:
    wall = hand.box((0.2, 60, 60))
    still = hand.snapshot([(wall, hand.pose([20.1, 0, 0]), 0)])
    later = hand.snapshot([(wall, hand.pose([22.1, 0, 0]), 0)])
    camera = look_at((0, 0, 0), (1, 0, 0))
    pattern = {
        "kind": "spinning",
        "channels": 1,
        "elevation_range": (0, 0),
        "azimuth_range": (-40, 40),
        "rpm": 300.0,
    }
    spec = {"kind": "lidar", "pattern": pattern}
    out = sense(spec, still, camera, motion=Motion((0.0, 0.1), (still, later)))
    assert out["time"].max() == pytest.approx(0.2 * 80 / 360, rel=0.01)
    assert np.allclose(out["xyz"][:, 0], 20 + 20 * out["time"], atol=1e-4)
    ahead = np.array(camera.world_from_camera)
    ahead[:3, 3] += [5.0, 0, 0]
    path = Trajectory(np.array([0.0, 0.1]), np.stack([camera.world_from_camera, ahead]))
    moved = sense(spec, still, replace(camera, path=path))
    assert np.allclose(moved["xyz"][:, 0], 20 - 50 * moved["time"], atol=1e-4)
    deskewed = sense(spec | {"deskew": True}, still, replace(camera, path=path))
    assert np.allclose(deskewed["xyz"][:, 0], 20, atol=1e-4)


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(0.5, 50), st.floats(0, 1)), min_size=1, max_size=40))
@settings(deadline=None)
def test_clusters_against_a_loop(rows) -> None:
    beam = np.array([r[0] for r in rows])
    distance, power = np.array([r[1] for r in rows]), np.array([r[2] for r in rows])
    out = clustered(Echoes(beam, distance, power, {"id": np.arange(len(rows))}), 1.0)
    wanted = []
    for b in sorted(set(beam.tolist())):
        group: list[int] = []
        for k in sorted(np.flatnonzero(beam == b), key=lambda i: distance[i]):
            if group and distance[k] - distance[group[-1]] > 1.0:
                wanted.append((b, group))
                group = []
            group = [*group, k]
        wanted.append((b, group))
    assert out.beam.tolist() == [b for b, _ in wanted]
    for k, (_, group) in enumerate(wanted):
        assert out.power[k] == pytest.approx(power[group].sum())
        assert power[out.columns["id"][k]] == power[group].max()
        assert distance[group].min() - 1e-9 <= out.range[k] <= distance[group].max() + 1e-9


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(0.5, 50), st.floats(0, 1)), max_size=30))
def test_choice_against_a_loop(rows) -> None:
    rows = sorted(rows)
    echoes = Echoes(*(np.array([r[i] for r in rows]) for i in range(3)), {})
    for mode in ("first", "last", "strongest", "dual"):
        wanted = []
        for b in sorted({r[0] for r in rows}):
            mine = [k for k, r in enumerate(rows) if r[0] == b]
            by_power = sorted(mine, key=lambda k: (-rows[k][2], rows[k][1], k))
            pick = {"first": {mine[0]}, "last": {mine[-1]}, "strongest": {by_power[0]}}.get(mode)
            if pick is None:
                pick = {by_power[0], mine[-1]}
                if len(pick) == 1 and len(mine) > 1:
                    pick.add(by_power[1])
            wanted += sorted(pick)
        assert chosen(echoes, mode, 3).tolist() == wanted


def test_files_read_back(room, forward, tmp_path) -> None:
    import open3d as o3d

    sensor = load_sensor({"kind": "lidar", "pattern": "spinning-16", "range_sigma": 0.01})
    out = sense(sensor, room, forward, seed=3)
    paths = sensor.save(out, tmp_path, "scan")
    assert [p.name for p in paths] == ["scan.pcd", "scan.ply", "scan.bin", "scan.label"]
    for path in paths[:2]:
        cloud = o3d.t.io.read_point_cloud(str(path))
        assert np.array_equal(cloud.point.positions.numpy(), out["xyz"])
        assert np.array_equal(cloud.point.normals.numpy(), out["normal"])
        for name in set(out.arrays) - {"xyz", "normal"}:
            column = cloud.point[name].numpy()
            assert column.dtype == out[name].dtype and np.array_equal(column[:, 0], out[name])
    points = np.fromfile(paths[2], np.float32).reshape(-1, 4)
    assert np.array_equal(points[:, :3], out["xyz"]) and np.array_equal(points[:, 3], out["intensity"])
    labels = np.fromfile(paths[3], np.uint32)
    assert np.array_equal(labels & 0xFFFF, out["semantic"]) and np.array_equal(labels >> 16, out["object"])


def test_classes_come_from_the_label_map(hand, forward) -> None:
    boxes = [(hand.box(), hand.pose([3, y, 0]), k) for k, y in enumerate((-2, 0, 2))]
    snapshot = hand.snapshot(boxes, names=["car", "", "ape"])
    spec = {"kind": "lidar", "pattern": {"kind": "raster", "fov": (90, 1), "columns": 91, "rows": 1}}
    ours, given_ = sense(spec, snapshot, forward), sense(spec, snapshot, forward, classes={"car": 40})
    by_object = dict(zip(ours["object"].tolist(), ours["semantic"].tolist(), strict=True))
    assert by_object == {1: 2, 2: 0, 3: 1}
    assert dict(zip(given_["object"].tolist(), given_["semantic"].tolist(), strict=True)) == {
        1: 40,
        2: 0,
        3: 0,
    }


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"kind": "lidra"}, "no sensor named 'lidra'; did you mean 'lidar'?"),
        (
            {"kind": "lidar", "pattern": "spining-16"},
            "no lidar pattern named 'spining-16'; did you mean 'spinning-16'?",
        ),
        ({"kind": "lidar", "max_range": -1}, "max_range: Input should be greater than 0"),
        (
            {"kind": "lidar", "min_range": 5, "max_range": 4},
            "near, min_range and max_range rise in this order",
        ),
        (
            {"kind": "lidar", "pattern": {"kind": "raster", "columns": 10**6, "rows": 10**6}},
            "is not between 1 and",
        ),
        ({"range": 4}, "a sensor needs a kind"),
    ],
)
def test_mistakes_are_one_sentence(spec, message) -> None:
    with pytest.raises(UserError) as error:
        load_sensor(spec, where="cell.yaml")
    assert message in str(error.value) and "\n" not in str(error.value)


def test_sensors_are_plain_data() -> None:
    sensor = load_sensor({"kind": "lidar", "pattern": "rosette"})
    assert load_sensor(json.loads(sensor.model_dump_json())) == sensor
    assert "lidar" in SENSORS.kinds()


def test_an_empty_scene_gives_an_empty_cloud(hand, forward, tmp_path) -> None:
    sensor = load_sensor("lidar")
    out = sense(sensor, hand.snapshot([]), forward)
    assert out["xyz"].shape == (0, 3) and out["object"].dtype == np.int32
    with pytest.raises(UserError, match="is empty"):
        sensor.save(out, tmp_path, "nothing")


def test_nothing_depends_on_how_many_beams_are_cast_at_once(room, forward, monkeypatch) -> None:
    from twinstage.render.sensors import lidar

    spec = {"kind": "lidar", "pattern": "spinning-16", "subrays": 3, "drop": 0.1, "range_sigma": 0.01}
    whole = sense(spec, room, forward, seed=4)
    monkeypatch.setattr(lidar, "_RAYS_AT_ONCE", 1000)
    parts = sense(spec, room, forward, seed=4)
    assert all(np.array_equal(whole[name], parts[name]) for name in whole.arrays)


def test_a_beam_equals_the_label_ray_through_the_same_pixel(workcell) -> None:
    """A raster whose beams run through pixel centres of a panorama-like row of the label camera."""
    from twinstage.render.labels import label_pass

    camera = look_at((-1, -2.5, 1.6), (1, 1, 1.2), width=201, height=1, fov=np.radians(80))
    labels = label_pass(workcell, camera, amodal=False)
    # Azimuths of the pixels of the one row; they are not even, so each is its own scan of one beam.
    angle = -np.arctan((np.arange(201) + 0.5 - 100.5) / camera.K[0, 0])
    for column in range(0, 201, 8):
        pattern = {
            "kind": "spinning",
            "elevations": [0.0],
            "azimuth_resolution": 1.0,
            "azimuth_range": [np.degrees(angle[column]), np.degrees(angle[column]) + 1],
            "clockwise": False,
        }
        out = sense({"kind": "lidar", "pattern": pattern, "min_range": 0.05}, workcell, camera)
        wanted = int(labels.aovs["object"][0, column])
        if out["object"].size:
            assert out["object"][0] == wanted
            depth = labels.aovs["depth"][0, column]
            assert out["range"][0] * np.cos(angle[column]) == pytest.approx(depth, rel=1e-5)
        else:
            assert wanted == 0


def test_threads_do_not_matter_and_files_are_the_same_twice(room, forward, tmp_path) -> None:
    from twinstage.render.threads import limit_threads

    sensor = load_sensor({"kind": "lidar", "pattern": "spinning-16", "subrays": 3, "range_sigma": 0.01})
    try:
        limit_threads(1)
        one = sense(sensor, room, forward, seed=1)
    finally:
        limit_threads(0)
    all_ = sense(sensor, room, forward, seed=1)
    assert all(one[name].tobytes() == all_[name].tobytes() for name in one.arrays)
    for a, b in zip(sensor.save(one, tmp_path, "a"), sensor.save(all_, tmp_path, "b"), strict=True):
        assert a.read_bytes() == b.read_bytes()
