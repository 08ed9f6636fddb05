"""The thermal camera: Planck by numerical integration, known scenes, noise, temperatures from stages and ticks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.base.errors import UserError
from twinstage.render.camera import look_at
from twinstage.render.sensors import load_sensor, sense
from twinstage.render.sensors.palettes import colored
from twinstage.render.sensors.radiometry import STEFAN_BOLTZMANN, apparent_temperature, band_radiance
from twinstage.render.sensors.temperatures import column_temperatures, prim_temperatures, stage_temperatures
from twinstage.scene.columns import AttributeColumns, frozen
from twinstage.scene.snapshot import Material

BAND = (8.0, 14.0)
FACING = np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]])
QUIET = {"kind": "thermal", "netd": 0.0}


def _planck(temperature: float, low: float, high: float) -> float:
    """Planck's law [W m^-2 sr^-1], integrated over 20,000 intervals of wavelength (Simpson)."""
    h, c, k = 6.62607015e-34, 299792458.0, 1.380649e-23
    w = np.linspace(low, high, 20_001) * 1e-6
    values = 2 * h * c**2 / w**5 / np.expm1(h * c / (w * k * temperature))
    weight = np.ones(20_001)
    weight[1:-1:2], weight[2:-1:2] = 4, 2
    return float((values * weight).sum() * (w[1] - w[0]) / 3)


@pytest.fixture(scope="module")
def camera():
    return look_at((0, 0, 0), (1, 0, 0), width=80, height=60)


def _wall(hand, *materials, more=()):
    items = [(hand.quad(40.0), hand.pose([3, 0, 0], rotation=FACING), 0), *more]
    return hand.snapshot(items, materials=materials or [Material("/matt")])


@given(st.floats(150, 2500), st.sampled_from([(8.0, 14.0), (3.0, 5.0), (7.5, 13.5)]))
@settings(deadline=None, max_examples=30)
def test_band_radiance_is_plancks_integral(temperature: float, band: tuple[float, float]) -> None:
    assert float(band_radiance(temperature, band)) == pytest.approx(_planck(temperature, *band), rel=1e-8)


def test_all_wavelengths_are_stefan_boltzmann() -> None:
    assert float(band_radiance(400.0, (0.05, 1e5))) == pytest.approx(
        STEFAN_BOLTZMANN * 400**4 / np.pi, rel=1e-7
    )


@given(st.floats(200, 2900))
def test_apparent_temperature_undoes_it(temperature: float) -> None:
    assert float(apparent_temperature(band_radiance(temperature, BAND), BAND)) == pytest.approx(
        temperature, abs=1e-3
    )


def test_a_black_wall_has_its_own_temperature(hand, camera) -> None:
    out = sense(QUIET | {"matt": 1.0, "angular": False}, _wall(hand), camera, temperatures={"/p0000": 350.0})
    assert np.allclose(out["temperature"], 350, atol=2e-3)
    assert (out["radiometric"] == 35000).mean() > 0.99
    assert (out["true_temperature"] == 350).all()


def test_emissivity_mixes_in_the_surroundings(hand, camera) -> None:
    materials = [Material("/matt"), Material("/steel", metallic=1.0)]
    left = (hand.quad(2.0), hand.pose([2, 0.0, 0], rotation=FACING), 1)
    items = [(hand.quad(40.0), hand.pose([3, 0, 0], rotation=FACING), 0), left]
    snapshot = hand.snapshot(items, materials=materials, material_of=[[0], [1]])
    spec = QUIET | {"ambient": 300.0, "surroundings": 280.0, "angular": False}
    out = sense(spec, snapshot, camera, temperatures={"/p0001": 400.0})
    for (y, x), t, e in (((30, 40), 400.0, 0.2), ((2, 2), 300.0, 0.95)):
        radiance = e * _planck(t, *BAND) + (1 - e) * _planck(280.0, *BAND)
        seen = out["temperature"][y, x]
        assert _planck(float(seen), *BAND) == pytest.approx(radiance, rel=1e-4)
        assert out["emissivity"][y, x] == np.float32(e)
    own = sense(spec | {"emissivities": {"/steel": 1.0}}, snapshot, camera, temperatures={"/p0001": 400.0})
    assert own["temperature"][30, 40] == pytest.approx(400, abs=0.01)
    with pytest.raises(UserError, match="has no material /steal; did you mean '/steel'"):
        sense(spec | {"emissivities": {"/steal": 1.0}}, snapshot, camera)


