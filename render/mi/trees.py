"""Scenes asked as one: one tree of what rests, one of what moves.

Mitsuba builds a scene's whole tree anew when any of its shapes changes (1.7 s of processor time a million triangles,
measured). Two scenes that each ray asks one after the other keep what rests as it is. The nearer hit counts, that of what
rests where both are equally near; hits are those of one scene to the last digit.
"""

from typing import Any

from twinstage.render.mi.runtime import Mitsuba


class Trees:
    """The queries of a `mi.Scene` that the integrators use, for two scenes together."""

    def __init__(self, runtime: Mitsuba, rest: Any, move: Any) -> None:
        self._mi, self._dr = runtime.mi, runtime.dr
        self.rest, self.move = rest, move

    def ray_intersect_preliminary(self, ray: Any, coherent: bool, active: Any) -> Any:
        """The first hit."""
        first = self.rest.ray_intersect_preliminary(ray, coherent, active)
        onward = self._mi.Ray3f(ray)
        onward.maxt = self._dr.minimum(ray.maxt, first.t)
        second = self.move.ray_intersect_preliminary(onward, coherent, active)
        return self._dr.select(second.is_valid(), second, first)

    def ray_intersect(self, ray: Any, flags: Any, coherent: bool, active: Any) -> Any:
        """The surface at the first hit."""
        found = self.ray_intersect_preliminary(ray, coherent, active)
        return found.compute_surface_interaction(ray, flags, active)

    def ray_test(self, ray: Any, active: Any) -> Any:
        """Whether anything is in the way."""
        blocked = self.rest.ray_test(ray, active)
        return blocked | self.move.ray_test(ray, active & ~blocked)

    def shapes(self) -> list[Any]:
        """All shapes, those that rest first."""
        return [*self.rest.shapes(), *self.move.shapes()]
