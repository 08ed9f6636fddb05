"""What a machine has to have, and whether a twin's files hold together."""

import importlib
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from twinstage.base.errors import TwinstageError
from twinstage.live.examine import examine_twin
from twinstage.live.twin import TwinFiles


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report. `status`: ok, info, warning or error; `path`: prim, signal or source; `fix`: what to do."""

    name: str
    status: str
    detail: str
    path: str = ""
    fix: str = ""


PACKAGES = {
    "usd-core": "pxr.Usd",
    "open3d": "open3d",
    "mitsuba": "mitsuba",
    "trimesh": "trimesh",
    "pint": "pint",
}


def check_machine() -> list[Check]:
    """Packages, system libraries, the renderer's compiler, the bundled viewer."""
    cores = os.cpu_count() or 1
    checks = [
        Check("machine", "ok", f"{platform.machine()}, {cores} cores, Python {platform.python_version()}")
    ]
    checks += [_package(name, module) for name, module in PACKAGES.items()]
    checks += [_guard("renderer", _renderer), _guard("label rays", _rays), _guard("viewer", _viewer), _wall()]
    checks.append(_films())
    return checks


def check_twin(files: TwinFiles) -> list[Check]:
    """Examine a twin without serving it: what it holds, and everything that is wrong or doubtful."""
    report = examine_twin(files)
    checks = [Check("stage", "ok", report.stage)] if report.stage else []
    if report.wiring:
        checks.append(Check("bindings", "ok", report.wiring))
    return checks + [
        Check(
            f.code,
            f.severity,
            f"{f.path}: {f.message}" if f.path not in f.message else f.message,
            f.path,
            f.fix,
        )
        for f in report.findings
    ]


def _package(name: str, module: str) -> Check:
    try:
        importlib.import_module(module)
    except ImportError as error:
        return Check(name, "error", f"cannot be imported: {error}; `make setup` installs what it needs")
    try:
        return Check(name, "ok", version(name))
    except PackageNotFoundError:
        return Check(name, "ok", version(f"{name}-cpu") if name == "open3d" else "found")


def _guard(name: str, look: Callable[[], Check]) -> Check:
    try:
        return look()
    except (TwinstageError, ImportError, OSError, RuntimeError) as error:
        return Check(name, "error", str(error))


def _renderer() -> Check:
    from twinstage.render.mi.runtime import load_mitsuba

    variant = str(load_mitsuba().variant)
    if variant.startswith("scalar"):
        return Check(
            "renderer",
            "warning",
            f"{variant}: pictures are about ten times slower than with libLLVM 19 (Debian: apt-get install libllvm19)",
        )
    return Check("renderer", "ok", variant)


def _films() -> Check:
    """Films in mp4 are an extra."""
    from pathlib import Path

    from twinstage.base.errors import UserError
    from twinstage.render.video import check_mp4

    try:
        return Check("films", "ok", f"mp4 by {check_mp4(Path('mp4'))}")
    except UserError as missing:
        return Check("films", "info", str(missing))


def _rays() -> Check:
    from typing import Any

    import numpy as np
    import open3d

    o3d: Any = open3d
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(o3d.t.geometry.TriangleMesh.create_box())
    ray = np.array([[0.5, 0.5, -1, 0, 0, 1]], np.float32)
    hit = scene.cast_rays(o3d.core.Tensor(ray))["t_hit"].numpy()[0]
    if abs(float(hit) - 1.0) > 1e-6:
        return Check("label rays", "error", f"a ray that must hit at 1 m hit at {hit} m")
    return Check("label rays", "ok", "Embree through Open3D")


def _wall() -> Check:
    """What keeps foreign files from reading others; the screen alone holds where the kernel has no wall."""
    from twinstage.scene.safe.landlock import describe

    return Check("untrusted stages", "ok", describe())


def _viewer() -> Check:
    from twinstage.live.server import viewer_dir

    folder = viewer_dir()
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Check("viewer", "ok", f"bundled, {size // 1024} kB")
