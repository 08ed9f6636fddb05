"""Sensors: what else than an ideal camera looks at the scene. One kind a file.

base              protocol, registry, `load_sensor`, `read_sensor` (touches files), `sense`
noise             random arrays by key
casting           any rays against the scene; surfaces: what they hit; pixels: through pixel centres
lidar             with patterns, echoes, classes; clouds (touches files)
structured_light, stereo    with depth (what they share) and disparity (pure)
rgb               with optics, bayer, white
"""

from twinstage.render.sensors.base import SENSORS, Sensed, Sensor, View, load_sensor, read_sensor, sense
from twinstage.render.sensors.lidar import CAMERA_FROM_LIDAR, Lidar
from twinstage.render.sensors.rgb import Rgb
from twinstage.render.sensors.stereo import Stereo
from twinstage.render.sensors.structured_light import StructuredLight
from twinstage.render.sensors.temperatures import column_temperatures, stage_temperatures
from twinstage.render.sensors.thermal import Thermal

__all__ = [
    "CAMERA_FROM_LIDAR",
    "SENSORS",
    "Lidar",
    "Rgb",
    "Sensed",
    "Sensor",
    "Stereo",
    "StructuredLight",
    "Thermal",
    "View",
    "column_temperatures",
    "load_sensor",
    "read_sensor",
    "sense",
    "stage_temperatures",
]
