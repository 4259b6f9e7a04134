"""Gold that judges, appeals against it, and votes that are left out because somebody answers without looking."""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from assets import answers, crew, gold, labels, review
from assets.stage import Work
from assets.tasks import _choose_gold
from labeling.spec import DriftSpec, GoldSpec, PriceSpec, RetireSpec, ReviewSpec, SpamSpec
from lake import tables
from lake.errors import GateError, NotFound, SpecError
from lake.records import Annotation, Label, Task, to_table
from lake.state import Outcome
from tests.unit.assets.made import deliver, empty_home, label
from tests.unit.lake.samples import png

NOON = dt.datetime(2026, 1, 5, 12, tzinfo=dt.UTC)
SPAM = SpamSpec(min_answers=8, min_seconds=0.5, max_fast_share=0.5, max_top_share=0.9, max_kappa=0.1)


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """Twelve labelled pictures, and six of gold."""
    files = {f"{number}.png": png(number) for number in range(18)}
    rows = "".join(f"{number}.png,{number % 3}\n" for number in range(12, 18))
    files["answers.csv"] = f"file,answer\n{rows}".encode()
    made = deliver(empty_home(tmp_path / "home"), tmp_path / "in", files)
    label(made)
    return made


def with_spec(work: Work, **changes: object) -> Work:
    spec = work.scenario.spec
    labeling = work.scenario.labeling.model_copy(update=changes)
    return dataclasses.replace(
        work, scenario=dataclasses.replace(work.scenario, spec=spec.model_copy(update={"labeling": labeling}))
    )


def said(item: str, who: str, answer: str, number: int, *, seconds: float = 3.0, minute: int = 0) -> Annotation:
    return Annotation(
        annotation_id=str(number), updated_at=NOON + dt.timedelta(minutes=minute or number), task_id=item[:32],
        item_id=item, annotator=who, answer=answer, lead_time_s=seconds, guideline_version="1", cancelled=False,
        gold=False,
    )  # fmt: skip


def mirrored(work: Work, *given: Annotation) -> None:
    """What the last pull brought."""
    tables.write_table(work.lake.blobs, answers.mirror_path(work.scenario.name), to_table(given, Annotation))


def known(work: Work) -> Mapping[str, str]:
    return work.lake.gold(work.scenario.name)


def test_gold_that_the_crew_has_met_comes_last(work: Work) -> None:
    first = set(_choose_gold(with_spec(work, gold=GoldSpec(tasks_per_batch=3)), 10))
    mirrored(work, *(said(item, "ada", "0", number) for number, item in enumerate(sorted(first))))
    second = set(_choose_gold(with_spec(work, gold=GoldSpec(tasks_per_batch=3)), 10))
    assert (len(first), len(second)) == (3, 3)
    assert first | second == set(known(work))


def test_a_share_of_gold_counts_where_it_is_more_than_the_number(work: Work) -> None:
    def num(per_batch: int, share: float) -> int:
        return len(_choose_gold(with_spec(work, gold=GoldSpec(tasks_per_batch=per_batch, share=share)), 16))

    assert [num(1, 0.2), num(5, 0.2), num(2, 0.0)] == [4, 5, 2]


def test_an_upheld_appeal_retires_gold_and_a_dismissed_one_does_not(work: Work) -> None:
    one, two = sorted(known(work))[:2]
    given = [said(one, "ada", "9", 1), said(two, "ada", "9", 2), said(one, "bo", known(work)[one], 3)]
    for item in (one, two):
        made = gold.appeal(work, given, item=item[:8], annotator="ada", reason="it is a nine")
        assert made == gold.appeal(work, given, item=item, annotator="ada", reason="again")
    assert set(gold.standing(work, given)) == set(known(work))
    gold.rule(work, item=one, annotator=None, decision="upheld", by="eva", why="so it is")
    gold.rule(work, item=two, annotator="ada", decision="dismissed", by="eva", why="a four")
    assert set(gold.standing(work, given)) == set(known(work)) - {one}
    assert [(row.item_id, row.num_upheld) for row in gold.retired(work, given)] == [(one, 1)]
    assert one not in _choose_gold(with_spec(work, gold=GoldSpec(tasks_per_batch=6)), 10)
    entries = [(row.who, row.action) for row in work.lake.state.audit_entries()]
    assert entries == [
        ("ada", "gold appeal"),
        ("ada", "gold appeal"),
        ("eva", "gold appeal upheld"),
        ("eva", "gold appeal dismissed"),
    ]


def test_an_appeal_that_cannot_be_is_refused(work: Work) -> None:
    one = min(known(work))
    given = [said(one, "ada", "9", 1), said(one, "bo", known(work)[one], 2)]
    for who, why in (("bo", "says what the gold answer says"), ("chen", "has not answered it")):
        with pytest.raises(NotFound, match=why):
            gold.appeal(work, given, item=one, annotator=who, reason="no")
    with pytest.raises(NotFound, match="0 gold items begin with 'ffffff'"):
        gold.appeal(work, given, item="ffffff", annotator="ada", reason="no")
    with pytest.raises(SpecError, match="gives no reason"):
        gold.appeal(work, given, item=one, annotator="ada", reason=" ")
    gold.appeal(work, given, item=one, annotator="ada", reason="a nine")
    with pytest.raises(GateError, match="their own appeal"):
        gold.rule(work, item=one, annotator="ada", decision="upheld", by="ada", why="")
    gold.rule(work, item=one, annotator="ada", decision="upheld", by="eva", why="")
    with pytest.raises(NotFound, match="0 items with an open appeal"):
        gold.rule(work, item=one, annotator="ada", decision="dismissed", by="eva", why="")


