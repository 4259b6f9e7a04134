"""labeling/consensus/classes.py on hand cases, on simulated crews, and on real crowds with a known truth."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pytest
import yaml

from labeling.consensus.classes import ANNOTATORS_SCHEMA, Consensus, agree
from labeling.crew import SimulatedAnnotator, demo_crew
from labeling.spec import ConsensusSpec
from lake.errors import PlatformError
from lake.records import Annotation
from tests.unit.labeling.made import annotation

DATA = Path(__file__).resolve().parents[3].parent / "shared" / "data"
MAJORITY = ConsensusSpec(method="majority", min_posterior=0.7)
DAWID_SKENE = ConsensusSpec(method="dawid_skene", min_posterior=0.7, max_iterations=300)
DIGITS = [str(digit) for digit in range(10)]

Vote = tuple[str, str, str]  # item, annotator, answer


def annotations_of(votes: Sequence[Vote]) -> list[Annotation]:
    return [annotation(item, who, answer, number=n) for n, (item, who, answer) in enumerate(votes)]


def consensus(
    votes: Sequence[Vote], classes: Sequence[str], spec: ConsensusSpec, gold: Mapping[str, str] | None = None
) -> Consensus:
    return agree(annotations_of(votes), classes, spec, gold=gold or {}, schema_version="s1")


def accuracy(agreed: Consensus, truth: Mapping[str, str]) -> float:
    return float(np.mean([label.answer == truth[label.item_id] for label in agreed.labels]))


def crowd_kit(votes: Sequence[Vote], truth: Mapping[str, str]) -> float:
    from crowdkit.aggregation import DawidSkene

    frame = pd.DataFrame(votes, columns=["task", "worker", "label"])
    said = DawidSkene(n_iter=100).fit_predict(frame)
    return float(np.mean([answer == truth[str(item)] for item, answer in said.items()]))


def simulated(num_items: int) -> tuple[list[Vote], dict[str, str]]:
    """Three of the demo's crew of six on each item."""
    votes, truth = [], {}
    crew = demo_crew(DIGITS)
    for i in range(num_items):
        item = f"item {i}"
        truth[item] = DIGITS[i % 10]
        votes += [(item, one.name, one.answer(item, truth[item])[0]) for one in Random(i).sample(crew, 3)]
    return votes, truth


def test_majority_counts_votes() -> None:
    agreed = consensus([("x", "ada", "a"), ("x", "bo", "a"), ("x", "chen", "b")], ["a", "b"], MAJORITY)
    (label,) = agreed.labels
    assert (label.answer, label.method, label.annotators) == ("a", "majority", ("ada", "bo", "chen"))
    assert label.confidence == label.agreement == pytest.approx(2 / 3)
    assert label.schema_version == "s1"


def test_a_tie_stays_below_every_floor() -> None:
    (label,) = consensus([("x", "ada", "b"), ("x", "bo", "a")], ["a", "b"], MAJORITY).labels
    assert (label.answer, label.confidence) == ("a", 0.5)


@pytest.mark.parametrize("spec", [MAJORITY, DAWID_SKENE])
def test_no_votes_give_no_labels(spec: ConsensusSpec) -> None:
    agreed = agree([annotation("x", "ada", "", cancelled=True)], ["a", "b"], spec, gold={}, schema_version="s1")
    assert agreed.labels == ()
    assert agreed.annotators.schema == ANNOTATORS_SCHEMA
    assert agreed.annotators.num_rows == 0


def test_the_last_word_of_an_annotator_counts() -> None:
    annotations = [annotation("x", "ada", "b", number=2, minute=9), annotation("x", "ada", "a", number=1)]
    (label,) = agree(annotations, ["a", "b"], MAJORITY, gold={}, schema_version="s1").labels
    assert (label.answer, label.agreement) == ("b", 1.0)


def test_an_unknown_class_is_named() -> None:
    with pytest.raises(PlatformError, match='"c" is no class'):
        consensus([("x", "ada", "c")], ["a", "b"], MAJORITY)


@pytest.mark.parametrize("spec", [MAJORITY, DAWID_SKENE])
def test_the_order_of_annotations_changes_nothing(spec: ConsensusSpec) -> None:
    votes, _ = simulated(60)
    given = annotations_of(votes)
    first = agree(given, DIGITS, spec, gold={"item 3": "3"}, schema_version="s1")
    again = agree(Random(1).sample(given, len(given)), DIGITS, spec, gold={"item 3": "3"}, schema_version="s1")
    assert first.labels == again.labels
    assert first.annotators.equals(again.annotators)
    assert np.array_equal(first.confusion, again.confusion)


def test_some_labels_can_be_picked_out() -> None:
    votes, _ = simulated(30)
    agreed = consensus(votes, DIGITS, DAWID_SKENE)
    assert [label.item_id for label in agreed.only({"item 4", "item 20", "none"}).labels] == ["item 20", "item 4"]
    assert agreed.only(set()).labels == ()


