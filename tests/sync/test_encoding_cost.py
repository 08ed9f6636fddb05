"""What a tick of 10,000 prims of a plausible plant costs: vehicles on their paths, swinging arms. Printed with `-s`."""

import time
from types import ModuleType

import numpy as np

from twinstage.scene.columns import TickColumns
from twinstage.sync.hub import Hub
from twinstage.sync.messages import Interest
from twinstage.sync.tiers import Tier

PRIMS, TICKS = 10_000, 60


class Client:
    """One that is always in step."""

    def changed(self, tier: Tier) -> None:
        """Nothing to do."""


def plant(make: ModuleType, ticks: int) -> list[TickColumns]:
    """Half the prims drive circles of their own at up to 2 m/s and turn with them; half swing about axes of their own."""
    random = np.random.Generator(np.random.Philox(5))
    half = PRIMS // 2
    radius, speed = random.uniform(2, 40, half), random.uniform(0.3, 2.0, half)
    phase, centre = random.uniform(0, 6.28, half), random.uniform(-500, 500, (half, 2))
    axis = random.normal(size=(half, 3))
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    rate, offset, foot = (
        random.uniform(0.2, 1.5, half),
        random.uniform(0, 6.28, half),
        random.uniform(-2, 2, (half, 3)),
    )
    out = []
    for k in range(ticks):
        angle = phase + speed / radius * k / 60
        translation, quat = np.zeros((PRIMS, 3)), np.zeros((PRIMS, 4))
        translation[:half, :2] = centre + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], -1)
        translation[half:] = foot
        yaw = (angle + np.pi / 2) / 2
        quat[:half, 0], quat[:half, 3] = np.cos(yaw), np.sin(yaw)
        swing = 0.6 * np.sin(rate * k / 60 + offset)
        quat[half:, 0], quat[half:, 1:] = np.cos(swing), axis * np.sin(swing)[:, None]
        out.append(make.tick(make.poses(np.arange(1, PRIMS + 1), translation, quat, event_ns=k)))
    return out


def test_a_tick_of_ten_thousand_moving_prims_is_small_and_cheap(make: ModuleType) -> None:
    hub = Hub(make.snapshot(["/W", *(f"/W/n{i:05d}" for i in range(PRIMS))]), epoch="e1")
    hub.tiers[0].listeners.add(Client())
    view = hub.view(frozenset({"pose"}), Interest())
    publish, encode, size = [], [], []
    for columns in plant(make, TICKS):
        begin = time.process_time()
        hub.publish(columns)
        middle = time.process_time()
        messages = hub.tiers[0].messages(hub.tiers[0].previous, view, delta=True, zstd=True)
        encode.append(time.process_time() - middle)
        publish.append(middle - begin)
        size.append(sum(map(len, messages)))
    cpu = 1e3 * float(np.median(np.array(publish[5:]) + np.array(encode[5:])))
    alone = 1e3 * float(np.median(encode[5:]))
    bytes_a_prim = float(np.mean(size[5:])) / PRIMS
    print(
        f"\n{cpu:.2f} ms CPU a tick (take in, quantise, encode), of it {alone:.2f} ms encode; {bytes_a_prim:.2f} B a prim"
    )
    assert bytes_a_prim < 6
    assert alone < 3 and cpu < 15  # CPU time of a busy machine: the aim is 3 ms in all
