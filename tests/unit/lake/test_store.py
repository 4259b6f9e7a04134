"""The lake of one installation: its batches, its items and its locks."""

import threading
from pathlib import Path

import pyarrow as pa
import pytest

from lake import ids
from lake.errors import LakeError, NotFound
from lake.ingest import register, take
from lake.records import Label, to_table
from lake.store import Lake
from tests.unit.lake.samples import SPEC, deliver, png


def label(item_id: str, answer: str) -> Label:
    return Label(
        item_id=item_id, schema_version="s", answer=answer, confidence=1, agreement=1, method="m", annotators=("Ada",)
    )


@pytest.fixture
def two_batches(lake: Lake, tmp_path: Path) -> list[str]:
    """Items 0 and 1 in one scenario, 2 and again 1 in its second batch."""
    names = []
    for turn, numbers in enumerate([(0, 1), (2, 1)]):
        folder = deliver(tmp_path / f"in {turn}", {f"{number}.png": png(number) for number in numbers})
        names.append(register(lake, "s", [folder]))
        take(lake, "s", names[-1], "image", SPEC)
    return names


def test_a_lake_opens_nothing_before_it_is_used(tmp_path: Path) -> None:
    Lake.at(tmp_path / "home", lake_url="s3://no-such-bucket/x", state_url="postgresql+psycopg://nobody@127.0.0.1:1/x")
    assert not (tmp_path / "home").exists()


def test_batches_are_read_in_order_up_to_one(lake: Lake, two_batches: list[str]) -> None:
    trial = lake.state.add_batch("s", "exam", "trial", []).batch
    assert [one.name for one in lake.batches("s")] == [*two_batches, trial]
    assert [one.name for one in lake.batches("s", upto=two_batches[0])] == two_batches[:1]
    assert [one.name for one in lake.batches("s", purpose="labeling", upto=trial)] == two_batches
    with pytest.raises(NotFound, match="has no batch nothing"):
        lake.batches("s", upto="nothing")


def test_tables_of_all_batches_are_one_with_the_batch_named(lake: Lake, two_batches: list[str]) -> None:
    items = lake.read_all("s", "items")
    assert items is not None
    assert items["batch"].to_pylist() == [two_batches[0]] * 2 + [two_batches[1]]
    assert lake.read_all("s", "labels") is None
    assert lake.read_all("other", "items") is None


def test_the_newest_label_of_an_item_counts(lake: Lake, two_batches: list[str]) -> None:
    for batch, answer in zip(two_batches, "12", strict=True):
        lake.batch("s", batch).write("labels", to_table([label("a", answer), label(batch, answer)], Label))
    assert {item: one.answer for item, one in lake.labels("s").items()} == {
        "a": "2",
        two_batches[0]: "1",
        two_batches[1]: "2",
    }
    assert lake.labels("s", upto=two_batches[0])["a"].answer == "1"


def test_the_first_expert_answer_counts_and_trials_are_kept_apart(lake: Lake) -> None:
    for name, purpose, answer in (("one", "labeling", "1"), ("two", "labeling", "2"), ("exam", "trial", "3")):
        lake.state.add_batch("s", name, "trial" if purpose == "trial" else "labeling", [])
        lake.batch("s", name).write("answers", pa.table({"item_id": ["a", name], "answer": [answer, answer]}))
    assert lake.gold("s") == {"a": "1", "one": "1", "two": "2"}


def test_an_item_is_found_by_the_beginning_of_its_id(lake: Lake, two_batches: list[str]) -> None:
    whole = ids.content_id(png(0))
    assert two_batches
    assert lake.find_item(whole[:6]) == lake.find_item(whole) == ("s", whole)


@pytest.mark.parametrize("beginning", ["", "abcde", "ffffffffff", "ABCDEF", "*"])
def test_an_item_that_is_not_there_is_said_so(lake: Lake, two_batches: list[str], beginning: str) -> None:
    assert two_batches
    with pytest.raises(
        NotFound, match=rf"no item {beginning}\n.*at least 6 digits" if beginning.isalnum() else "no item"
    ):
        lake.find_item(beginning)


def test_a_beginning_that_several_items_share_is_said_so(lake: Lake) -> None:
    lake.state.add_batch("s", "b", "labeling", [])
    lake.batch("s", "b").write("items", pa.table({"item_id": ["abcdef01", "abcdef02"]}))
    with pytest.raises(NotFound, match="2 items begin with abcdef\n  to mend it: give more digits"):
        lake.find_item("abcdef")
    assert lake.find_item("abcdef02") == ("s", "abcdef02")


def test_an_item_of_two_scenarios_is_one_item(lake: Lake) -> None:
    for scenario in ("t", "s"):
        lake.state.add_batch(scenario, "b", "labeling", [])
        lake.batch(scenario, "b").write("items", pa.table({"item_id": ["abcdef01"]}))
    assert lake.find_item("abcdef") == ("s", "abcdef01")


def test_a_missing_table_is_said_so(lake: Lake) -> None:
    with pytest.raises(NotFound, match=r"batches/s/b/labels\.parquet is not there"):
        lake.batch("s", "b").records("labels", Label)


# --- locks


def test_a_lock_that_is_held_says_what_for_and_how_long(lake: Lake) -> None:
    with (
        lake.lock("ingest-s"),
        pytest.raises(LakeError, match=r"at ingest-s for 0\.05 s\n  to mend it: wait for it, or end it"),
        lake.lock("ingest-s", timeout_s=0.05),
    ):
        pass
    with lake.lock("ingest-s", timeout_s=0.05), lake.lock("ingest-t", timeout_s=0.05):
        pass


def test_a_lock_is_given_back_when_the_work_fails(lake: Lake) -> None:
    with pytest.raises(ZeroDivisionError), lake.lock("x"):
        raise ZeroDivisionError
    with lake.lock("x", timeout_s=0.05):
        pass


def test_a_lock_lets_one_at_a_time(lake: Lake) -> None:
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(20):
            with lake.lock("x"):
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_a_home_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    with pytest.raises(LakeError, match="TRIALBASE_HOME"), Lake.at(tmp_path / "home").lock("x"):
        pass
