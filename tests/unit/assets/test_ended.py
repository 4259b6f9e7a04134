"""Batches that have nothing left to do end, and say why."""

from pathlib import Path

import pytest

from assets.dataset import run as make_version
from assets.loop import INTAKE
from assets.sign import sign
from assets.stage import Work
from assets.status import status_of
from pipelines.sensors import _open
from tests.unit.assets.made import deliver, empty_home, judged, label, order_file
from tests.unit.quality.pictures import brighter, digit_images, encoded


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return empty_home(tmp_path / "home")


def pictures(count: int, first: int = 0) -> dict[str, bytes]:
    return {f"{number}.png": encoded(digit_images(first + count)[number]) for number in range(first, first + count)}


def reject(work: Work) -> None:
    sign(work, by="Ann", role="steward", decision="reject", reason="the scanner was dirty", report_hash=None)


def test_a_batch_of_nothing_but_duplicates_ends(work: Work, tmp_path: Path) -> None:
    deliver(work, tmp_path / "1", pictures(3))
    again = deliver(work, tmp_path / "2", {f"copy-{name}": data for name, data in pictures(3).items()})
    status = status_of(again)
    assert (status.says, status.waits_for) == ("nothing to label: all 3 files are duplicates", "nobody")
    assert (status.ready, status.next) == ((), "")
    assert status.look == f"trialbase quarantine digits {again.batch_name}"
    assert again.batch_name not in [one.batch for one in _open(work.scenario, work.ports, INTAKE)]


def test_a_batch_of_nothing_but_quarantined_files_ends(work: Work, tmp_path: Path) -> None:
    made = deliver(work, tmp_path / "1", {"a.png": b"not a picture", "b.png": b""})
    assert status_of(made).says == "nothing to label: all 2 files are quarantined (1 empty, 1 unreadable)"
    trial = deliver(work, tmp_path / "2", {"c.png": b"no picture"}, "trial")
    assert status_of(trial).says.startswith("nothing to try models on: all 1 files are quarantined")


def test_a_batch_of_nothing_but_near_duplicates_ends(work: Work, tmp_path: Path) -> None:
    digit = digit_images(1)[0]
    deliver(work, tmp_path / "1", {"a.png": encoded(digit)})
    made = deliver(work, tmp_path / "2", {"b.png": encoded(brighter(digit, 2))})
    assert status_of(made).says == "nothing to label: all 1 items are near-duplicates of earlier ones"


def test_a_rejected_batch_ends_when_all_its_items_are_ordered_again(work: Work, tmp_path: Path) -> None:
    first = deliver(work, tmp_path / "1", pictures(4))
    items = label(first)
    reject(first)
    assert status_of(first).waits_for == "data owner"
    some = deliver(work, tmp_path / "2", order_file(items[:1]))
    assert f"1 of its 4 items are ordered again in {some.batch_name}" in status_of(first).says
    rest = deliver(work, tmp_path / "3", order_file(items[1:]))
    status = status_of(first)
    assert status.says == f"rejected; its items are ordered again in {rest.batch_name}"
    assert (status.waits_for, status.ready) == ("nobody", ())


def test_items_of_a_rejected_batch_that_were_labeled_again_are_in_the_version(work: Work, tmp_path: Path) -> None:
    first = deliver(work, tmp_path / "1", pictures(30))
    items = label(first)
    reject(first)
    again = deliver(work, tmp_path / "2", order_file(items))
    again.batch.write("labels", first.batch.read("labels"))
    judged(again)
    sign(again, by="Ann", role="steward", decision="approve", reason="", report_hash=None)
    report = make_version(again)
    assert report.summary["items"] == len(items)
