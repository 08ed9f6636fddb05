"""Contracts: what is accepted, and one sentence with file, line and field for every mistake."""

import gc
import time
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.base.errors import UserError
from twinstage.telemetry.contract import json_schema, load_contract, parse_contract

GOOD = """contract: 1
sources:
  robot:
    uri: "file:cycle.csv"
    reader: {format: csv, comment: "#", time: {column: time_s, unit: s, epoch: relative}}
    clock: {epoch: 2026-01-01T00:00:00Z}
    lateness: 0.2
    loop: true
  plc:
    uri: "tcp:9000"
    reader: {format: jsonl, layout: long, time: {field: t, unit: ms}, name: tag, value: v, quality: q}
signals:
  - {id: robot.j1, source: robot, field: J1_deg, unit: deg, range: [-180, 180], period: 0.05, max_age: 2.0}
  - {id: robot.tool, source: robot, field: [x, y, z, qx, qy, qz, qw], type: pose, unit: mm, order: xyzw}
  - {id: mode, source: plc, field: mode, type: enum, values: {idle: 0, run: 4}, gap: hold}
"""


def test_a_good_contract_has_all_its_meaning(tmp_path: Path) -> None:
    (tmp_path / "contract.yaml").write_text(GOOD)
    contract = load_contract(tmp_path / "contract.yaml")
    robot = contract.sources["robot"]
    assert robot.clock.epoch_ns == 1_767_225_600_000_000_000
    assert (robot.kind, robot.lateness_ns, robot.loop) == ("file", 200_000_000, True)
    assert contract.signal("robot.j1").si == "rad"
    assert contract.signal("robot.tool").width == 7
    assert contract.signal("mode").enum_codes == {"idle": 0, "run": 4}
    with pytest.raises(UserError, match=r"no signal 'robot\.j2'; did you mean 'robot\.j1'\?"):
        contract.signal("robot.j2")


def test_the_hash_is_of_the_meaning_not_of_the_text() -> None:
    base = parse_contract(GOOD).hash
    assert parse_contract("# a comment\n" + GOOD.replace("0.2", "0.20")).hash == base
    assert parse_contract(GOOD.replace("0.2", "0.3")).hash != base


def test_contracts_do_not_change() -> None:
    contract = parse_contract(GOOD)
    with pytest.raises(ValueError, match="frozen"):
        contract.sources["robot"].lateness = 1.0  # type: ignore[misc]


MISTAKES = [
    (
        "format: csv",
        "fomat: csv",
        5,
        r"sources\.robot\.reader\.fomat is not a known field; did you mean 'format'\?",
    ),
    (
        "unit: deg,",
        "unit: degr,",
        13,
        r"signals\[0\]\.unit: unit 'degr' is not a UCUM code.*did you mean 'deg'",
    ),
    ("unit: deg,", "unit: rpm,", 13, "write /min"),
    (
        "id: robot.tool, source: robot",
        "id: t, source: robto",
        14,
        "source 'robto', which is not there; did you mean 'robot'",
    ),
    ("id: robot.tool", "id: robot.j1", 14, r"id 'robot\.j1' is taken by signals\[0\]"),
    ("id: robot.tool", "id: 'a b'", 14, "no identifier"),
    ("contract: 1", "contract: 2", 1, "contract is 2; expected 1"),
    ("[-180, 180]", "[180, -180]", 13, "lower bound above the upper"),
    ("[-180, 180]", "[-180, .nan]", 13, "finite"),
    ("[-180, 180]", "wide", 13, "expected a list"),
    ("max_age: 2.0", "max_age: two", 13, "max_age is 'two'; expected a valid number"),
    ("lateness: 0.2", "lateness: -1", 7, "greater than or equal to 0"),
    ("loop: true", "lateness: 1", 8, r"sources\.robot\.lateness is given twice"),
    ("    clock: {epoch: 2026-01-01T00:00:00Z}\n", "", 3, r"clock\.epoch must say when zero was"),
    ("2026-01-01T00:00:00Z", "yesterday", 6, "'yesterday' is no instant"),
    ("epoch: 2026-01-01T00:00:00Z", "zone: Mars/Olympus", 6, "zone 'Mars/Olympus' is unknown"),
    ("type: pose, unit: mm", "type: pose, unit: deg", 14, "a length, and 'deg' is none"),
    ("x, y, z, qx", "x, y, qx", 14, "takes 7 fields, and 6 are named"),
    ("type: pose", "type: posse", 14, "type 'posse' is unknown"),
    ("values: {idle: 0, run: 4}, ", "", 15, "an enum lists its values"),
    ("{idle: 0, run: 4}", "{idle: 0, run: 0}", 15, "same code"),
    ("gap: hold", "gap: freeze", 15, "gap is 'freeze'; expected hold, linear or bad"),
    ("name: tag, ", "", 11, "long layout needs name and value"),
    ('"file:cycle.csv"', "cycle.csv", 3, "names no kind"),
    ("contract: 1", "contract: [1", 2, "this is not YAML"),
    ("type: pose, unit: mm", "type: bool, unit: mm", 14, "a bool has no unit"),
    ("unit: deg, range", "unit: mm, type: i64, range", 13, "stays a whole number"),
    ("unit: s, epoch", "unit: sec, epoch", 5, "unit is 'sec'; expected s, ms"),
    ("format: csv,", "format: csv, header: false,", 5, "without a header, columns must name the columns"),
    ("format: csv,", "format: csv, columns: [time, J1_deg],", 5, "columns lack 'time_s'"),
    (
        "format: csv,",
        "format: csv, columns: [time_s, J1_degree],",
        13,
        "names the column 'J1_deg'; did you mean 'J1_degree'",
    ),
    ("format: csv,", "format: csv, decimal: ',',", 5, "delimiter and decimal are both"),
    ("source: robot, field: J1_deg", "source: robot, record: a, field: J1_deg", 13, "names a record"),
]


