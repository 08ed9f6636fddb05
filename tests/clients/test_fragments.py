"""The C++ and C# decoders of examples/unity_unreal.md: compiled where there is a compiler, run against the vectors' chains.

And its tables of axes: what they say of positions, quaternions and meshes is one and the same reflection.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PAGE = Path("examples", "unity_unreal.md")
# Refused before any body is looked at: the fragments read only poses.
BROKEN = ("cut_header", "cut_body", "cut_padding", "other_version", "bad_crc", "bad_crc_header")
BROKEN += ("size_beyond_message", "zstd_bomb", "zstd_garbage")
OF_THE_SCENE = ("chain_unknown_node", "chain_unknown_signal")
"""Which ids there are, only the scene says, and that the fragments leave to who uses them."""

CPP_MAIN = """
#include <cstdio>
#include <iostream>

int main() {
    twinstage::Stream stream;
    for (std::string line; std::getline(std::cin, line);) {
        if (line == "new") {
            stream = twinstage::Stream{};
            stream.connected("e1");
            continue;
        }
        std::vector<std::uint8_t> bytes;
        for (std::size_t k = 0; k + 1 < line.size(); k += 2)
            bytes.push_back(static_cast<std::uint8_t>(std::stoi(line.substr(k, 2), nullptr, 16)));
        try {
            std::printf("[%lld, %d, [", static_cast<long long>(stream.message(bytes.data(), bytes.size())),
                        stream.last_was_keyframe ? 1 : 0);
            const char* comma = "";
            for (const auto& [id, p] : stream.poses) {
                const auto& t = p.translation;
                const auto q = p.quaternion();
                std::printf("%s[%u, [%.17g, %.17g, %.17g], [%d, %d, %d], [%.9g, %.9g, %.9g], [%.17g, %.17g, %.17g, %.17g]]",
                            comma, id, t[0], t[1], t[2], p.words[0], p.words[1], p.words[2], p.scale[0], p.scale[1],
                            p.scale[2], q[0], q[1], q[2], q[3]);
                comma = ", ";
            }
            std::puts("]]");
        } catch (const twinstage::Resync&) {
            std::puts("\\"resync\\"");
        }
    }
}
"""

CSHARP_MAIN = """
namespace Twinstage
{
    public static class Program
    {
        private static string List(System.Collections.IEnumerable values)
        {
            var parts = new List<string>();
            foreach (object value in values)
                parts.Add(value is double
                    ? ((double)value).ToString("R", System.Globalization.CultureInfo.InvariantCulture)
                    : Convert.ToString(value, System.Globalization.CultureInfo.InvariantCulture));
            return "[" + string.Join(", ", parts.ToArray()) + "]";
        }

