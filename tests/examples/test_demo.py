"""`twinstage demo`: the whole flow, as a newcomer's first command runs it."""

import io
import json
import re
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import redirect_stdout
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(600)


def _demo(out: Path, *more: str) -> list[str]:
    command = [sys.executable, "-m", "twinstage", "demo", "--port", "0", "--out", str(out), *more]
    return command


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset of one run that ends by itself."""
    out = tmp_path_factory.mktemp("demo") / "data"
    done = subprocess.run(
        _demo(out, "--duration", "3", "--no-wait"), capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stderr
    assert "contact_sheet.png" in done.stdout
    return out


def test_twelve_images_and_a_contact_sheet(dataset: Path) -> None:
    assert len(list((dataset / "images").glob("*_rgb.png"))) == 12
    assert (dataset / "contact_sheet.png").stat().st_size > 50_000


def test_the_judge_agrees(dataset: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "twinstage", "synth", "verify", str(dataset), "--json"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout)["findings"] == []


def test_pycocotools_scores_the_ground_truth_as_perfect(dataset: Path, tmp_path: Path) -> None:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    total = 0
    for path in sorted((dataset / "coco").glob("annotations*.json")):
        with redirect_stdout(io.StringIO()):
            truth = COCO(str(path))
        annotations = truth.dataset["annotations"]
        total += len(annotations)
        found = [
            {key: a[key] for key in ("image_id", "category_id", "segmentation", "bbox")} | {"score": 1.0}
            for a in annotations
        ]
        most = max(len(truth.getAnnIds(imgIds=[i])) for i in truth.getImgIds())
        for kind in ("segm", "bbox"):
            with redirect_stdout(io.StringIO()):
                judge = COCOeval(truth, truth.loadRes(found), kind)
                judge.params.maxDets = [1, 10, max(100, most)]
                judge.evaluate()
                judge.accumulate()
                judge.summarize()
            assert judge.stats[0] == pytest.approx(1.0, abs=1e-9)
    assert total >= 60


def test_the_same_seed_gives_the_same_bytes(dataset: Path, tmp_path: Path, root: Path) -> None:
    """Three frames of the demo made again, by another command and two workers (tests/synth has whole datasets)."""
    recipe, again = root / "assets" / "library" / "workcell" / "recipe.yaml", tmp_path / "b"
    options = ["--seed", "0", "--workers", "2", "--shard", "2/4"]
    done = subprocess.run(
        [sys.executable, "-m", "twinstage", "synth", "generate", str(recipe), "--out", str(again), *options],
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    files = [
        p.relative_to(again) for folder in ("images", "frames", "records") for p in again.glob(f"{folder}/*")
    ]
    assert len(files) == 3 * 5
    files += [Path("recipe.yaml"), Path("labels.json")]
    assert [str(f) for f in files if (dataset / f).read_bytes() != (again / f).read_bytes()] == []


def test_a_second_demo_keeps_the_dataset_and_ctrl_c_ends_it_cleanly(dataset: Path) -> None:
    before = (dataset / "manifest.json").stat().st_mtime_ns
    child = subprocess.Popen(_demo(dataset), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    line = next(line for line in child.stdout if line.startswith("serving "))
    url = re.search(r"http://127\.0\.0\.1:\d+", line)
    assert url is not None
    with urllib.request.urlopen(f"{url[0]}/healthz", timeout=10) as answer:
        assert json.load(answer) == {"status": "ok"}
    time.sleep(2)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=20)
    assert child.returncode == 0, errors
    assert "Traceback" not in errors
    assert (dataset / "manifest.json").stat().st_mtime_ns == before


def test_ctrl_c_while_the_dataset_is_written_leaves_it_resumable(tmp_path: Path) -> None:
    out = tmp_path / "data"
    child = subprocess.Popen(_demo(out), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 120
    while not list((out / "records").glob("*.json")):
        assert child.poll() is None
        assert time.monotonic() < until
        time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=30)
    assert child.returncode == 0, errors
    assert "Traceback" not in errors
    assert not (out / "manifest.json").exists()
    assert list((out / "records").glob("*.json"))