@pytest.mark.parametrize(("old", "new", "line", "words"), MISTAKES, ids=[m[3][:40] for m in MISTAKES])
def test_a_mistake_is_one_sentence_with_file_and_line(old: str, new: str, line: int, words: str) -> None:
    assert old in GOOD
    with pytest.raises(UserError, match=words) as caught:
        parse_contract(GOOD.replace(old, new), where="cell/contract.yaml")
    assert str(caught.value).startswith(f"cell/contract.yaml:{line}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("nest", ["[{0}]", "{{a: {0}}}"], ids=["lists", "mappings"])
def test_aliases_without_end_are_refused_at_once(tmp_path: Path, nest: str) -> None:
    """Half a kilobyte that stands for a thousand million values: contracts and bindings may come from others, too."""
    path = tmp_path / "contract.yaml"
    lines = ["contract: 1", "signals:", "  - &a0 {id: x}"]
    for level in range(1, 10):
        many = ", ".join(f"k{k}: *a{level - 1}" for k in range(10))
        lines.append(f"  - &a{level} {{{many}}}")
    path.write_text("\n".join([*lines, "sources: " + nest.format("*a9")]))
    begun = time.monotonic()
    with pytest.raises(UserError, match="its aliases stand for more than 200,000 values"):
        load_contract(path)
    assert time.monotonic() - begun < 20


def test_files_that_are_no_contract(tmp_path: Path) -> None:
    (tmp_path / "contract.yaml").write_text("- a list\n")
    (tmp_path / "empty.yaml").write_text("")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    for name, words in [
        ("contact.yaml", r"there is no contract .*; did you mean 'contract\.yaml'\?"),
        ("contract.yaml", "this is a list"),
        ("empty.yaml", "this is empty"),
        ("binary.yaml", "not UTF-8"),
        ("", "is a folder"),
    ]:
        with pytest.raises(UserError, match=words):
            load_contract(tmp_path / name)


def test_words_that_yaml_takes_for_something_else_stay_words() -> None:
    text = GOOD.replace("{idle: 0, run: 4}", "[off, on, no, null_, 1:30, 2026-01-01, 007]").replace(
        "id: mode", "id: on"
    )
    contract = parse_contract(text)
    assert list(contract.signal("on").enum_codes) == ["off", "on", "no", "null_", "1:30", "2026-01-01", "007"]
    numbers = parse_contract(
        GOOD.replace("[-180, 180]", "[-1.8e2, +180]").replace("lateness: 0.2", "lateness: .5")
    )
    assert numbers.signal("robot.j1").range == (-180.0, 180.0)
    assert numbers.sources["robot"].lateness_ns == 500_000_000


def test_an_alias_bomb_and_a_loop_are_refused() -> None:
    with pytest.raises(UserError, match="alias"):
        parse_contract("contract: &a\n  - *a\n")


def test_the_exported_schema_accepts_what_the_model_accepts() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    plain = yaml.safe_load(GOOD.replace("2026-01-01T00:00:00Z", "'2026-01-01T00:00:00Z'"))
    jsonschema.validate(plain, schema)
    plain["signals"][0]["colour"] = "red"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(plain, schema)


@settings(deadline=None, max_examples=200)
@given(
    st.integers(0, len(GOOD) - 1), st.integers(0, 6), st.text("[]{}:,-'\"&*!|>#%@ \n\tab01.~<", max_size=4)
)
def test_any_damage_is_a_user_error_or_a_contract(at: int, length: int, insert: str) -> None:
    text = GOOD[:at] + insert + GOOD[at + length :]
    try:
        contract = parse_contract(text, where="c.yaml")
    except UserError as error:
        assert "\n" not in str(error)
        assert str(error).startswith("c.yaml:")
    else:
        assert contract.signals


@pytest.mark.parametrize("fast", [True, False])
def test_both_parsers_read_and_refuse_alike(monkeypatch: pytest.MonkeyPatch, fast: bool) -> None:
    if not fast:
        monkeypatch.setattr("twinstage.telemetry.yamlfile.FastLoader", None)
    text = GOOD.replace("idle: 0, run: 4", "on: 0, 007: 4").replace("loop: true", "<<: {loop: true}")
    made = parse_contract(text)
    assert made.signal("mode").enum_codes == {"on": 0, "007": 4}
    assert made.sources["robot"].loop
    with pytest.raises(UserError, match=r"contract:3: this is not YAML: "):
        parse_contract("contract: 1\nsources: [\n")
    with pytest.raises(UserError, match="cannot be read as YAML"):
        parse_contract("[" * 100_000)


def test_ten_thousand_signals_load() -> None:
    line = "  - {{id: m{0}.rpm, source: plc, field: m{0}, unit: deg, range: [-180, 180], max_age: 2}}\n"
    text = GOOD + "".join(line.format(i) for i in range(10_000))
    assert len(parse_contract(text).signals) == 10_003
    assert gc.isenabled(), "the collector was paused for the load only"
