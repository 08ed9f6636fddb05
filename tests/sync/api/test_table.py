"""The table of operations: a valid OpenAPI document, examples that hold, roles, patterns, and what is refused."""

import json
import re
import time
from pathlib import Path

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from twinstage.cli.app import run
from twinstage.sync.api.globs import id_matcher, path_matcher
from twinstage.sync.api.history import RangeAsk
from twinstage.sync.api.http import asked_of
from twinstage.sync.api.openapi import document, document_text
from twinstage.sync.api.operation import Refused
from twinstage.sync.api.page import POLICY, page
from twinstage.sync.api.prims import PrimAsk, PrimsAsk
from twinstage.sync.api.table import OPERATIONS, role_of_call


def test_the_document_is_openapi_3_1() -> None:
    doc = document()
    OpenAPIV31SpecValidator(doc).validate()
    assert doc["openapi"].startswith("3.1")
    assert json.loads(document_text()) == json.loads(json.dumps(doc))


def test_ids_and_paths_are_there_once() -> None:
    ids = [op.id for op in OPERATIONS]
    paths = [(op.method, path) for op in OPERATIONS for path in op.paths]
    assert len(set(ids)) == len(ids) and len(set(paths)) == len(paths)


SPEAKS = ("action", "dataset", "digest", "limit", "state", "record")
"""Parameters whose name says it all."""


def test_everything_is_described() -> None:
    doc = document()
    tags = {tag["name"] for tag in doc["tags"]}
    for path, methods in doc["paths"].items():
        for operation in methods.values():
            assert operation["summary"] and operation["description"], path
            assert set(operation["tags"]) <= tags
            inside = set(re.findall(r"{(\w+)}", path))
            assert {p["name"] for p in operation["parameters"] if p["in"] == "path"} == inside
            for parameter in operation["parameters"]:
                told = parameter["description"] != parameter["name"]
                assert told or parameter["name"] in SPEAKS, (path, parameter["name"])
    for name, schema in doc["components"]["schemas"].items():
        assert schema.get("title") and schema.get("description"), name


def test_every_example_is_what_its_model_says() -> None:
    doc = document()
    count = 0
    for methods in doc["paths"].values():
        for operation in methods.values():
            contents = [r.get("content", {}) for r in operation["responses"].values()]
            contents.append(operation.get("requestBody", {}).get("content", {}))
            for content in contents:
                for told in content.values():
                    if "example" in told:
                        whole = {**told["schema"], "components": doc["components"]}
                        jsonschema.validate(told["example"], whole, cls=jsonschema.Draft202012Validator)
                        count += 1
    assert count > 50


def test_the_page_holds_every_operation_and_nothing_from_elsewhere() -> None:
    text = page()
    for op in OPERATIONS:
        assert f'id="{op.id}"' in text
    assert "<script" not in text and not re.search(r"(src|href)=\"(https?:)?//", text)
    assert "unsafe" not in POLICY and POLICY.startswith("default-src 'none'")


def test_roles() -> None:
    assert {op.id for op in OPERATIONS if op.role == "anyone"} == {
        *("getHealth", "getReadiness", "getOpenapi", "getDocs"),
        *("getSession", "signIn", "signOut", "getSignIn"),
    }
    for op in OPERATIONS:
        assert op.method == "GET" or op.role in ("operator", "engineer") or op.tag == "Session", op.id
    calls = ("ActOnAlarms", "GetPrim", "Unheard")
    assert [role_of_call(name) for name in calls] == ["operator", "viewer", "engineer"]


@pytest.mark.parametrize(
    ("glob", "yes", "no"),
    [
        ("/A/*", ["/A/B"], ["/A", "/A/B/C", "/AB/C"]),
        ("/A/**", ["/A", "/A/B", "/A/B/C"], ["/AB", "/"]),
        ("/**/Motor?", ["/Motor1", "/A/B/Motor2"], ["/A/Motor", "/A/Motor12", "/A/Motor1/x"]),
        ("/**", ["/A", "/A/B"], []),
        ("/A.b", ["/A.b"], ["/Axb"]),
        ("/A/x*y*", ["/A/xay", "/A/xyb"], ["/A/x/y"]),
    ],
)
def test_patterns_of_paths(glob: str, yes: list[str], no: list[str]) -> None:
    matches = path_matcher(glob)
    assert [p for p in yes if not matches(p)] == [] and [p for p in no if matches(p)] == []


def test_patterns_of_ids() -> None:
    matches = id_matcher("line1.*.temp")
    assert matches("line1.m1/a.temp") and not matches("line2.m1.temp") and not matches("line1.m.temp2")


@pytest.mark.parametrize("glob", ["A", "/**/**/**/**/x", "/A*b*c*d"])
def test_patterns_that_are_refused(glob: str) -> None:
    with pytest.raises(Refused) as caught:
        path_matcher(glob)
    assert caught.value.status == 422


def test_a_hostile_pattern_is_matched_in_no_time() -> None:

    matches = path_matcher("/**/a*a*/**/b")
    began = time.process_time()
    assert not matches("/" + "/".join(["a" * 40] * 30))
    assert time.process_time() - began < 1.0


def test_what_is_asked_is_read_and_refused() -> None:
    asked = asked_of(PrimsAsk, {}, [("path", "/A/*"), ("limit", "5"), ("bound", "true")])
    assert (asked.path, asked.limit, asked.bound, asked.after) == ("/A/*", 5, True, None)
    many = asked_of(RangeAsk, {}, [("signal", "a"), ("signal", "b"), ("from", "0"), ("knownAt", "5")])
    assert (many.signal, many.from_, many.known_at) == (("a", "b"), "0", "5")
    for query, text in [
        ([("limt", "5")], "there is no parameter 'limt'; did you mean 'limit'?"),
        ([("limit", "1"), ("limit", "2")], "limit is given twice"),
        ([("limit", "1001")], "limit: "),
        ([("limit", "x")], "limit: "),
    ]:
        with pytest.raises(Refused, match=re.escape(text)) as caught:
            asked_of(PrimsAsk, {}, query)
        assert caught.value.status == 422
    with pytest.raises(Refused, match="no parameter 'path'"):  # a name in the path is none in the query
        asked_of(PrimAsk, {"path": "A"}, [("path", "B")])


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["openapi"]) == 0
    assert json.loads(capsys.readouterr().out)["info"]["title"] == "Twinstage"
    out = f"{tmp_path}/twin.proto"
    assert run(["openapi", "--proto", "--out", out]) == 0
    assert Path(out).read_text().startswith("// Made by")
    assert run(["openapi", "--out", f"{tmp_path}/no/such"]) == 2
