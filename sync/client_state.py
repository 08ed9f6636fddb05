"""What a client holds: scene and newest values, by prim path and signal."""

from typing import Any

import numpy as np

from twinstage.base.errors import TwinstageError
from twinstage.scene.columns import F8
from twinstage.sync.model import SceneModel, Tick, Value


class LinkError(TwinstageError):
    """The server ended the link for good, or never answered."""


class Held:
    """Reads a model, once there is one. `http_url`: whose."""

    def __init__(self, http_url: str) -> None:
        self.http_url = http_url
        self._model: SceneModel | None = None

    @property
    def model(self) -> SceneModel:
        """Scene and newest values; a new object when the server has restarted or the scene was replaced."""
        if self._model is None:
            raise LinkError(f"no scene from {self.http_url} yet")
        return self._model

    @property
    def scene(self) -> dict[str, Any]:
        """The document of `/api/scene`."""
        return self.model.document

    def local(self, path: str, point_id: int | None = None) -> F8:
        """parent_from_node f8[4, 4] [m] of a prim, or of a point of a PointInstancer."""
        return self.model.local(self.model.node(path, point_id))

    def world(self, path: str, point_id: int | None = None) -> F8:
        """world_from_node f8[4, 4] [m] of a prim, or of a point of a PointInstancer."""
        return self.model.world(self.model.node(path, point_id))

    def visible(self, path: str, point_id: int | None = None) -> bool:
        """Whether live values leave it shown."""
        return self.model.visible(self.model.node(path, point_id))

    def style(self, path: str, point_id: int | None = None) -> tuple[int, int, int, int]:
        """Its live colour, sRGB rgba; alpha 0 is the authored look."""
        return self.model.style(self.model.node(path, point_id))

    def value(self, signal_id: str) -> Value:
        """Newest value of a signal."""
        return self.model.value(signal_id)

    def entity(self, path: str, point_id: int | None = None) -> int:
        """Id of the entity that a prim or point shows; -1 where it shows none."""
        return self.model.entity(self.model.node(path, point_id))

    def nodes_of(self, tick: Tick) -> list[str]:
        """Prim paths whose pose a tick brought (points are left out)."""
        paths = self.model.paths
        return [paths[int(node)] for node in np.asarray(tick.nodes) if node < len(paths)]
