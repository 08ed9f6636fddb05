"""The judge's silhouettes against every ray through every triangle, by a formula of their own: for all lenses."""

import numpy as np
import pytest

from twinstage.synth.verify.eye import Eye
from twinstage.synth.verify.silhouette import silhouette

W, H = 48, 36
WINDOW = (-12, -9, 60, 45)
LENSES = {
    "pinhole": np.zeros(0),
    "orthographic": np.zeros(0),
    "opencv": np.array([-0.2, 0.05, 0.001, 0.002, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    "fisheye": np.array([0.02, -0.01, 0, 0, 1.5]),
    "equirectangular": np.zeros(0),
}


def eye_of(kind, seed, moving=False):
    K = np.array([[40.0, 0, W / 2 + 1.3], [0, 44.0, H / 2 - 0.7], [0, 0, 1]])
    if kind == "equirectangular":
        K = np.array([[W / (2 * np.pi), 0, W / 2], [0, H / np.pi, H / 2], [0, 0, 1]])
    if kind == "orthographic":
        K[0, 0] = K[1, 1] = 14.0
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = turn * np.sign(np.linalg.det(turn)), rng.normal(size=3)
    poses = np.repeat(pose[None], H if moving else 1, axis=0)
    if moving:
        poses[:, :3, 3] += np.linspace(-0.1, 0.1, H)[:, None] * pose[:3, 0]
    return Eye(W, H, K, pose, poses, kind, LENSES[kind], 0.3, 5.0)


def brute_force(eye, corners):
    """Whether each ray meets any triangle between near and far (Cramer's rule, whole plane at once), bool[h, w]."""
    x0, y0, x1, y1 = WINDOW
    x, y = np.meshgrid(np.arange(x0, x1) + 0.5, np.arange(y0, y1) + 0.5)
    o, d = eye.rays(x.ravel(), y.ravel())
    found = np.zeros(len(o), bool)
    for a, b, c in corners:
        sides = np.stack([np.broadcast_to(b - a, d.shape), np.broadcast_to(c - a, d.shape), -d], -1)
        with np.errstate(all="ignore"):
            whole = np.linalg.det(sides)
            u, v, t = (
                np.linalg.det(np.where(np.arange(3) == k, (o - a)[..., None], sides)) / whole
                for k in range(3)
            )
            found |= (u >= 0) & (v >= 0) & (u + v <= 1) & (t > eye.near) & (t < eye.far)
    return found.reshape(y1 - y0, x1 - x0)


@pytest.mark.parametrize("kind", LENSES)
@pytest.mark.parametrize(
    ("size", "ahead"),
    [(0.08, 2.0), (0.3, 1.0), (2.0, 2.0), (1.5, 0.0)],
    ids=["specks", "parts", "walls", "around"],
)
def test_silhouettes_are_those_of_all_pairs(kind, size, ahead):
    judged(eye_of(kind, 3), size, ahead)


@pytest.mark.parametrize("kind", ["pinhole", "fisheye"])
def test_silhouettes_of_moving_cameras_are_those_of_all_pairs(kind):
    judged(eye_of(kind, 3, moving=True), 0.3, 1.0)


def judged(eye, size, ahead):
    rng = np.random.default_rng(7)
    count = 40
    local = rng.normal(size=(count, 1, 3)) * 0.7 + [0, 0, ahead] + rng.normal(size=(count, 3, 3)) * size
    local[0, 1] = local[0, 0]  # a triangle without a surface
    corners = local @ eye.pose[:3, :3].T + eye.pose[:3, 3]
    found, truth = silhouette(eye, corners, WINDOW), brute_force(eye, corners)
    assert not (found.inside & ~truth).any()
    assert not (truth & ~found.possible).any()
    assert (found.possible & ~found.inside).sum() <= 0.12 * truth.sum() + 15
    assert truth.any()


def test_a_fine_mesh_costs_no_more_than_its_pixels():
    """20,000 triangles of a ball: what is decided is not looked at again."""
    eye = eye_of("pinhole", 1)
    a, b = np.meshgrid(np.linspace(0, np.pi, 101), np.linspace(0, 2 * np.pi, 101), indexing="ij")
    ball = np.stack([np.sin(a) * np.cos(b), np.sin(a) * np.sin(b), np.cos(a)], -1)
    p, q, r, s = ball[:-1, :-1], ball[1:, :-1], ball[1:, 1:], ball[:-1, 1:]
    local = np.concatenate([np.stack([p, q, r], -2), np.stack([p, r, s], -2)]).reshape(-1, 3, 3)
    local = local + np.array([0, 0, 3])
    found = silhouette(eye, local @ eye.pose[:3, :3].T + eye.pose[:3, 3], WINDOW)
    x0, y0, x1, y1 = WINDOW
    x, y = np.meshgrid(np.arange(x0, x1) + 0.5, np.arange(y0, y1) + 0.5)
    rays = np.stack([(x - eye.K[0, 2]) / 40, (y - eye.K[1, 2]) / 44, np.ones_like(x)], -1)
    cosine = rays[..., 2] / np.linalg.norm(rays, axis=-1)
    off = 3 * np.sqrt(1 - cosine**2)  # of the ray from the ball's middle [m]
    assert not (found.inside & (off > 1)).any()
    assert not ((off < 0.996) & ~found.possible).any()
