"""Forward and inverse kinematics of the arm: six axes with a spherical wrist, angles in radians, metres.

Link frames are parallel to the base at the zero pose; axes are z, y, y, x, y, x, and the tool points along +x.
"""

import math
from dataclasses import dataclass

import numpy as np

from twinstage.sim.plant import layout

SPAN = math.hypot(*layout.FOREARM)
RISE = math.atan2(layout.FOREARM[1], layout.FOREARM[0])
"""Of the wrist centre above the forearm's axis, seen from joint_3."""


@dataclass(frozen=True, slots=True)
class ToolPose:
    """Where the tool is: position f8[3] [m] in the hall; `approach` and `jaw` (opening direction) unit vectors."""

    position: np.ndarray
    approach: np.ndarray
    jaw: np.ndarray


def rotation(axis: str, angle: float) -> np.ndarray:
    """f8[3, 3], column-vector, about a coordinate axis."""
    c, s = math.cos(angle), math.sin(angle)
    if axis == "x":
        return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    if axis == "y":
        return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


BASE = rotation("z", math.radians(layout.ROBOT_HEADING))


def forward(q: np.ndarray) -> ToolPose:
    """The tool at joint angles q f8[6] [rad]."""
    turn = BASE @ rotation("z", q[0])
    at = np.array([*layout.ROBOT, 0.0]) + turn @ (layout.SHOULDER[0], 0.0, layout.SHOULDER[1])
    turn = turn @ rotation("y", q[1])
    at = at + turn @ (0.0, 0.0, layout.UPPER_ARM)
    turn = turn @ rotation("y", q[2])
    at = at + turn @ (layout.FOREARM[0], 0.0, layout.FOREARM[1])
    turn = turn @ rotation("x", q[3]) @ rotation("y", q[4]) @ rotation("x", q[5])
    return ToolPose(at + layout.WRIST_TO_TCP * turn[:, 0], turn[:, 0], turn[:, 1])


def inverse(pose: ToolPose) -> np.ndarray:
    """Joint angles f8[6] [rad] that bring the tool there: elbow up, arm forward, joint_5 positive.

    Raises ValueError where the pose is out of reach.
    """
    wrist = BASE.T @ (pose.position - layout.WRIST_TO_TCP * pose.approach - (*layout.ROBOT, 0.0))
    q1 = math.atan2(wrist[1], wrist[0])
    ahead, up = math.hypot(wrist[0], wrist[1]) - layout.SHOULDER[0], wrist[2] - layout.SHOULDER[1]
    distance = math.hypot(ahead, up)
    cosine = (layout.UPPER_ARM**2 + distance**2 - SPAN**2) / (2 * layout.UPPER_ARM * distance)
    if abs(cosine) > 1:
        raise ValueError(f"the tool position {np.round(pose.position, 3).tolist()} is out of reach")
    lean = math.atan2(up, ahead) + math.acos(cosine)
    elbow = (layout.UPPER_ARM * math.cos(lean), layout.UPPER_ARM * math.sin(lean))
    q2 = math.pi / 2 - lean
    q23 = RISE - math.atan2(up - elbow[1], ahead - elbow[0])
    tool = np.column_stack([pose.approach, pose.jaw, np.cross(pose.approach, pose.jaw)])
    r = (BASE @ rotation("z", q1) @ rotation("y", q23)).T @ tool
    q5 = math.atan2(math.hypot(r[1, 0], r[2, 0]), r[0, 0])
    q4, q6 = math.atan2(r[1, 0], -r[2, 0]), math.atan2(r[0, 1], r[0, 2])
    return np.array([q1, q2, q23 - q2, q4, q5, q6])
