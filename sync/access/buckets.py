"""Token buckets: so many at once, so many a second. Times are ns of a clock that does not jump."""

import ipaddress
from collections import OrderedDict


class Bucket:
    """Full of `burst` at first; refilled at `rate` a second."""

    __slots__ = ("_at_ns", "_burst", "_held", "_rate")

    def __init__(self, rate: float, burst: float, now_ns: int) -> None:
        self._rate, self._burst = rate, burst
        self._held, self._at_ns = burst, now_ns

    def take(self, now_ns: int) -> bool:
        """Take one, if there is one."""
        self._fill(now_ns)
        if self._held < 1.0:
            return False
        self._held -= 1.0
        return True

    def wait_s(self, now_ns: int) -> float:
        """Seconds until there is one."""
        self._fill(now_ns)
        return max(0.0, (1.0 - self._held) / self._rate)

    def _fill(self, now_ns: int) -> None:
        passed = max(0, now_ns - self._at_ns)
        self._held = min(self._burst, self._held + self._rate * passed / 1e9)
        self._at_ns = now_ns


class AddressBuckets:
    """A bucket for each address, of the `most` that were heard of last."""

    def __init__(self, rate: float, burst: float, most: int = 10_000) -> None:
        self._rate, self._burst, self._most = rate, burst, most
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, address: str, now_ns: int) -> bool:
        """Take one from the address's bucket, if there is one."""
        return self._of(address, now_ns).take(now_ns)

    def wait_s(self, address: str, now_ns: int) -> float:
        """Seconds until the address may again."""
        return self._of(address, now_ns).wait_s(now_ns)

    def _of(self, address: str, now_ns: int) -> Bucket:
        key = neighbourhood(address)
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Bucket(self._rate, self._burst, now_ns)
            if len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        return bucket


def neighbourhood(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 that one subscriber of IPv6 has."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


def is_loopback(address: str) -> bool:
    """Whether that address, or the name localhost, is this machine alone."""
    if address.lower().rstrip(".") == "localhost":
        return True
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return bool((mapped or found).is_loopback)
