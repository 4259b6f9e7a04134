"""labeling/routing.py: which items need further votes, and whose."""

from random import Random

import numpy as np
import pytest

from labeling.consensus.classes import Choices
from labeling.consensus.votes import Votes
from labeling.routing import Offers, Routed, Router, best_offers, is_machine, machine_votes, overlap_wanted
from lake.errors import SpecError

CLASSES = ["a", "b"]


def crew(number: int) -> list[tuple[str, str, str]]:
    """Two careful people and one who guesses, on many items."""
    random, said = Random(1), []
    for i in range(number):
        truth = "ab"[i % 2]
        said += [(f"x{i:03}", who, truth) for who in ("ada", "bo")]
        said.append((f"x{i:03}", "finn", random.choice("ab")))
    return said


def routed(extra: list[tuple[str, str, str]], router: Router) -> dict[str, Routed]:
    fitted = Choices(CLASSES, "ibcc").fit(Votes.of(crew(60) + extra))
    return {one.item: one for one in router.route(fitted)}


def test_an_item_that_people_agree_on_is_done() -> None:
    found = routed([], Router(0.05, 1, 5))
    assert {one.verdict for one in found.values()} == {"done"}


def test_an_item_that_people_contradict_each_other_on_goes_on() -> None:
    found = routed([("y", "ada", "a"), ("y", "bo", "b")], Router(0.05, 1, 5))["y"]
    assert (found.verdict, found.num_votes) == ("more", 2)
    assert found.expected_error == pytest.approx(0.5, abs=0.1)


def test_one_vote_of_a_careful_person_does_where_one_of_a_guesser_does_not() -> None:
    router = Router(0.1, 1, 5)
    assert routed([("y", "ada", "a")], router)["y"].verdict == "done"
    assert routed([("y", "finn", "a")], router)["y"].verdict == "more"


def test_no_item_is_done_before_its_least_number_of_votes() -> None:
    assert routed([("y", "ada", "a")], Router(0.1, 2, 5))["y"].verdict == "more"


def test_where_all_have_answered_an_expert_decides() -> None:
    assert routed([("y", "ada", "a"), ("y", "bo", "b")], Router(0.05, 1, 2))["y"].verdict == "expert"


def test_machines_are_heard_and_not_counted() -> None:
    said = [(item, "model:m sure", answer) for item, who, answer in crew(60) if who == "ada"]
    found = routed([*said, ("y", "model:m sure", "a")], Router(0.1, 1, 3))["y"]
    assert (found.verdict, found.num_votes) == ("more", 0)
    assert found.expected_error < 0.1
    assert routed([*said, ("y", "model:m sure", "a"), ("y", "finn", "a")], Router(0.1, 1, 3))["y"].verdict == "done"


@pytest.mark.parametrize("wrong", [(0.0, 1, 3), (1.0, 1, 3), (0.1, 0, 3), (0.1, 4, 3)])
def test_a_rule_that_cannot_be_kept_is_refused(wrong: tuple[float, int, int]) -> None:
    with pytest.raises(SpecError):
        Router(*wrong)


def test_overlap_grows_by_one_where_more_is_needed() -> None:
    found = [Routed("x", "more", 0.3, 2), Routed("y", "done", 0.0, 2), Routed("z", "expert", 0.4, 5)]
    assert overlap_wanted(found, {"x": 2, "y": 2, "z": 5}) == {"x": 3}
    assert overlap_wanted(found, {"x": 4}) == {"x": 4}  # two answers are still awaited


def test_a_model_is_three_voters_by_how_sure_it_is() -> None:
    said = machine_votes("m", ["x", "y", "z"], [[0.99, 0.01], [0.3, 0.7], [0.5, 0.5]], CLASSES)
    assert said == [("x", "model:m sure", "a"), ("y", "model:m likely", "b"), ("z", "model:m guess", "a")]
    assert all(is_machine(who) for _, who, _ in said)
    assert not is_machine("model@example.com")


def test_probabilities_of_another_shape_are_refused() -> None:
    with pytest.raises(SpecError, match="shape"):
        machine_votes("m", ["x"], [[0.5, 0.3, 0.2]], CLASSES)


def offers(*pairs: tuple[int, int]) -> Offers:
    return Offers(*(np.array([pair[place] for pair in pairs], dtype=np.int64) for place in (0, 1)))


def confusion(*accuracy: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.array([[[one, 1 - one], [1 - one, one]] for one in accuracy])


MANY = np.array([10_000, 10_000])


def test_the_item_where_a_vote_turns_most_comes_first() -> None:
    posterior = np.array([[0.99, 0.01], [0.55, 0.45], [0.8, 0.2]])
    chosen = best_offers(offers((0, 0), (1, 0), (2, 0)), posterior, confusion(0.9), MANY[:1], 2, "k")
    assert chosen.tolist() == [1, 2]


def test_the_better_annotator_is_asked_and_no_item_twice() -> None:
    posterior = np.array([[0.5, 0.5], [0.5, 0.5]])
    given = offers((0, 0), (0, 1), (1, 1), (1, 0))
    chosen = best_offers(given, posterior, confusion(0.6, 0.9), MANY, 9, "k")
    assert sorted(chosen.tolist()) == [1, 2]


def test_somebody_hardly_known_gets_a_chance() -> None:
    posterior = np.array([[0.5, 0.5]])
    known = np.array([10_000, 0])
    asked = {
        int(best_offers(offers((0, 0), (0, 1)), posterior, confusion(0.75, 0.7), known, 1, f"k{n}")[0])
        for n in range(30)
    }
    assert asked == {0, 1}


def test_nothing_on_offer_is_nothing_chosen() -> None:
    assert best_offers(offers(), np.zeros((0, 2)), confusion(0.9), MANY[:1], 5, "k").tolist() == []
