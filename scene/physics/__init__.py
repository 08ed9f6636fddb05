"""UsdPhysics -> MuJoCo: bodies, masses, colliders, joints, drives and filters of a composed stage as a `mujoco.MjSpec`.

    world = to_mjspec(open_stage("cell.usda"))
    model = world.spec.compile()

The stage is read by our own usd-core (never by MuJoCo's reader). Everything is in SI and Z-up; names are prim paths; what
MuJoCo cannot say exactly is told in `world.findings`. docs/physics.md has the table.
"""

from twinstage.scene.physics.translate import PhysicsWorld, to_mjspec

__all__ = ["PhysicsWorld", "to_mjspec"]
