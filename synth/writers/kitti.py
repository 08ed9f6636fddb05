"""KITTI's object detection layout, with depth and lidar.

    training/image_2/ID.png    links to the native pictures
    training/label_2/ID.txt    15 columns, all of them real (`kitti_labels`)
    training/calib/ID.txt      P0..P3, R0_rect, Tr_velo_to_cam, Tr_imu_to_velo (`kitti_frames`)
    training/depth_2/ID.png    z along the optical axis, 16 bits in 1/256 m, 0 = nothing; where the dataset has depth
    training/velodyne/ID.bin   float32 x y z reflectance, x forward, y left, z up; where the dataset has a lidar
    ImageSets/SPLIT.txt        the IDs of a split; train.txt has all where there are no splits
    index.csv                  ID, frame, camera
    export_report.json         what was counted, and the conventions

ID is frame * cameras + camera, from 0. Pixels: the middle of the first one is (0, 0), in boxes, P2 and depth alike.
"""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field, model_validator

from twinstage.base.errors import UserError
from twinstage.render.picture import png_bytes
from twinstage.synth.dataset import Dataset
from twinstage.synth.writers.base import WRITERS, Content, Folder, Writer, source
from twinstage.synth.writers.cameras import pinhole
from twinstage.synth.writers.depth import as_integers, read_depth
from twinstage.synth.writers.kitti_frames import calibration, rectified_from_camera
from twinstage.synth.writers.kitti_labels import Columns, label_file
from twinstage.synth.writers.views import REPORT, Tally, View, splits_of, views, views_of

DEPTH_UNIT = 1 / 256
"""Of a depth PNG [m]."""


@WRITERS.register
class KittiWriter(Writer):
    """See the module.

    Attributes:
        axes: in which boxes stand upright. `camera`: in the camera's own, so P2 is K as readers expect; around what is
            tilted in them, as all is for a camera that looks down, boxes are fitted, and counted. `level`: in the camera's
            axes turned so that gravity is +y; R0_rect holds the turn and P2 undoes it (`kitti_frames`).
        occlusion_levels: `occluded` is 0 where the occluded share of the silhouette is below the first, 1 below the
            second, else 2.
        box: of the silhouette within the picture whatever stands before it, as KITTI has it (amodal), or of what is seen.
        forward: the objects' own axis that looks forward: `rotation_y` and `l` are along it.
        types: KITTI's name of a class, where it is another.
        lidar: name of the sensor for velodyne/; by default the first one.
    """

    kind: Literal["kitti"] = "kitti"
    folder: Folder = "kitti"
    needs = ("rgb",)
    axes: Literal["camera", "level"] = "camera"
    occlusion_levels: tuple[float, float] = (0.1, 0.5)
    box: Literal["amodal", "visible"] = "amodal"
    forward: Literal["x", "-x", "y", "-y"] = "x"
    types: dict[str, str] = Field(default_factory=dict)
    lidar: str | None = None

    @model_validator(mode="after")
    def _levels_rise(self) -> "KittiWriter":
        if not 0 < self.occlusion_levels[0] < self.occlusion_levels[1] <= 1:
            raise ValueError("occlusion_levels are two shares of which the second is greater, from 0 to 1")
        return self

    def check_record(self, record: dict[str, Any]) -> None:
        for view in views_of(record):
            pinhole(view, "kitti")
            lidar = self._lidar(view)
            if lidar is not None:
                _points(lidar, view)

    def check_labels(self, labels: dict[str, Any]) -> None:
        self._types(labels)

    def files(self, dataset: Dataset) -> Iterator[tuple[str, Content]]:
        labels, tally = dataset.labels(), Tally()
        columns = Columns(
            self._types(labels), self.occlusion_levels, self.box, self.forward, labels["accept"], tally
        )
        sets: dict[str, list[str]] = {split or "train": [] for split in splits_of(labels)}
        index = ["id,frame,camera"]
        for view in views(dataset, all_splits=True):
            name = f"{view.number - 1:06d}"
            sets.setdefault(view.split or "train", []).append(name)
            index.append(f"{name},{view.frame},{view.camera['name']}")
            for folder, suffix, content in self._image(dataset, view, columns):
                yield f"{self.folder}/training/{folder}/{name}{suffix}", content
        for split, names in sets.items():
            yield f"{self.folder}/ImageSets/{split}.txt", "".join(f"{n}\n" for n in names).encode()
        yield f"{self.folder}/index.csv", ("\n".join(index) + "\n").encode()
        yield f"{self.folder}/{REPORT}", tally.report(self._conventions())

    def _image(self, dataset: Dataset, view: View, columns: Columns) -> Iterator[tuple[str, str, Content]]:
        """(folder, suffix, content) of each file of a picture."""
        tally = columns.tally
        K = pinhole(view, "kitti")
        tally.add("images")
        turn = rectified_from_camera(view, self.axes)
        tilt = view.camera["world_from_camera"][2][1]  # how far the picture's down is from the world's
        tally.add("images_of_cameras_that_are_not_level", int(tilt > -1 + 1e-6))
        yield "image_2", ".png", source(dataset, view.picture("rgb", "export kitti"))
        yield "label_2", ".txt", label_file(view, turn, columns).encode()
        lidar = self._lidar(view)
        yield "calib", ".txt", calibration(view, K, turn, lidar).encode()
        if "depth" in view.camera["images"]:
            depth = read_depth(source(dataset, view.camera["images"]["depth"]), view.size)
            yield "depth_2", ".png", png_bytes(as_integers(depth, DEPTH_UNIT, tally))
        if lidar is not None:
            yield "velodyne", ".bin", source(dataset, _points(lidar, view))

    def _lidar(self, view: View) -> dict[str, Any] | None:
        lidars = [s for s in view.sensors if s["kind"] == "lidar"]
        if self.lidar is None:
            return lidars[0] if lidars else None
        chosen = [s for s in lidars if s["name"] == self.lidar]
        if not chosen:
            names = ", ".join(s["name"] for s in lidars) or "none"
            raise UserError(f"export kitti: there is no lidar {self.lidar!r} in {view.where}; known: {names}")
        return chosen[0]

    def _types(self, labels: dict[str, Any]) -> dict[str, str]:
        """KITTI's type by class: one word each, since columns are separated by spaces."""
        names = [c["name"] for c in labels["classes"]]
        unknown = [name for name in self.types if name not in names]
        if unknown:
            raise UserError(
                f"export kitti: types names {unknown[0]!r}, which is no class; known: {', '.join(names)}"
            )
        out = {name: "_".join(self.types.get(name, name).split()) for name in names}
        for name, word in out.items():
            if not word or word == "DontCare":
                raise UserError(
                    f"export kitti: class {name!r} cannot be the type {word!r}; name another in `types`"
                )
        return out

    def _conventions(self) -> dict[str, Any]:
        low, high = self.occlusion_levels
        return {
            "pixels": "the middle of the first one is (0, 0): 0.5 less than in the records",
            "box": f"{self.box}; from edge to edge, at most to the middles of the outermost pixels",
            "axes": self.axes,
            "occluded": f"0 below {low} of the silhouette hidden, 1 below {high}, else 2",
            "truncated": "share of the whole silhouette outside of the picture",
            "objects below the accept rule": "DontCare",
            "hidden objects": "omit",
        }


def _points(lidar: dict[str, Any], view: View) -> str:
    paths = [path for path in lidar["files"].values() if path.endswith(".bin")]
    if len(paths) != 1:
        raise UserError(
            f"export kitti: {view.where}: the lidar {lidar['name']} has no .bin file of its points; add kitti to its formats"
        )
    return str(paths[0])
