"""The cell's figures as its controllers know them, in metres, seconds and degrees; x to the east, y to the north.

These repeat what the stage shows, as in any plant: a test holds the two together.
"""

ROBOT = (-0.4, 1.0)
"""Axis of joint_1 on the floor."""
ROBOT_HEADING = -45.0
"""Direction of the arm at joint_1 = 0."""
SHOULDER = (0.16, 0.87)
"""Axis of joint_2 at the zero pose: ahead of the axis of joint_1, and above the floor."""
UPPER_ARM = 0.75
FOREARM = (0.75, 0.18)
"""From joint_3 to the wrist centre at the zero pose: ahead and up."""
WRIST_TO_TCP = 0.33
JOINTS = ("joint_1", "joint_2", "joint_3", "joint_4", "joint_5", "joint_6")
JOINT_LIMITS = ((-185, 185), (-95, 120), (-120, 160), (-200, 200), (-130, 130), (-400, 400))

PICK = (-0.4, -0.12)
PLACE = (-1.52, 1.0)
PITCH = 0.48
"""Three slots on each table: along x at the pick, along y at the place station."""
GRASP_HEIGHT = 0.92
"""Of the tool between the fingers while it grasps: 2 cm under the rim of a tote."""
LIFT = 0.30
JAW_OPEN, JAW_CLOSED = 0.36, 0.30

BELT_LENGTH = 7.7
"""Of the tracked stretch, from the infeed hood into the lift; parcels that leave it come again at its start."""
PARCELS = 14
PARCEL_PITCH = BELT_LENGTH / PARCELS

ROUTE = ((-5.2, -3.9), (5.4, -3.9), (5.4, 2.3), (2.9, 2.3), (2.9, -1.9), (-5.2, -1.9))
"""Corners of the vehicles' loop, driven in this order."""
CORNER_RADIUS = 0.6
STOPS = (("bench", (-1.3, -3.9), 5.0), ("rack", (4.2, 2.3), 7.0), ("robot", (-1.6, -1.9), 5.0))
"""Name, place on the route, time of stay [s]."""
VEHICLES = ("AGV_1", "AGV_2", "AGV_3")
VEHICLE_SIZE = (1.24, 0.80)
