"""The desk of the labeling base on the command line: crew, pay, gold, orders, acceptance."""

import csv
import dataclasses
import datetime as dt
import json
import math
import xml.etree.ElementTree as ET
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assets import answers
from assets.stage import Work
from lake import tables
from lake.errors import GateError, NotFound, NotReady, SettingsError, SpecError, TrialbaseError
from lake.ledger import answer_entry
from lake.records import Annotation, Label, to_table
from pipelines.cli import app
from tests.unit.assets.made import deliver, empty_home, label
from tests.unit.lake.samples import png

NOON = dt.datetime(2026, 1, 5, 12, tzinfo=dt.UTC)
PEOPLE = ("ada@simulated.example", "bo@simulated.example", "chen@simulated.example")
ORDER = """name: winter
customer: Ann's
batches: [{batch}]
price: {{per_label: "0.30", currency: CNY}}
deadline: 2026-01-20
acceptance: {{level: II, aql: 4.0}}
"""


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Work:
    """About two dozen labelled pictures; three people answered two thirds of them on two days and were booked."""
    monkeypatch.setenv("TRIALBASE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    files = {f"{number}.png": png(number) for number in range(30)}
    files["answers.csv"] = b"file,answer\n" + b"".join(b"%d.png,%d\n" % (number, number % 2) for number in range(8))
    made = deliver(empty_home(tmp_path / "home"), tmp_path / "in", files)
    label(made)
    labels = [dataclasses.replace(one, annotators=PEOPLE) for one in made.batch.records("labels", Label)]
    made.batch.write("labels", to_table(labels, Label))
    given = [
        Annotation(
            annotation_id=str(3 * number + place), updated_at=NOON + dt.timedelta(days=number % 2, minutes=number),
            task_id=one.item_id[:32], item_id=one.item_id, annotator=who,
            answer=one.answer if place or number % 3 else "9", lead_time_s=2.0, guideline_version="1",
            cancelled=False, gold=False,
        )
        for number, one in enumerate(labels[: 2 * len(labels) // 3])
        for place, who in enumerate(PEOPLE)
    ]  # fmt: skip
    tables.write_table(made.lake.blobs, answers.mirror_path("digits"), to_table(given, Annotation))
    made.lake.state.post(
        answer_entry(
            scenario="digits", batch=made.batch_name, task_id=one.task_id, annotator=one.annotator, at=one.updated_at,
            price=Decimal("0.085"), currency="CNY",
        )
        for one in given
    )  # fmt: skip
    return made


def ran(*words: str) -> str:
    """What a command prints; what is wrong is raised as it is."""
    done = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def asked(*words: str) -> object:
    return json.loads(ran(*words, "--json"))


def num_answered(work: Work) -> int:
    return 2 * int(work.batch.read("labels").num_rows) // 3


# --- crew


def test_the_crew_s_figures_have_intervals_and_fit_a_terminal(work: Work, tmp_path: Path) -> None:
    shown = ran("crew", "digits", "--csv", "crew.csv", "--picture", "crew.svg")
    assert max(map(len, shown.splitlines())) <= 80, shown
    assert f"{PEOPLE[0]}   " in shown  # a row each, not blocks of lines
    assert max(map(len, ran("crew", "digits", "--days").splitlines())) <= 80
    found = asked("crew", "digits")
    assert isinstance(found, dict)
    rows = {row["annotator"]: row for row in found["figures"]}
    assert set(rows) == set(PEOPLE)
    assert {row["num_answers"] for row in rows.values()} == {num_answered(work)}
    for row in rows.values():
        assert row["agreement_low"] < row["agreement"] <= row["agreement_high"]
    assert rows[PEOPLE[0]]["agreement"] < rows[PEOPLE[1]]["agreement"]
    with (tmp_path / "crew.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row["annotator"] for row in csv.DictReader(file)] == list(PEOPLE)
    drawn = (tmp_path / "crew.svg").read_text()
    assert ET.fromstring(drawn).tag.endswith("svg")
    assert all(who[:20] in drawn for who in PEOPLE)
    days = asked("crew", "digits", "--days")
    assert isinstance(days, dict)
    assert {row["day"] for row in days["figures"]} == {"2026-01-05", "2026-01-06"}


# --- pay


def test_pay_is_to_the_cent_what_the_ledger_says(work: Work, tmp_path: Path) -> None:
    found = asked("pay", "digits", "--from", "2026-01-01", "--to", "2026-01-06")
    assert isinstance(found, dict)
    due = Decimal("0.085") * num_answered(work) * 3
    assert sum(Decimal(one["amount"]) for one in found["payments"]) == due.quantize(Decimal("0.01"))
    first = asked("pay", "digits", "--from", "2026-01-05", "--to", "2026-01-05")
    assert isinstance(first, dict)
    assert sum(Decimal(one["num_answers"]) for one in first["payments"]) == 3 * math.ceil(num_answered(work) / 2)
    ran("pay", "digits", "--from", "2026-01-01", "--to", "2026-01-06", "--csv", "pay.csv")
    with (tmp_path / "pay.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row["who"] for row in csv.DictReader(file)] == list(PEOPLE)
    assert "nothing is owed" in ran("pay", "digits", "--from", "2020-01-01", "--to", "2020-01-01")


# --- gold


def test_an_appeal_is_made_and_ruled_on(work: Work) -> None:
    gold = work.lake.gold("digits")
    given = answers.mirror(work).to_pylist()
    item, who = next(
        (row["item_id"], row["annotator"]) for row in given if gold.get(row["item_id"], row["answer"]) != row["answer"]
    )
    said = ran("gold", "digits", "--appeal", item[:10], "--as", who, "--why", "the scan is blurred")
    assert f"the appeal of {who} about {item[:12]} is open" in said
    assert "retired" not in ran("gold", "digits").partition("\n")[2]
    ran("gold", "digits", "--uphold", item[:10], "--as", "eva", "--why", "so it is")
    found = asked("gold", "digits")
    assert isinstance(found, dict)
    assert [one["item_id"] for one in found["retired"]] == [item]
    assert [one["decided_by"] for one in found["appeals"]] == ["eva"]
    assert f"{len(gold) - 1} gold items judge, 1 are retired" in ran("gold", "digits")


# --- orders


def test_an_order_says_how_far_it_is_and_when_it_will_be_done(work: Work, tmp_path: Path) -> None:
    (tmp_path / "order.yaml").write_text(ORDER.format(batch=work.batch_name))
    words = ("orders", "digits", "--file", "order.yaml", "--through", "2026-01-06")
    assert max(map(len, ran(*words, "--picture", "order.svg").splitlines())) <= 80
    found = asked(*words)
    assert isinstance(found, list)
    (one,) = found
    items = len(set(work.batch.read("curated")["item_id"].to_pylist()) - set(work.lake.gold("digits")))
    assert one["num_items"] == items
    assert Decimal(one["value"]) == Decimal("0.30") * items
    assert one["deadline"] == "2026-01-20T23:59:59+00:00"
    assert one["forecast"]["low"] <= one["forecast"]["median"] <= one["forecast"]["high"]
    assert one["num_items_done"] + one["num_answers_left"] / 3 == items
    drawn = (tmp_path / "order.svg").read_text()
    assert ET.fromstring(drawn).tag.endswith("svg")
    assert "deadline 2026-01-20" in drawn


# --- acceptance


def filled(path: Path, defects: int) -> list[str]:
    """A file with its verdicts; the first items are the failed ones."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    text = "".join(
        f"{row['item_id']},{row['answer']},{'defect' if number < defects else 'ok'}\n"
        for number, row in enumerate(rows)
    )
    path.write_text("item_id,answer,verdict\n" + text)
    return [row["item_id"] for row in rows]


def test_a_good_batch_is_accepted_with_its_evidence(work: Work, tmp_path: Path) -> None:
    shown = ran("accept", "digits", work.batch_name, "--level", "II", "--aql", "4.0", "--to", "i.csv")
    assert max(map(len, shown.splitlines())) <= 80, shown
    first = (tmp_path / "i.csv").read_text()
    again = asked("accept", "digits", work.batch_name, "--level", "II", "--aql", "4.0", "--to", "i.csv")
    assert (tmp_path / "i.csv").read_text() == first  # drawn once
    assert isinstance(again, dict)
    assert len(filled(tmp_path / "i.csv", 0)) == again["sample_size"]
    done = asked("accept", "digits", work.batch_name, "--inspected", "i.csv", "--as", "eva")
    assert isinstance(done, dict)
    assert (done["decision"], done["again"], done["decided_by"]) == ("accept", [], "eva")
    entries = [(one.who, one.action) for one in work.lake.state.audit_entries()]
    assert entries == [("trialbase", "draw sample"), ("eva", "accept")]
    assert "0 failed items among" in work.lake.state.audit_entries()[-1].detail
    assert work.lake.state.verify_audit() == 2
    with pytest.raises(GateError, match="is decided on: accept, by eva"):
        ran("accept", "digits", work.batch_name, "--inspected", "i.csv", "--as", "eva")
    with pytest.raises(GateError, match="is decided on"):
        ran("accept", "digits", work.batch_name, "--level", "II", "--aql", "4.0")


def test_a_bad_batch_goes_back_and_an_accepted_one_s_failed_items_do(work: Work, tmp_path: Path) -> None:
    ran("accept", "digits", work.batch_name, "--level", "II", "--aql", "10", "--to", "i.csv")
    items = filled(tmp_path / "i.csv", 1)
    done = asked("accept", "digits", work.batch_name, "--inspected", "i.csv", "--as", "eva")
    assert isinstance(done, dict)
    assert (done["decision"], done["again"]) == ("accept", items[:1])
    (delivery,) = (work.lake.home / "inbox" / "digits").iterdir()
    lines = [json.loads(line) for line in (delivery / "order.jsonl").read_text().splitlines()]
    assert [one["item_id"] for one in lines] == items[:1]
    relabelled = [dataclasses.replace(one, answer="9") for one in work.batch.records("labels", Label)]
    work.batch.write("labels", to_table(relabelled, Label))
    ran("accept", "digits", work.batch_name, "--level", "II", "--aql", "10", "--to", "i.csv")
    filled(tmp_path / "i.csv", 3)
    worse = asked("accept", "digits", work.batch_name, "--inspected", "i.csv", "--as", "eva")
    assert isinstance(worse, dict)
    assert (worse["decision"], worse["original"], len(worse["again"])) == ("reject", False, worse["lot_size"])


def test_only_the_work_of_whom_the_failures_are_attributed_to_goes_back(work: Work, tmp_path: Path) -> None:
    rows = work.batch.records("labels", Label)
    split = [dataclasses.replace(one, annotators=("ada",) if n % 2 else ("bo",)) for n, one in enumerate(rows)]
    work.batch.write("labels", to_table(split, Label))
    of_ada = {one.item_id for one in split if one.annotators == ("ada",)}
    ran("accept", "digits", work.batch_name, "--level", "III", "--aql", "4.0", "--to", "i.csv")
    items = filled(tmp_path / "i.csv", 0)
    failed = [one for one in items if one in of_ada]
    text = "".join(f"{one},{'defect' if one in failed else 'ok'}\n" for one in items)
    (tmp_path / "i.csv").write_text("item_id,verdict\n" + text)
    done = asked("accept", "digits", work.batch_name, "--inspected", "i.csv", "--as", "eva")
    assert isinstance(done, dict)
    assert (done["decision"], set(done["again"])) == ("rework", of_ada)
    assert "attributable to ada" in done["why"]


def test_item_by_item_it_ends_as_soon_as_it_is_clear(work: Work, tmp_path: Path) -> None:
    words = ("accept", "digits", work.batch_name)
    shown = ran(*words, "--level", "II", "--aql", "4.0", "--sequential", "--to", "i.csv")
    assert "on average" in shown
    items = filled(tmp_path / "i.csv", 0)
    (tmp_path / "some.csv").write_text(f"item_id,verdict\n{items[0]},ok\n")
    with pytest.raises(NotReady, match=f"(?s)after 1 items.*{items[1][:12]}"):
        ran(*words, "--inspected", "some.csv", "--as", "eva")
    (tmp_path / "some.csv").write_text(f"item_id,verdict\n{items[0]},ok\n{items[2]},ok\n")  # one is left out between
    with pytest.raises(NotReady, match="after 1 items"):
        ran(*words, "--inspected", "some.csv", "--as", "eva")
    done = asked(*words, "--inspected", "i.csv", "--as", "eva")
    assert isinstance(done, dict)
    assert done["decision"] == "accept"
    assert done["num_checked"] < done["sample_size"]


def test_inspection_tightens_after_two_batches_that_were_not_accepted(work: Work, tmp_path: Path) -> None:
    from assets.acceptance import history, inspection

    seen = []
    for number in range(3):
        other = dataclasses.replace(
            work, batch_name=work.lake.state.add_batch("digits", f"b{number}", "labeling", []).batch
        )
        other.batch.write("labels", work.batch.read("labels"))
        ran("accept", "digits", other.batch_name, "--level", "II", "--aql", "4.0", "--to", "i.csv")
        seen.append(history(work)[-1].severity)
        filled(tmp_path / "i.csv", 99)
        ran("accept", "digits", other.batch_name, "--inspected", "i.csv", "--as", "eva")
    assert seen == ["normal", "normal", "tightened"]
    assert inspection(history(work)).num_rejected == 1


# --- wrong input


@pytest.mark.parametrize(
    ("words", "kind", "says"),
    [
        (["crew", "digits", "--picture", "x.png"], SettingsError, "is no SVG file"),
        (["crew", "digits", "--csv", "nowhere/x.csv"], SettingsError, "no such folder"),
        (["crew", "cats"], NotFound, "no scenario 'cats'"),
        (["pay", "digits", "--from", "today", "--to", "2026-01-01"], SettingsError, "--from today is no day"),
        (["pay", "digits", "--from", "2026-01-02", "--to", "2026-01-01"], SpecError, "has no day"),
        (["gold", "digits", "--appeal", "abcdef", "--uphold", "abcdef"], SettingsError, "say one thing"),
        (["gold", "digits", "--uphold", "abcdef", "--as", "eva"], NotFound, "0 items with an open appeal"),
        (["orders", "digits"], NotFound, "has no orders"),
        (["orders", "digits", "--file", "none.yaml"], SpecError, "is not there"),
        (["orders", "digits", "--file", "bad.yaml"], SpecError, "bad.yaml:5: deadline"),
        (["orders", "digits", "--file", "unknown.yaml"], NotFound, "has no batch b9"),
        (["accept", "digits", "b9", "--level", "II", "--aql", "1"], NotFound, "has no batch b9"),
        (["accept", "digits", "BATCH"], SettingsError, "no terms are given"),
        (["accept", "digits", "BATCH", "--level", "X", "--aql", "1"], SpecError, "X"),
        (["accept", "digits", "BATCH", "--level", "II", "--aql", "1.2"], SpecError, "1.2"),
        (["accept", "digits", "BATCH", "--level", "II", "--aql", "15", "--sequential"], SpecError, "counts errors"),
        (["accept", "digits", "BATCH", "--inspected", "v.csv", "--as", "eva"], NotReady, "no sample of batch"),
        (["accept", "digits", "BATCH", "--inspected", "none.csv", "--as", "eva"], SpecError, "cannot be read"),
        (["accept", "digits", "BATCH", "--inspected", "bad.csv", "--as", "eva"], SpecError, "'fine' is no verdict"),
        (["accept", "digits", "BATCH", "--inspected", "bad.yaml", "--as", "eva"], SpecError, "no columns item_id"),
        (["accept", "digits", "BATCH", "--resume", "x", "--as", "eva"], GateError, "not discontinued"),
    ],
)
def test_a_wrong_word_gets_a_message_with_a_remedy(
    work: Work, tmp_path: Path, words: list[str], kind: type[TrialbaseError], says: str
) -> None:
    (tmp_path / "bad.yaml").write_text(ORDER.format(batch="b").replace("2026-01-20", "soon"))
    (tmp_path / "unknown.yaml").write_text(ORDER.format(batch="b9"))
    (tmp_path / "v.csv").write_text("item_id,verdict\nabc,ok\n")
    (tmp_path / "bad.csv").write_text("item_id,verdict\nabc,fine\n")
    with pytest.raises(kind, match=says) as caught:
        ran(*[work.batch_name if word == "BATCH" else word for word in words])
    assert caught.value.remedy


def test_nobody_inspects_their_own_work_or_other_items(work: Work, tmp_path: Path) -> None:
    ran("accept", "digits", work.batch_name, "--level", "II", "--aql", "4.0", "--to", "i.csv")
    items = filled(tmp_path / "i.csv", 0)
    words = ("accept", "digits", work.batch_name, "--inspected", "i.csv", "--as")
    with pytest.raises(GateError, match="nobody inspects their own work"):
        ran(*words, PEOPLE[0])
    with pytest.raises(SettingsError, match="nobody inspects"):
        ran(*words, " ")
    (tmp_path / "i.csv").write_text(f"item_id,verdict\n{items[0]},ok\n")
    with pytest.raises(NotReady, match="1 items of lot"):
        ran(*words, "eva")
    (tmp_path / "i.csv").write_text("item_id,verdict\nabcdef,ok\n")
    with pytest.raises(SpecError, match="abcdef was not drawn"):
        ran(*words, "eva")
    with pytest.raises(GateError, match="is drawn already"):
        ran("accept", "digits", work.batch_name, "--level", "II", "--aql", "1.0")
