"""Writers by kind. Importing this package registers those that ship; others come by entry point."""

from twinstage.synth.writers import bop, coco, kitti, yolo
from twinstage.synth.writers.base import WRITERS, Writer

__all__ = ["WRITERS", "Writer", "bop", "coco", "kitti", "yolo"]
