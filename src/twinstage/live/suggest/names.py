"""How alike the names of signals and prims are."""

import re
from functools import lru_cache

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
SAME = {
    "j": "joint", "jnt": "joint", "axis": "joint", "a": "joint", "temp": "temperature", "pos": "position",
    "vel": "speed", "velocity": "speed", "veh": "agv", "vehicle": "agv", "amr": "agv", "lvl": "level",
    "grip": "gripper", "grasp": "gripper", "clamp": "gripper", "vacuum": "gripper", "suction": "gripper",
    "belt": "conveyor", "theta": "yaw", "heading": "yaw", "orientation": "yaw", "batt": "battery",
    "soc": "battery", "err": "fault", "error": "fault", "alarm": "fault", "warning": "fault",
    "amps": "current", "lamp": "light", "rob": "robot",
}  # fmt: skip
"""Words that mean the same."""
NOISE = frozenset(
    {
        "deg",
        "rad",
        "mm",
        "m",
        "s",
        "the",
        "value",
        "act",
        "actual",
        "measured",
        "is",
        "state",
        "signal",
        "close",
        "rel",
    }
)
"""Words of units and of no meaning."""


@lru_cache(maxsize=100_000)
def words(text: str) -> tuple[str, ...]:
    """Words and numbers of a name, in one form: lower case, singular, synonyms joined, numbers without leading zeros."""
    out = []
    for word in _WORD.findall(text):
        low = word.lower()
        low = str(int(low)) if low.isdigit() else low
        if len(low) > 3 and low.endswith("s") and not low.endswith("ss"):
            low = low[:-1]
        out.append(SAME.get(low, low))
    return tuple(word for word in out if word not in NOISE)


def numbers(text: str) -> tuple[str, ...]:
    """The numbers of a name."""
    return tuple(word for word in words(text) if word.isdigit())


@lru_cache(maxsize=200_000)
def likeness(signal: str, path: str) -> float:
    """0 to 1: how well a prim's path answers a signal's name.

    Words of the prim's own name count most, those above it half. Numbers have to agree: `agv1` is not AGV_2.
    """
    wanted = dict.fromkeys(words(signal))
    owner, _, name = path.rpartition("/")
    own, above = set(words(name)), set(words(owner))
    if not wanted or not (own | above):
        return 0.0
    said = [w for w in wanted if w.isdigit()]
    if any(n not in own and n not in above for n in said) or any(w.isdigit() and w not in said for w in own):
        return 0.0
    weight = sum(1.0 if w in own else 0.5 if w in above else 0.0 for w in wanted)
    extra = len([w for w in own if w not in wanted])
    return weight / (len(wanted) + 0.5 * extra)


def stem(signal: str, last: str) -> str:
    """A signal's name without its last word: `agv1` of `agv1.x`."""
    return signal[: len(signal) - len(last)].rstrip("._-/:") if signal.endswith(last) else signal