def test_gold_that_good_annotators_contradict_judges_nobody(work: Work) -> None:
    wrong = min(known(work))
    given = [
        said(item, who, "9" if item == wrong else answer, number * 10 + place)
        for number, (item, answer) in enumerate(sorted(known(work).items()))
        for place, who in enumerate(("ada", "bo", "chen"))
    ]
    assert gold.retired(work, given) == ()
    strict = with_spec(
        work, gold=GoldSpec(tasks_per_batch=1, retire=RetireSpec(min_answers=3, min_low=0.4, min_contradicting=3))
    )
    assert [(one.item_id, one.instead) for one in gold.retired(strict, given)] == [(wrong, "9")]


def crowd(work: Work) -> list[Annotation]:
    """Three people who look, and one who says "0" to everything at once."""
    items = sorted(work.batch.read("tasks")["item_id"].to_pylist())
    return [
        said(
            item, who, "0" if who == "finn" else str(1 + number % 7), 100 * number + place,
            seconds=0.2 if who == "finn" else 3.0,
        )
        for number, item in enumerate(items)
        for place, who in enumerate(("finn", "ada", "bo", "chen"))
        if who != "chen" or number % 2
    ]  # fmt: skip


def test_votes_of_a_spammer_are_left_out_and_their_items_want_others(work: Work) -> None:
    mirrored(work, *crowd(work))
    tasks = work.batch.records("tasks", Task)
    everybody = {one.annotator for one in answers.of_batch(work, tasks)}
    assert "finn" in everybody
    assert answers.short_of_votes(work, tasks) == []
    strict = with_spec(work, spam=SPAM)
    votes = answers.of_batch(strict, tasks)
    assert {one.annotator for one in votes} == {"ada", "bo", "chen"}
    short = answers.short_of_votes(strict, tasks)
    assert {one.overlap for one in short} == {4}
    answered = {one.task_id for one in crowd(work) if one.annotator == "chen"}
    assert {one.task_id for one in short} == {one.task_id for one in tasks} - answered
    assert any(one["annotator"] == "finn" for one in answers.mirror(work).to_pylist())


def test_the_report_says_whose_votes_are_left_out_and_why(work: Work) -> None:
    mirrored(work, *crowd(work))
    strict = with_spec(work, spam=SPAM)
    (row,) = answers.left_out_votes(strict, work.batch.records("tasks", Task)).to_pylist()
    assert (row["annotator"], row["num_votes"]) == ("finn", work.batch.read("tasks").num_rows)
    assert "took less than 0.5 s" in row["reasons"][0]
    (check,) = crew.spam_evidence(work.batch.read("left_out"))
    assert check.passed
    assert "finn" in check.observed
    assert crew.spam_evidence(crew.left_out((), crowd(work))) == ()


def test_somebody_who_got_worse_needs_a_waiver(work: Work) -> None:
    items = sorted(work.batch.read("tasks")["item_id"].to_pylist())
    made = [dataclasses.replace(one, annotators=("ada", "bo")) for one in work.batch.records("labels", Label)]
    answer = {one.item_id: one.answer for one in made} | dict(known(work))
    half = len(items) // 2
    mirrored(
        work,
        *(said(item, "ada", answer[item] if number < half else "9", number) for number, item in enumerate(items)),
        *(said(item, "bo", answer[item], 100 + number) for number, item in enumerate(items)),
    )
    given = labels._everything(work)
    assert crew.drift_check(work, given, made) == ()
    (check,) = crew.drift_check(with_spec(work, drift=DriftSpec(max_probability=0.9)), given, made)
    assert (check.passed, check.severity) == (False, "waivable")
    assert check.observed == "ada: 100% right before 2026-01-05, 0% since"
    (fine,) = crew.drift_check(
        with_spec(work, drift=DriftSpec(max_probability=0.9)), [one for one in given if one.annotator == "bo"], made
    )
    assert fine.passed


def test_a_decision_on_a_committed_batch_comes_with_the_next_one(work: Work, tmp_path: Path) -> None:
    price = PriceSpec(per_answer=Decimal("0.5"), currency="CNY")
    first = with_spec(work, review=ReviewSpec(min_agreement=0.5, price=price))
    later = deliver(first, tmp_path / "more", {"later.png": png(70)})
    decided, other = work.batch.records("labels", Label)[:2]
    word = dataclasses.replace(said(decided.item_id, "eva", "9", 500), task_id="review task", guideline_version="1")
    tables.write_table(work.lake.blobs, review.mirror_path("digits"), to_table([word], Annotation))
    fresh = dataclasses.replace(other, item_id="f" * 64)
    assert review.settled(later, [fresh], review.reviewed(later)) == (fresh,)  # the first batch is not in a version yet
    work.lake.state.finish(Outcome(scenario="digits", batch=work.batch_name, stage="dataset", summary={}))
    late, same = sorted(review.settled(later, [fresh], review.reviewed(later)), key=lambda one: one == fresh)
    assert (late.item_id, late.answer, late.adjudicated_by) == (decided.item_id, "9", "eva")
    assert same == fresh
