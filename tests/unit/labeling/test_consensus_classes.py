"""labeling/consensus/classes.py on hand cases, on simulated crews, and on real crowds with a known truth."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pytest
import yaml

from labeling.consensus.agree import Consensus, agree, votes_of
from labeling.consensus.classes import Choices, ClassMethod
from labeling.consensus.votes import ANNOTATORS_SCHEMA, Agreed, Votes
from labeling.crew import SimulatedAnnotator, demo_crew
from lake.errors import PlatformError, SpecError
from lake.records import Annotation
from tests.unit.labeling.made import annotation

DATA = Path(__file__).resolve().parents[3].parent / "shared" / "data"
METHODS: tuple[ClassMethod, ...] = ("auto", "majority", "one_coin", "dawid_skene", "ibcc", "ebcc")
MODELS: tuple[ClassMethod, ...] = ("auto", "dawid_skene", "ibcc", "ebcc")
MAJORITY: ClassMethod = "majority"
DAWID_SKENE: ClassMethod = "dawid_skene"
DIGITS = [str(digit) for digit in range(10)]

Vote = tuple[str, str, str]  # item, annotator, answer


def annotations_of(votes: Sequence[Vote]) -> list[Annotation]:
    return [annotation(item, who, answer, number=n) for n, (item, who, answer) in enumerate(votes)]


def consensus(
    votes: Sequence[Vote], classes: Sequence[str], method: ClassMethod, gold: Mapping[str, str] | None = None
) -> Consensus:
    return agree(annotations_of(votes), Choices(classes, method), gold=gold or {}, schema_version="s1")


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


@pytest.mark.parametrize("method", METHODS)
def test_no_votes_give_no_labels(method: ClassMethod) -> None:
    skipped = [annotation("x", "ada", "", cancelled=True)]
    agreed = agree(skipped, Choices(["a", "b"], method), gold={}, schema_version="s1")
    assert agreed.labels == ()
    assert agreed.annotators.schema == ANNOTATORS_SCHEMA
    assert agreed.annotators.num_rows == 0


def test_the_last_word_of_an_annotator_counts() -> None:
    annotations = [annotation("x", "ada", "b", number=2, minute=9), annotation("x", "ada", "a", number=1)]
    (label,) = agree(annotations, Choices(["a", "b"], MAJORITY), gold={}, schema_version="s1").labels
    assert (label.answer, label.agreement) == ("b", 1.0)


def test_an_unknown_class_is_named() -> None:
    with pytest.raises(PlatformError, match='"c" is no class'):
        consensus([("x", "ada", "c")], ["a", "b"], MAJORITY)


@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_annotations_changes_nothing(method: ClassMethod) -> None:
    votes, _ = simulated(60)
    given, choices = annotations_of(votes), Choices(DIGITS, method)
    first = agree(given, choices, gold={"item 3": "3"}, schema_version="s1")
    again = agree(Random(1).sample(given, len(given)), choices, gold={"item 3": "3"}, schema_version="s1")
    assert first.labels == again.labels
    assert first.why == again.why
    assert first.annotators.equals(again.annotators)


def test_some_labels_can_be_picked_out() -> None:
    votes, _ = simulated(30)
    agreed = consensus(votes, DIGITS, DAWID_SKENE)
    assert [label.item_id for label in agreed.only({"item 4", "item 20", "none"}).labels] == ["item 20", "item 4"]
    assert agreed.only(set()).labels == ()


@pytest.mark.parametrize("method", MODELS)
def test_a_model_of_each_annotator_beats_counting_votes(method: ClassMethod) -> None:
    votes, truth = simulated(600)
    modelled, counted = consensus(votes, DIGITS, method), consensus(votes, DIGITS, MAJORITY)
    assert accuracy(modelled, truth) > accuracy(counted, truth) + 0.02
    assert accuracy(modelled, truth) >= crowd_kit(votes, truth)


@pytest.mark.parametrize("method", ["dawid_skene", "ibcc"])
def test_it_finds_the_confusion_that_answers_were_drawn_from(method: ClassMethod) -> None:
    votes, truth = simulated(2000)
    fitted = Choices(DIGITS, method).fit(votes_of(annotations_of(votes)))
    table = fitted.annotators.to_pydict()
    estimated = dict(zip(table["annotator"], table["accuracy"], strict=True))
    for row, one in enumerate(demo_crew(DIGITS)):
        right = [answer == truth[item] for item, who, answer in votes if who == one.name]
        assert estimated[one.name] == pytest.approx(np.mean(right), abs=0.02)
        assert fitted.confusion[row] == pytest.approx(np.array(one.confusion), abs=0.2)  # a row has 100 votes
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


def test_errors_that_go_together_are_noticed() -> None:
    """Most of a crew mistakes every fourth item of class a; a little gold tells the three who know better."""
    random, said, truth = Random(5), [], {}
    for i in range(600):
        item, truth[item] = f"item {i:03}", "ab"[i % 2]
        hard = i % 8 == 0
        for n in range(11):
            misled = hard and n >= 3
            right = random.random() < (0.08 if misled else 0.93 if n < 3 else 0.8)
            said.append((item, f"person {n:02}", truth[item] if right else "ba"[i % 2]))
    votes, gold = Votes.of(said), dict(list(truth.items())[:80])
    methods: tuple[ClassMethod, ...] = ("ibcc", "ebcc", "auto")
    plain, rich, automatic = (Choices(["a", "b"], method).fit(votes, gold=gold) for method in methods)
    assert right_share(rich.labels, truth) >= right_share(plain.labels, truth) + 0.03
    assert (automatic.method, automatic.labels) == ("ebcc", rich.labels)
    assert "hidden kinds of items" in automatic.why


def test_errors_that_do_not_go_together_need_no_hidden_kinds() -> None:
    votes, _ = simulated(400)
    assert Choices(DIGITS).fit(votes_of(annotations_of(votes))).method == "ibcc"


@pytest.mark.parametrize("method", METHODS)
def test_further_items_are_judged_by_what_was_learned(method: ClassMethod) -> None:
    votes, truth = simulated(400)
    fitted = Choices(DIGITS, method).fit(Votes.of(votes[:900]))
    again = fitted.predict(Votes.of(votes[:900]))
    assert [one.answer for one in again] == [one.answer for one in fitted.labels]
    fresh = fitted.predict(Votes.of(votes[900:]))
    assert len(fresh) == 100
    assert right_share(fresh, truth) >= (0.8 if method == "majority" else 0.88)


def test_a_stranger_counts_as_average() -> None:
    careful = [(f"x{i}", who, "ab"[i % 2]) for i in range(50) for who in ("ada", "bo")]
    wild = [(f"x{i}", "finn", Random(i).choice("ab")) for i in range(50)]
    fitted = Choices(["a", "b"], "ibcc").fit(Votes.of(careful + wild))
    (against,) = fitted.predict(Votes.of([("new", "ada", "a"), ("new", "stranger", "b")]))
    assert against.answer == "a"
    (careless,) = fitted.predict(Votes.of([("new", "finn", "a"), ("new", "stranger", "b")]))
    assert careless.answer == "b"


def test_a_thousand_votes_on_an_item_do_not_underflow() -> None:
    votes = [("x", f"person {n:04}", "a" if n % 3 else "b") for n in range(3000)]
    for method in MODELS:
        (label,) = Choices(["a", "b"], method).fit(Votes.of(votes)).labels
        assert label.answer == "a"
        assert 0.5 < label.confidence <= 1.0


def test_gold_against_everybody_stays_certain() -> None:
    votes = [(f"x{i}", f"person {n:02}", "a") for i in range(30) for n in range(40)]
    for method in METHODS:
        fitted = Choices(["a", "b"], method).fit(Votes.of(votes), gold={"x3": "b"})
        assert fitted.posterior[fitted.votes.items.index("x3")].tolist() == [0.0, 1.0]
        assert np.isfinite(fitted.posterior).all()


def test_a_question_with_very_many_classes_is_answered() -> None:
    words = [f"word {n:04}" for n in range(3000)]
    random, votes, truth = Random(2), [], {}
    for i in range(300):
        truth[f"x{i:03}"] = random.choice(words)
        for n in range(3):
            right = random.random() < (0.95 if n == 0 else 0.6)
            votes.append((f"x{i:03}", f"person {n}", truth[f"x{i:03}"] if right else random.choice(words)))
    fitted = Choices(words).fit(Votes.of(votes))
    assert fitted.method == "one_coin"
    assert right_share(fitted.labels, truth) > 0.94


def test_the_table_says_what_the_labels_say() -> None:
    votes, _ = simulated(20)
    fitted = Choices(DIGITS).fit(Votes.of(votes))
    rows = [(row["item"], row["answer"], row["confidence"], row["agreement"]) for row in fitted.table.to_pylist()]
    assert rows == [(one.item, one.answer, one.confidence, one.agreement) for one in fitted.labels]


def test_an_unknown_method_is_named() -> None:
    with pytest.raises(SpecError, match='"vibes" is no method'):
        Choices(method="vibes")  # type: ignore[arg-type]


def right_share(labels: Sequence[Agreed], truth: Mapping[str, str]) -> float:
    return float(np.mean([one.answer == truth[one.item] for one in labels]))
