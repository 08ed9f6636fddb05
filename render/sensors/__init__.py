"""Sensors: what else than an ideal camera looks at the scene. One kind a file.

base          protocol, registry, `load_sensor`, `sense`
noise         random arrays by key
casting       any rays against the scene; surfaces: what they hit
lidar         patterns, echoes, clouds (files)
"""

from twinstage.render.sensors.base import SENSORS, Sensed, Sensor, View, load_sensor, sense
from twinstage.render.sensors.lidar import Lidar

__all__ = ["SENSORS", "Lidar", "Sensed", "Sensor", "View", "load_sensor", "sense"]
