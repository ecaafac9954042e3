"""The Kalman filter against its closed forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.vision.motion import Motion, MotionParameters, begin, correct, predict

PARAMETERS = MotionParameters()
BOX = np.array([[100.0, 100.0, 140.0, 200.0]])


def test_a_box_comes_back_as_it_went_in() -> None:
    assert begin(BOX, PARAMETERS).boxes().tolist() == BOX.tolist()


def test_two_short_steps_are_one_long_step() -> None:
    once = predict(begin(BOX, PARAMETERS), 1.0, PARAMETERS)
    twice = predict(predict(begin(BOX, PARAMETERS), 0.3, PARAMETERS), 0.7, PARAMETERS)
    for name in ("mean", "velocity", "pp", "pv", "vv"):
        assert getattr(twice, name) == pytest.approx(getattr(once, name))


def test_the_velocity_is_learnt_and_carried_on() -> None:
    motion = begin(BOX, PARAMETERS)
    for step in range(1, 40):
        motion = predict(motion, 0.1, PARAMETERS)
        moved = BOX + np.array([3.0, 1.0, 3.0, 1.0]) * step
        correct(motion, np.array([0]), moved, np.array([0.9]), PARAMETERS)
    assert motion.velocity[0, :2] == pytest.approx([30.0, 10.0], rel=0.05)
    later = predict(motion, 1.0, PARAMETERS).boxes()[0]
    assert later == pytest.approx(BOX[0] + 3.9 * np.array([30, 10, 30, 10]) + np.array([30, 10, 30, 10]), abs=3)


def test_a_hidden_box_does_not_grow() -> None:
    motion = begin(BOX, PARAMETERS)
    for step in range(1, 10):
        motion = predict(motion, 0.1, PARAMETERS)
        grown = BOX + np.array([-1.0, -2.0, 1.0, 2.0]) * step
        correct(motion, np.array([0]), grown, np.array([0.9]), PARAMETERS)
    assert predict(motion, 2.0, PARAMETERS).mean[0, 2:] == pytest.approx(motion.mean[0, 2:])


def test_an_uncertain_detection_moves_the_box_less() -> None:
    moved = BOX + 10
    estimates = []
    for score in (0.2, 0.9):
        motion = predict(begin(BOX, PARAMETERS), 0.1, PARAMETERS)
        correct(motion, np.array([0]), moved, np.array([score]), PARAMETERS)
        estimates.append(float(motion.mean[0, 0]))
    assert estimates[0] < estimates[1]


def test_a_box_of_which_a_part_is_hidden_moves_the_estimate_less() -> None:
    """Both boxes have their middle ten pixels to the left, the first since its right half is hidden."""
    estimates, velocities = [], []
    for change in ([0.0, 0.0, -20.0, 0.0], [-10.0, 0.0, -10.0, 0.0]):
        motion = predict(begin(BOX, PARAMETERS), 0.1, PARAMETERS)
        correct(motion, np.array([0]), BOX + np.array(change), np.array([0.9]), PARAMETERS)
        estimates.append(float(motion.mean[0, 0]))
        velocities.append(float(motion.velocity[0, 0]))
    assert 110.0 <= estimates[1] < estimates[0] < 120.0
    assert velocities[1] < velocities[0] < 0.0


def test_taking_and_joining_keep_rows_together() -> None:
    both = begin(np.concatenate((BOX, BOX + 50)), PARAMETERS)
    swapped = both.take(np.array([1])).join(both.take(np.array([0])))
    assert swapped.boxes().tolist() == [*(BOX + 50).tolist(), *BOX.tolist()]


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(-500, 500), st.booleans()), max_size=30))
def test_covariances_stay_covariances(steps: list[tuple[float, float, bool]]) -> None:
    motion: Motion = begin(BOX, PARAMETERS)
    for seconds, shift, seen in steps:
        motion = predict(motion, seconds, PARAMETERS)
        if seen:
            correct(motion, np.array([0]), BOX + shift, np.array([0.7]), PARAMETERS)
        assert (motion.pp > 0).all()
        assert (motion.vv >= 0).all()
        assert (motion.pv**2 <= motion.pp * motion.vv * (1 + 1e-9) + 1e-9).all()