def test_emissivity_falls_at_grazing_angles(hand, camera) -> None:
    out = sense(QUIET | {"matt": 0.9}, _wall(hand), camera)
    x, y = np.meshgrid(np.arange(80) + 0.5 - 40, np.arange(60) + 0.5 - 30)
    cosine = 1 / np.sqrt(1 + (x**2 + y**2) / camera.K[0, 0] ** 2)
    assert np.allclose(out["emissivity"], 0.9 * (1 - (1 - cosine) ** 5), atol=1e-6)


def test_air_and_background(hand, camera) -> None:
    spec = QUIET | {"matt": 1.0, "angular": False, "extinction": 0.1, "ambient": 300.0, "background": 240.0}
    out = sense(spec, _wall(hand), camera, temperatures={"/p0000": 400.0})
    left = np.exp(-0.3)
    wanted = left * _planck(400.0, *BAND) + (1 - left) * _planck(300.0, *BAND)
    assert _planck(float(out["temperature"][30, 40]), *BAND) == pytest.approx(wanted, rel=1e-3)
    sky = sense(spec, hand.snapshot([]), camera)
    assert np.allclose(sky["temperature"], 240, atol=0.01) and (sky["emissivity"] == 1).all()


def test_netd_is_what_it_says_at_300_kelvin(hand, camera) -> None:
    spec = {"kind": "thermal", "netd": 0.1, "ambient": 300.0}
    a, b, c = (sense(spec, _wall(hand), camera, seed=s)["temperature"].astype(float) for s in (1, 1, 2))
    assert abs(a.mean() - 300) < 5 * 0.1 / np.sqrt(a.size) and abs(a.std() / 0.1 - 1) < 0.05
    assert np.array_equal(a, b) and not np.array_equal(a, c)
    striped = sense(spec | {"netd": 0.0, "column_noise": 0.2}, _wall(hand), camera)["temperature"].astype(
        float
    )
    assert np.ptp(striped, axis=0).max() < 1e-3 and 0.12 < striped[0].std() < 0.28


def test_glass_is_opaque_and_holes_are_not(hand, camera) -> None:
    pane = (hand.quad(40.0), hand.pose([1, 0, 0], rotation=FACING), 1)
    for pane_material, seen in (
        (Material("/g", opacity=0.1), 320.0),
        (Material("/h", opacity=0.1, opacity_threshold=0.5), 350.0),
    ):
        items = [(hand.quad(40.0), hand.pose([3, 0, 0], rotation=FACING), 0), pane]
        snapshot = hand.snapshot(items, materials=[Material("/w"), pane_material], material_of=[[0], [1]])
        out = sense(QUIET, snapshot, camera, temperatures={"/p0000": 350.0, "/p0001": 320.0})
        assert (out["true_temperature"] == seen).all()


def test_temperatures_are_inherited_by_what_lies_below(workcell) -> None:
    snapshot = workcell
    given_ = {"/WorkCell": 290.0, "/WorkCell/Conveyor/Motor": 340.0, "/WorkCell/Conveyor": 300.0}
    out = prim_temperatures(snapshot, given_, 280.0)
    for path, value in zip(snapshot.prims.path, out.tolist(), strict=True):
        wanted = next(
            (
                v
                for p, v in sorted(given_.items(), key=lambda i: -len(i[0]))
                if f"{path}/".startswith(f"{p}/")
            ),
            280.0,
        )
        assert value == wanted
    with pytest.raises(
        UserError, match=r"temperature is given for /WorkCell/Tnk, and .* did you mean '/WorkCell/Tank'"
    ):
        prim_temperatures(snapshot, {"/WorkCell/Tnk": 300.0}, 280.0)