        public static void Main()
        {
            TwinStream stream = null;
            for (string line; (line = Console.ReadLine()) != null;)
            {
                if (line == "new") { stream = new TwinStream("e1"); continue; }
                var bytes = new byte[line.Length / 2];
                for (int k = 0; k < bytes.Length; k++) bytes[k] = Convert.ToByte(line.Substring(2 * k, 2), 16);
                try
                {
                    long seq = stream.Message(bytes);
                    var rows = new List<string>();
                    foreach (KeyValuePair<uint, TwinPose> pose in stream.Poses)
                        rows.Add("[" + pose.Key + ", " + List(pose.Value.Translation) + ", " + List(pose.Value.Words) + ", "
                            + List(pose.Value.Scale) + ", " + List(pose.Value.Quaternion()) + "]");
                    Console.WriteLine("[" + seq + ", " + (stream.LastWasKeyframe ? 1 : 0) + ", " + List(rows) + "]");
                }
                catch (ResyncException) { Console.WriteLine("\\"resync\\""); }
            }
        }
    }
}
"""


def _fragment(root: Path, language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", (root / PAGE).read_text(), re.S)
    assert found is not None
    return found[1]


def _compiler(*names: str) -> str:
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip(f"none of {', '.join(names)} is on PATH")
    return found


def _run(command: list[str], **options: Any) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, **options)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


Decode = Callable[[list[str]], list[Any]]


@pytest.fixture(scope="module")
def cpp(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Decode:
    compiler = _compiler("g++", "clang++")
    folder = tmp_path_factory.mktemp("cpp")
    (folder / "main.cpp").write_text(_fragment(root, "cpp") + CPP_MAIN)
    strict = ["-std=c++17", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    _run([compiler, *strict, "main.cpp", "-o", "main"], cwd=folder)
    return lambda lines: [
        json.loads(line) for line in _run([str(folder / "main")], input="\n".join(lines)).splitlines()
    ]


@pytest.fixture(scope="module")
def csharp(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Decode:
    compiler, mono = _compiler("mcs"), _compiler("mono")
    folder = tmp_path_factory.mktemp("csharp")
    (folder / "main.cs").write_text(_fragment(root, "csharp") + CSHARP_MAIN)
    _run([compiler, "-langversion:7", "-out:main.exe", "main.cs"], cwd=folder)
    return lambda lines: [
        json.loads(line)
        for line in _run([mono, str(folder / "main.exe")], input="\n".join(lines)).splitlines()
    ]


@pytest.mark.parametrize("language", ["cpp", "csharp"])
def test_the_fragments_hold_what_the_vectors_say(
    root: Path, language: str, request: pytest.FixtureRequest
) -> None:
    decode: Decode = request.getfixturevalue(language)
    vectors = root / "tests" / "sync" / "vectors"
    lines: list[str] = []
    expected: list[Any] = []
    chains = [path for path in sorted(vectors.glob("chain_*.json")) if path.stem not in OF_THE_SCENE]
    assert len(chains) >= 4
    for path in chains:
        lines.append("new")
        for step in json.loads(path.read_text())["chain"]:
            lines.append(step["hex"])
            expected.append(None if step.get("error") else step)
    for name in BROKEN:
        lines += ["new", json.loads((vectors / f"{name}.json").read_text())["hex"]]
        expected.append(None)
    found = decode(lines)
    assert len(found) == len(expected)
    for answer, step in zip(found, expected, strict=True):
        if step is None:
            assert answer == "resync"
            continue
        seq, _, poses = answer
        assert seq == step["seq"]
        assert [[i, t, w, [float(v) for v in s]] for i, t, w, s, _ in poses] == step["state"]["poses"]
        for *_, q in poses:
            assert abs(np.linalg.norm(q) - 1) < 1e-12


def _matrix(w: float, x: float, y: float, z: float) -> np.ndarray:
    """Rotation of a unit quaternion, the same algebra in every engine."""
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


UNITY = np.array([[1.0, 0, 0], [0, 0, 1], [0, 1, 0]])
UNREAL = np.diag([1.0, -1.0, 1.0])
R = np.sqrt(0.5)


@pytest.mark.parametrize(
    ("axes", "turn", "importer", "mesh"),
    [
        (UNITY, lambda w, x, y, z: (w, -x, -z, -y), np.diag([-1.0, 1, 1]), (0.0, 0.0, R, R)),
        (UNREAL, lambda w, x, y, z: (w, -x, y, -z), UNITY, (R, R, 0.0, 0.0)),
    ],
)
def test_the_tables_of_axes_are_one_reflection(
    axes: np.ndarray,
    turn: Callable[..., tuple[float, ...]],
    importer: np.ndarray,
    mesh: tuple[float, float, float, float],
) -> None:
    rng = np.random.default_rng(3)
    assert np.linalg.det(axes) == -1
    for _ in range(20):
        q = rng.normal(size=4)
        q /= np.linalg.norm(q)
        np.testing.assert_allclose(_matrix(*turn(*q)), axes @ _matrix(*q) @ axes.T, atol=1e-12)
    np.testing.assert_allclose(_matrix(*mesh) @ importer, axes, atol=1e-12)


def test_the_page_says_these_tables(root: Path) -> None:
    text = (root / PAGE).read_text()
    for part in (
        "(x, z, y) | (100 x, -100 y, 100 z)",
        "`new Quaternion(-x, -z, -y, w)` | `FQuat(-x, y, -z, w)`",
        "new Quaternion(0, r, r, 0)",
        "`FQuat(r, 0, 0, r)`",
        "(1, 3, 2) | (100, -200, 300)",
    ):
        assert part in text
