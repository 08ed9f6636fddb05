"""Where the nodes of a moving scene are, against the whole scene composed anew, and what of it a look costs."""

from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.scene.transforms import compose_trs
from twinstage.sync.frustum import LOOK_EVERY_NS, Places, seen
from twinstage.sync.hub import Hub
from twinstage.sync.messages import CHANNELS, Eye, Interest


def composed(hub: Hub) -> np.ndarray:
    """world_from_node f8[n, 4, 4] of the hub's state, one node after the other."""
    parent = hub.scene.snapshot.node_parent
    out = np.empty((len(parent), 4, 4))
    done = np.zeros(len(parent), bool)

    def world(node: int) -> np.ndarray:
        if not done[node]:
            local = hub.local(node)
            out[node] = local if parent[node] < 0 else world(int(parent[node])) @ local
            done[node] = True
        return out[node]

    for node in range(len(parent)):
        world(node)
    return out


@given(st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=30, deadline=None)
def test_places_are_those_of_the_composed_scene_after_each_look(
    make: ModuleType, seed: int, scaled: bool
) -> None:
    rng = np.random.default_rng(seed)
    paths = ["/World"]
    for k in range(30):
        paths.append(f"{paths[rng.integers(max(0, k - 12), k + 1)]}/n{k:02}")
    paths = sorted(paths)
    turn = rng.normal(size=(31, 4))
    local = compose_trs(rng.normal(size=(31, 3)), turn / np.linalg.norm(turn, axis=1, keepdims=True))
    hub = Hub(make.snapshot(paths, points=4, local=local), epoch="e1")
    count = hub.scene.snapshot.node_count
    places = Places(hub.scene.snapshot)
    for look in range(6):
        centre, radius = places.balls(hub._state.pose, look * LOOK_EVERY_NS)
        world = composed(hub)
        np.testing.assert_allclose(centre, world[:, :3, 3], atol=1e-9)
        greatest = np.linalg.norm(world[:, :3, :3], 2, axis=(1, 2))
        drawn = places._reach >= 0
        assert drawn.any() and (radius[~drawn] == -1).all()
        assert (radius[drawn] >= (places._reach * greatest)[drawn] - 1e-9).all()
        if not scaled:
            np.testing.assert_allclose(radius[drawn], places._reach[drawn], rtol=1e-6)
        nodes = np.flatnonzero(rng.random(count) < 0.3)
        scale = rng.uniform(0.5, 2.0, (len(nodes), 3)) if scaled else None
        if len(nodes):
            hub.publish(
                make.tick(
                    make.poses(
                        nodes, rng.normal(size=(len(nodes), 3)), rng.normal(size=(len(nodes), 4)), scale
                    )
                )
            )


def test_a_look_composes_what_moved_and_what_is_below_it(make: ModuleType) -> None:
    paths = [
        "/World",
        *(f"/World/L{k}" for k in range(10)),
        *(f"/World/L{k}/n{i:02}" for k in range(10) for i in range(20)),
    ]
    hub = Hub(make.snapshot(sorted(paths)), epoch="e1")
    index = hub.scene.snapshot.prims.index_of
    places = Places(hub.scene.snapshot)

    def look(second: int) -> int:
        places.composed = 0
        places.balls(hub._state.pose, second * 10**9)
        return places.composed

    assert look(0) == hub.scene.snapshot.node_count and look(1) == 0
    hub.publish(make.tick(make.poses([index["/World/L3"]], [[1, 0, 0]])))
    assert look(1) == 0  # not yet
    assert look(2) == 21
    hub.publish(make.tick(make.poses([index["/World/L3/n07"]], [[1, 0, 0]])))
    assert look(3) == 1


def test_sheared_prims_are_never_thought_smaller_than_they_are(make: ModuleType) -> None:
    rng = np.random.default_rng(3)
    local = np.tile(np.eye(4), (4, 1, 1))
    local[:, :3, :3] = rng.normal(size=(4, 3, 3))
    hub = Hub(make.snapshot(local=local), epoch="e1")
    places = Places(hub.scene.snapshot)
    _, radius = places.balls(hub._state.pose, 0)
    greatest = np.linalg.norm(composed(hub)[:, :3, :3], 2, axis=(1, 2))
    drawn = places._reach >= 0
    assert drawn.any() and (radius[drawn] >= (places._reach * greatest)[drawn]).all()


def test_a_jump_in_time_forgets_where_things_were(make: ModuleType) -> None:
    clock = SimpleNamespace(now_ns=lambda: 10**18)
    hub = Hub(make.snapshot(["/World", "/World/A"]), epoch="e1", clock=clock)
    eye = Interest(view=Eye((-10, 0, 0), (1, 0, 0), vertical_fov=0.5))
    want = frozenset(CHANNELS)
    hub.publish(make.tick(make.poses([1], [[-30, 0, 0]])))  # behind the camera
    behind = hub.view(want, eye).mask("pose")
    hub.begin_again(hub._new_state(0))
    there = hub.view(want, eye).mask("pose")
    assert behind is not None and there is not None
    assert not behind[1] and there[1]


@pytest.mark.parametrize("before", [None, np.array([True, False, True])])
def test_balls_are_seen_in_the_cone_with_a_margin_that_grows_for_who_was_there(
    before: np.ndarray | None,
) -> None:
    eye = Eye((0, 0, 0), (1, 0, 0), vertical_fov=2 * np.arctan(np.tan(np.radians(30)) / np.sqrt(2)))
    angle = np.radians([0, 38, 38])
    centre = 10 * np.column_stack([np.cos(angle), np.sin(angle), 0 * angle])
    found = seen(eye, centre, np.zeros(3), before)
    # 38 degrees are 8 outside of the cone of 30: 1.39 m at 10 m, which only the margin of who stays covers.
    assert found.tolist() == ([True, False, False] if before is None else [True, False, True])
