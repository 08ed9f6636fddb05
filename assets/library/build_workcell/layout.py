"""Where things stand in the hall, in metres: x to the east (0 at the middle), y to the north, z up.

`sim/plant` knows the same figures by itself, as a real plant would; a test holds the two together.
"""

HALL = (14.0, 10.0)
WALL_HEIGHT = 4.6

# Robot: the zero pose has the upper arm upright and the forearm level, pointing along +x of the base.
ROBOT = (-0.4, 1.0)
ROBOT_HEADING = -45.0
PEDESTAL = 0.35
"""Height of the pedestal: the robot's mounting face."""
JOINT_ORIGINS = (
    (0.0, 0.0, PEDESTAL + 0.2),  # joint_1 in the base, axis +z
    (0.16, 0.0, 0.32),  # joint_2 in link 1, axis +y
    (0.0, 0.0, 0.75),  # joint_3 in link 2, axis +y
    (0.28, 0.0, 0.18),  # joint_4 in link 3, axis +x
    (0.47, 0.0, 0.0),  # joint_5 in link 4, axis +y
    (0.11, 0.0, 0.0),  # joint_6 in link 5, axis +x
)
JOINT_AXES = ("Z", "Y", "Y", "X", "Y", "X")
JOINT_LIMITS = ((-185, 185), (-95, 120), (-120, 160), (-200, 200), (-130, 130), (-400, 400))
"""Degrees."""
TCP = (0.22, 0.0, 0.0)
"""Between the finger tips, in link 6."""
JAW_OPEN, JAW_CLOSED = 0.36, 0.30
"""Clear width between the fingers: the totes are 0.30 wide at the rim."""

TOTE = (0.40, 0.30, 0.22)
TABLE_TOP = 0.72
PICK = (-0.4, -0.12)
PLACE = (-1.52, 1.0)
PITCH = 0.48
"""Between tote centres on both tables."""

# Conveyor: parcels ride along +x; the belt coordinate starts in the infeed hood and ends in the lift.
BELT_Y = 3.2
BELT_TOP = 0.74
BELT_START = -6.5
PARCELS = 14
PARCEL_PITCH = 0.55

TANK = (-5.6, 0.6)
TANK_BOTTOM = 0.62
TANK_HEIGHT = 1.5
TANK_RADIUS = 0.52

AGV_SIZE = (1.24, 0.80, 0.34)
AGV_START = ((-1.6, -1.9, 180.0), (0.2442, -3.9, 0.0), (4.2, 2.3, 180.0))
"""x, y, heading in degrees."""

RACK = (4.55, 4.25)
RACK_BAY = 1.95
RACK_LEVELS = (0.0, 1.3, 2.4)
