"""The demo plant: what stands in the bundled work cell, as its controllers would report it.

State is a pure function of time; noise comes from Philox blocks keyed by (seed, signal, sample), so any instant can be
asked for in any order and gives the same answer.

    noise, timing       keyed random numbers; sample times, delivery delays, duplicates, spoiled lines
    layout, kinematics  the cell's figures; forward and inverse kinematics of the arm
    robot, belt, fleet, process   the four machines: state at time t
    streams             state -> lines in each controller's own format
    plant               all streams merged in order of arrival: `Plant.advance`
    source              the telemetry source `plant:workcell?stream=robot`

Robot joints are named joint_1 ... joint_6, the fingers finger_left and finger_right, as in the stage.
"""

from twinstage.sim.plant.plant import Plant

__all__ = ["Plant"]
