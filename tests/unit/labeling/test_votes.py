"""labeling/platform.py: which votes count, and in which order annotators meet tasks."""

from random import Random

from labeling.platform import current_votes, mixed_order
from tests.unit.labeling.made import annotation, platform_task


def counted(*given: tuple[str, str, int, int], overlap: int = 2) -> list[tuple[str, str]]:
    annotations = [annotation("x", who, answer, number=n, minute=m) for who, answer, n, m in given]
    orders = [Random(seed).sample(annotations, len(annotations)) for seed in range(5)]
    results = [current_votes(order, {"task x": overlap}) for order in orders]
    assert all(result == results[0] for result in results)  # whatever the order they come in
    return [(one.annotator, one.answer) for one in results[0]]


def test_extra_answers_that_come_late_do_not_count() -> None:
    assert counted(("ada", "a", 9, 5), ("bo", "b", 10, 6), ("chen", "c", 11, 0)) == [("ada", "a"), ("bo", "b")]


def test_an_edit_changes_a_vote_and_does_not_unseat_it() -> None:
    assert counted(("ada", "a", 1, 60), ("bo", "b", 2, 1), ("chen", "c", 3, 2)) == [("ada", "a"), ("bo", "b")]


def test_an_annotator_votes_once_with_the_later_word() -> None:
    assert counted(("ada", "a", 1, 0), ("ada", "b", 2, 1), ("bo", "c", 3, 2)) == [("ada", "b"), ("bo", "c")]


def test_skipped_answers_and_tasks_of_others_do_not_count() -> None:
    given = [annotation("x", "ada", "a", cancelled=True), annotation("y", "bo", "b", number=2)]
    assert current_votes(given, {"task x": 3}) == []


def test_gold_hides_among_the_rest() -> None:
    tasks = [platform_task(f"n{i}", priority=1 - i / 100) for i in range(80)]
    tasks += [platform_task(f"g{i}", reason="gold") for i in range(8)]
    order = [one.task for one in mixed_order(tasks)]
    places = [place for place, task in enumerate(order) if task.reason == "gold"]
    assert mixed_order(tasks[::-1]) == mixed_order(tasks)
    assert len(order) == 88
    assert min(places) < 30 < 50 < max(places)
    assert [t.priority for t in order if t.reason == "new"] == sorted((1 - i / 100 for i in range(80)), reverse=True)


def test_a_batch_of_gold_alone_is_ordered_too() -> None:
    assert len(mixed_order([platform_task("g", reason="gold")])) == 1