def test_temperatures_of_a_stage_in_their_units() -> None:
    from pxr import Sdf, Usd

    stage = Usd.Stage.CreateInMemory()
    for name, value, unit in (("A", 40.0, "Cel"), ("B", 300.0, None), ("C", 32.0, "[degF]")):
        attribute = stage.DefinePrim(f"/{name}").CreateAttribute(
            "twin:temperature", Sdf.ValueTypeNames.Double
        )
        attribute.Set(value)
        if unit:
            attribute.SetCustomDataByKey("unit", unit)
    stage.DefinePrim("/None")
    assert stage_temperatures(stage) == pytest.approx({"/A": 313.15, "/B": 300.0, "/C": 273.15})
    stage.GetAttributeAtPath("/B.twin:temperature").Set(-3.0)
    with pytest.raises(UserError, match="the temperature of /B is -3 K"):
        stage_temperatures(stage)
    stage.GetAttributeAtPath("/B.twin:temperature").SetCustomDataByKey("unit", "m")
    with pytest.raises(UserError, match="twin:temperature of /B: unit 'm' measures a length"):
        stage_temperatures(stage)


def test_temperatures_of_a_tick() -> None:
    attributes = (("/A.twin:temperature", "Cel"), ("/A.twin:speed", "m/s"), ("/B.twin:temperature", ""))
    columns = AttributeColumns(
        frozen(np.array([0, 1, 2]), np.uint32), frozen(np.array([20.0, 3.0, 310.0]), np.float64)
    )
    assert column_temperatures(attributes, columns) == pytest.approx({"/A": 293.15, "/B": 310.0})


def test_a_bound_signal_reaches_the_picture(root) -> None:
    """The work cell's own bindings: the writer puts the motor's temperature and its unit on the stage."""
    from twinstage.scene.bindings import parse_bindings
    from twinstage.scene.columns import TickColumns, empty_pose
    from twinstage.scene.plan import compile_bindings
    from twinstage.scene.read import read_snapshot
    from twinstage.scene.stage import open_stage
    from twinstage.scene.writer import ColumnWriter
    from twinstage.telemetry.contract import parse_contract

    folder = root / "assets/library/workcell"
    opened = open_stage(folder / "workcell.usda")
    snapshot = read_snapshot(opened)
    contract = parse_contract((folder / "contract.yaml").read_text(), where="contract.yaml")
    bindings = parse_bindings((folder / "bindings.yaml").read_text(), where="bindings.yaml")
    plan = compile_bindings(bindings, contract, opened, snapshot)
    slot = [path for path, _ in plan.attributes].index("/WorkCell/Conveyor/Motor.twin:temperature")
    columns = AttributeColumns(frozen(np.array([slot]), np.uint32), frozen(np.array([61.0]), np.float64))
    ColumnWriter(opened, snapshot, plan).write(TickColumns(pose=empty_pose(), attributes=columns))
    found = stage_temperatures(opened.stage)
    # The tank's authored 0 is in degrees Celsius, as its attribute says.
    assert found["/WorkCell/Conveyor/Motor"] == pytest.approx(334.15)
    assert found["/WorkCell/Tank"] == pytest.approx(273.15)


def test_palettes() -> None:
    ramp = np.linspace(-0.2, 1.2, 15)
    grey = colored(ramp, "white-hot")
    assert (grey[:, 0] == grey[:, 2]).all() and grey[0, 0] == 0 and grey[-1, 0] == 255
    assert np.array_equal(colored(ramp, "black-hot"), 255 - grey)
    iron = colored(np.linspace(0, 1, 50), "iron").astype(float) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(iron) > 0).all()


def test_files(hand, camera, tmp_path) -> None:
    from PIL import Image

    sensor = load_sensor("thermal")
    out = sense(sensor, _wall(hand), camera, temperatures={"/p0000": 310.0})
    look, counts = sensor.save(out, tmp_path, "heat")
    with Image.open(counts) as image:
        assert np.array_equal(np.asarray(image), out["radiometric"])
    with Image.open(look) as image:
        assert np.array_equal(np.asarray(image), out["look"])


def test_mistakes_are_one_sentence() -> None:
    with pytest.raises(UserError, match="band goes from a shorter to a longer"):
        load_sensor({"kind": "thermal", "band": [14, 8]})
    with pytest.raises(UserError, match="span goes from a lower"):
        load_sensor({"kind": "thermal", "span": [300, 290]})
