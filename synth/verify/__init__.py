"""The judge of a dataset: recomputes every number from the files and compares. It believes nothing.

This package shares no code with what made the dataset: not the EXR writer, not the run-length coder, not the geometry.
It needs numpy and Pillow to read pictures and pycocotools to score the COCO files with the consumer's own toolkit.

    rules.py       what has to hold, by the id that findings carry
    files.py       the manifest against the folder: hashes, missing and foreign files, paths of a machine
    records.py     one record: cameras and objects, by
        masks.py solids.py keypoints.py pictures.py models.py
    identity.py    across records: frames, ids, classes, splits, leaks, lenses, totals
    coco.py        each COCO file against the records, both ways, and ground truth scored as prediction
    lenses.py, eye.py, silhouette.py, geometry.py, rle.py, exr.py   the judge's own formulas and readers
    formats/      COCO, YOLO, KITTI, BOP, Replicator and BlenderProc from their files alone, ours or anybody's
"""

from pathlib import Path

from twinstage.synth.verify.report import Finding, Report

__all__ = ["Finding", "Report", "verify"]


def verify(out: Path) -> Report:
    """Check a dataset folder. Findings say what is wrong and where; none means that every number was confirmed.

    Raises UserError where the folder is no dataset at all.
    """
    from twinstage.synth.verify.run import check_dataset

    return check_dataset(Path(out))
