"""labeling/crew.py: simulated annotators err as they say they do."""

from collections import Counter

import numpy as np
import pytest

from labeling.crew import SimulatedAnnotator, demo_crew

CLASSES = ("a", "b", "c", "d")


def test_an_answer_is_the_same_whenever_it_is_asked() -> None:
    ada, again, other = (
        SimulatedAnnotator.of_accuracy("ada@x", CLASSES, 0.5, seconds_median=2, seed=seed) for seed in (1, 1, 2)
    )
    said = [ada.answer(f"item {i}", "a") for i in range(50)]
    assert said == [again.answer(f"item {i}", "a") for i in range(50)]
    assert said != [other.answer(f"item {i}", "a") for i in range(50)]


def test_errors_follow_the_confusion_matrix() -> None:
    ada = SimulatedAnnotator.of_accuracy("ada@x", CLASSES, 0.7, seconds_median=3)
    drawn = [ada.answer(f"item {i}", "b") for i in range(6000)]
    shares = Counter(answer for answer, _ in drawn)
    assert [shares[name] / 6000 for name in CLASSES] == pytest.approx([0.05, 0.7, 0.2, 0.05], abs=0.02)
    assert np.median([seconds for _, seconds in drawn]) == pytest.approx(3, rel=0.05)


def test_the_demo_crew_is_six_different_people() -> None:
    crew = demo_crew(CLASSES)
    assert len({one.name for one in crew}) == len({one.confusion for one in crew}) == 6
    assert all(one.name.endswith("@simulated.example") for one in crew)
    assert sum(0.5 < one.accuracy < 0.7 for one in crew) == 1  # careless
    assert sum(one.accuracy <= 1 / 4 for one in crew) == 1  # spammer
    for one in crew:
        assert np.sum(one.confusion, axis=1) == pytest.approx(np.ones(4))


def test_two_classes_work_too() -> None:
    for one in demo_crew(("no", "yes")):
        assert np.sum(one.confusion, axis=1) == pytest.approx(np.ones(2))
        assert one.answer("item", "no")[0] in ("no", "yes")
