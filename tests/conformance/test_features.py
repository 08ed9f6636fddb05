"""One test a USD feature: all that a snapshot says of the files that have it equals what pxr says."""

from pathlib import Path

import pytest

from conformance.evidence import BY_PRIM, BY_STAGE, found_in
from conformance.features import FEATURES, Feature
from conformance.judge import differences, told
from conformance.reading import Library, Reading

BY_ID = {feature.id: feature for feature in FEATURES}


def _cases() -> list[object]:
    cases: list[object] = []
    for feature in FEATURES:
        marks = [pytest.mark.xfail(strict=True, reason=feature.gap)] if feature.gap else []
        cases.append(pytest.param(feature, id=feature.id, marks=marks))
    return cases


def _readings(feature: Feature, own: Library, request: pytest.FixtureRequest) -> list[Reading]:
    readings = [own.read(name) for name in feature.own]
    if feature.real:
        if not (Path(__file__).parents[3] / "shared" / "assets").is_dir():
            if not readings:
                pytest.skip(
                    "this feature is shown by files of ../shared/assets only, and the folder is absent"
                )
            return readings
        readings += [request.getfixturevalue("real").read(name) for name in feature.real]
    return readings


@pytest.mark.parametrize("feature", _cases())
def test_feature(feature: Feature, own: Library, request: pytest.FixtureRequest) -> None:
    wrong: list[str] = []
    for reading in _readings(feature, own, request):
        assert reading.opened is not None, f"{reading.name} was refused: {reading.refusal}"
        wrong += differences(reading)
    assert not wrong, told(wrong)


@pytest.mark.parametrize("feature", [pytest.param(f, id=f.id) for f in FEATURES])
def test_the_files_have_the_feature(feature: Feature, own: Library, request: pytest.FixtureRequest) -> None:
    readings = _readings(feature, own, request)
    assert readings, "a feature needs a file that has it"
    for reading in readings:
        assert reading.opened is not None, f"{reading.name} was refused: {reading.refusal}"
        has = feature.id in found_in(reading.opened.stage)
        assert has, f"{reading.name} does not have {feature.id}"


def test_the_table_and_the_evidence_name_the_same_features() -> None:
    assert sorted(BY_ID) == sorted({*BY_PRIM, *BY_STAGE})
    assert len(BY_ID) == len(FEATURES)
    assert {feature.standing for feature in FEATURES} <= {"exact", "nearest", "finding"}