def test_a_model_of_each_annotator_beats_counting_votes() -> None:
    votes, truth = simulated(600)
    modelled, counted = consensus(votes, DIGITS, DAWID_SKENE), consensus(votes, DIGITS, MAJORITY)
    assert accuracy(modelled, truth) > accuracy(counted, truth) + 0.02
    assert accuracy(modelled, truth) >= crowd_kit(votes, truth)
    assert modelled.converged


def test_it_finds_the_confusion_that_answers_were_drawn_from() -> None:
    votes, truth = simulated(2000)
    agreed = consensus(votes, DIGITS, DAWID_SKENE)
    table = agreed.annotators.to_pydict()
    estimated = dict(zip(table["annotator"], table["accuracy"], strict=True))
    for row, one in enumerate(demo_crew(DIGITS)):
        right = [answer == truth[item] for item, who, answer in votes if who == one.name]
        assert estimated[one.name] == pytest.approx(np.mean(right), abs=0.02)
        assert agreed.confusion[row] == pytest.approx(np.array(one.confusion), abs=0.15)  # a row has 100 votes
    assert sum(table["num_answers"]) == len(votes)


def test_confidence_means_what_it_says() -> None:
    votes, truth = simulated(2000)
    labels = consensus(votes, DIGITS, DAWID_SKENE).labels
    sure = [label for label in labels if label.confidence > 0.95]
    torn = [label for label in labels if label.confidence <= 0.8]
    right = [np.mean([one.answer == truth[one.item_id] for one in part]) for part in (sure, torn)]
    assert right[0] > 0.95
    assert right[1] < 0.8


def test_gold_has_no_label_and_turns_a_misled_majority() -> None:
    """Two who always agree on the wrong class outvote one who is right, until gold shows who is who."""
    truth = {f"item {i}": "ab"[i % 2] for i in range(40)}
    votes = []
    for item, answer in truth.items():
        wrong = "b" if answer == "a" else "a"
        votes += [(item, "ada", answer), (item, "liar 1", wrong), (item, "liar 2", wrong)]
    gold = dict(list(truth.items())[:12])
    assert accuracy(consensus(votes, ["a", "b"], DAWID_SKENE), truth) == 0.0
    agreed = consensus(votes, ["a", "b"], DAWID_SKENE, gold)
    assert {label.item_id for label in agreed.labels} == set(truth) - set(gold)
    assert accuracy(agreed, truth) == 1.0


def test_blue_birds() -> None:
    """108 photos, 39 people, two species: a real crowd whose majority is often wrong (Welinder et al. 2010)."""
    folder = DATA / "crowd_bluebirds"
    if not folder.exists():
        pytest.skip("the data set crowd_bluebirds is not beside the repository")
    given = yaml.safe_load((folder / "labels.yaml").read_text())
    truth = {str(item): str(answer) for item, answer in yaml.safe_load((folder / "gt.yaml").read_text()).items()}
    votes = [(str(i), str(who), str(answer)) for who, items in given.items() for i, answer in items.items()]
    classes = ["False", "True"]
    assert accuracy(consensus(votes, classes, MAJORITY), truth) == pytest.approx(0.759, abs=0.01)
    modelled = accuracy(consensus(votes, classes, DAWID_SKENE), truth)
    assert modelled == pytest.approx(0.898, abs=0.01)
    assert modelled >= crowd_kit(votes, truth)


def test_cifar10n() -> None:
    """1,000 pictures with three real votes each."""
    path = DATA / "cifar10n_1000" / "labels.csv"
    if not path.exists():
        pytest.skip("the data set cifar10n_1000 is not beside the repository")
    rows = list(csv.DictReader(path.read_text().splitlines()))
    votes = [(row["file"], f"slot {n}", row[f"random_label{n}"]) for row in rows for n in (1, 2, 3)]
    truth = {row["file"]: row["clean_label"] for row in rows}
    assert accuracy(consensus(votes, DIGITS, DAWID_SKENE), truth) == pytest.approx(0.933, abs=0.005)


def test_a_person_who_looked_is_told_from_one_who_did_not() -> None:
    careful = SimulatedAnnotator.of_accuracy("ada@x", DIGITS, 0.95, seconds_median=2)
    spammer = SimulatedAnnotator.spammer("finn@x", DIGITS, seconds_median=1)
    others = [SimulatedAnnotator.of_accuracy(f"{n}@x", DIGITS, 0.9, seconds_median=2) for n in ("bo", "chen")]
    truth = {f"item {i}": DIGITS[i % 10] for i in range(200)}
    votes = [
        (item, one.name, one.answer(item, answer)[0])
        for item, answer in truth.items()
        for one in (careful, spammer, *others)
    ]
    table = consensus(votes, DIGITS, DAWID_SKENE).annotators.to_pydict()
    estimated = dict(zip(table["annotator"], table["accuracy"], strict=True))
    assert estimated["finn@x"] < 0.25 < 0.9 < estimated["ada@x"]
