"""The checks carried out by the real Great Expectations, with its Data Docs."""

import dataclasses
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from lake.errors import LakeError
from quality.checks import STAGES, CheckResult, Stage, StageFacts
from quality.expectations import docs_index, validate
from tests.unit.quality.tables import FACTS, NUM, SPEC, TABLES

pytestmark = pytest.mark.integration


def replaced(table: pa.Table, **columns: list[Any]) -> pa.Table:
    """The table with other values at the head of some columns."""
    for name, head in columns.items():
        values = [*head, *table[name].to_pylist()[len(head) :]]
        place = table.column_names.index(name)
        table = table.set_column(place, name, pa.array(values, table[name].type))
    return table


def failing(results: tuple[CheckResult, ...]) -> dict[str, CheckResult]:
    return {one.name: one for one in results if not one.passed}


@pytest.mark.parametrize("stage", STAGES)
def test_a_batch_in_order_passes_and_is_documented(stage: Stage, tmp_path: Path) -> None:
    results = validate(TABLES[stage], stage, SPEC, FACTS, docs=tmp_path)
    assert failing(results) == {}
    assert all(one.stage == stage and one.observed and one.expected for one in results)
    index = docs_index(tmp_path).read_text(encoding="utf-8")
    assert f"validations/{stage}/" in index
    assert f"validations/{stage}_measured/" in index


FAULTS: list[tuple[Stage, dict[str, list[Any]], StageFacts, dict[str, tuple[str, int, int]]]] = [
    (
        "curated_items",
        {"item_id": [f"{1:064x}"], "licence": [None, None], "probe_width": [8, 5000, 9], "probe_brightness": [0.0] * 5},
        dataclasses.replace(FACTS, quarantined_share=0.21),
        {
            "items are unique": ("block", 2, 1),
            "licence is never missing": ("block", 2, 1),
            "probe_width from 16 up to 4096": ("block", 3, 2),
            "probe_brightness from 0.1": ("waivable", 5, 4),
            "few files are quarantined": ("waivable", 1, 0),
        },
    ),
    (
        "annotations",
        {"annotation_id": ["1"], "answer": ["cat", "", None], "annotator": [None]},
        dataclasses.replace(FACTS, alpha=float("nan"), gold_accuracy=0.79, overlap_share=0.5),
        {
            "annotations are unique": ("block", 2, 1),
            "annotator is never missing": ("block", 1, 1),
            "answer is never missing": ("block", 1, 1),
            "answers are classes of the scenario": ("block", 2, 1),
            "annotators agree": ("waivable", 1, 0),
            "gold tasks are answered well": ("waivable", 1, 0),
            "tasks reach their overlap": ("waivable", 1, 0),
        },
    ),
    (
        "labels",
        {"answer": ["1"] * 39, "confidence": [1.5, -0.5, *[0.7] * 7]},
        FACTS,
        {
            "confidence is a probability": ("block", 2, 2),
            "labels are confident": ("waivable", 9, 9),
            "every class has labels": ("waivable", 1, 0),
        },
    ),
    (
        "dataset",
        {"group": [f"{39:064x}"], "split": ["test"]},
        dataclasses.replace(FACTS, leaked=(f"{7:064x}", "elsewhere")),
        {
            "splits are known": ("block", 1, 1),
            "no group spans two splits": ("block", 2, 2),
            "no item gives a trial case away": ("block", 1, 1),
        },
    ),
]


@pytest.mark.parametrize(("stage", "damage", "facts", "expected"), FAULTS, ids=STAGES)
def test_every_planted_fault_is_found_with_its_items(
    stage: Stage, damage: dict[str, list[Any]], facts: StageFacts, expected: dict[str, Any], tmp_path: Path
) -> None:
    table = replaced(TABLES[stage], **damage)
    if stage == "labels":
        table = replaced(table, answer=["1"] * NUM)
    results = validate(table, stage, SPEC, facts, docs=tmp_path)
    found = {name: (one.severity, one.num_failing, len(one.failing_item_ids)) for name, one in failing(results).items()}
    assert found == expected
    again = validate(table.take(list(range(table.num_rows))[::-1]), stage, SPEC, facts, docs=tmp_path)
    assert again == results


def test_all_failing_items_are_told_where_the_documents_show_some(tmp_path: Path) -> None:
    many = 3000
    ids = [f"{place:064x}" for place in range(many)]
    table = pa.table({"item_id": ids, "answer": ["0", "1"] * (many // 2), "confidence": [0.5] * many})
    results = validate(table, "labels", SPEC, FACTS, docs=tmp_path)
    assert failing(results)["labels are confident"].failing_item_ids == tuple(ids)
    pages = [page.read_text(encoding="utf-8") for page in (tmp_path / "site/validations/labels").rglob("*.html")]
    assert len(pages) == 1
    assert "100%" in pages[0]
    assert len(pages[0]) < 300_000


@pytest.mark.parametrize("stage", STAGES)
def test_an_empty_table_fails_instead_of_passing_for_lack_of_rows(stage: Stage, tmp_path: Path) -> None:
    results = validate(TABLES[stage].slice(0, 0), stage, SPEC, FACTS, docs=tmp_path)
    assert any(name.startswith("there are ") for name in failing(results))


def test_a_class_list_that_was_forgotten_fails(tmp_path: Path) -> None:
    results = validate(TABLES["labels"], "labels", SPEC, dataclasses.replace(FACTS, classes=()), docs=tmp_path)
    assert {"labels are classes of the scenario", "every class has labels"} <= set(failing(results))


def test_a_check_that_cannot_be_run_is_an_error_and_not_a_verdict(tmp_path: Path) -> None:
    table = TABLES["labels"]
    words = table.set_column(2, "confidence", pa.array(["high"] * table.num_rows))
    with pytest.raises(LakeError, match="could not be run"):
        validate(words, "labels", SPEC, FACTS, docs=tmp_path)


def test_the_documents_do_not_grow_with_the_runs_and_keep_every_stage(tmp_path: Path) -> None:
    for stage in STAGES:
        validate(TABLES[stage], stage, SPEC, FACTS, docs=tmp_path)
    once = sum(path.is_file() for path in tmp_path.rglob("*"))
    for _ in range(2):
        validate(TABLES["labels"], "labels", SPEC, FACTS, docs=tmp_path)
    assert sum(path.is_file() for path in tmp_path.rglob("*")) == once
    index = docs_index(tmp_path).read_text(encoding="utf-8")
    assert all(f"validations/{stage}/" in index for stage in STAGES)


def test_a_stage_is_validated_in_seconds(tmp_path: Path) -> None:
    validate(TABLES["labels"], "labels", SPEC, FACTS, docs=tmp_path)
    started = time.perf_counter()
    validate(TABLES["curated_items"], "curated_items", SPEC, FACTS, docs=tmp_path)
    assert time.perf_counter() - started < 5  # about 1 s on two idle cores


_connections: list[object] = []
_watched = False


def _watch(event: str, args: tuple[object, ...]) -> None:
    if event == "socket.connect" and _watched:
        _connections.append(args[1])


@pytest.fixture
def connections() -> Iterator[list[object]]:
    """Every address that this process connects to while the test runs."""
    global _watched
    _connections.clear()
    sys.addaudithook(_watch)
    _watched = True
    yield _connections
    _watched = False


def test_nobody_is_told_about_it(tmp_path: Path, connections: list[object]) -> None:
    validate(TABLES["dataset"], "dataset", SPEC, FACTS, docs=tmp_path)
    assert connections == []


def child(work: Callable[[], object]) -> int:
    """Start `work` in a process of its own, with the libraries loaded already."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        work()
        status = 0
    finally:
        os._exit(status)


def test_a_kill_at_any_moment_does_no_harm_to_the_next_run(tmp_path: Path) -> None:
    expected = {stage: validate(TABLES[stage], stage, SPEC, FACTS, docs=tmp_path / "calm") for stage in STAGES}
    moments = random.Random(0)
    for _ in range(6):
        pid = child(lambda: [validate(TABLES[one], one, SPEC, FACTS, docs=tmp_path / "killed") for one in STAGES])
        time.sleep(moments.uniform(0.02, 2.5))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    found = {stage: validate(TABLES[stage], stage, SPEC, FACTS, docs=tmp_path / "killed") for stage in STAGES}
    assert found == expected
    index = docs_index(tmp_path / "killed").read_text(encoding="utf-8")
    assert all(f"validations/{stage}/" in index for stage in STAGES)


def test_a_half_written_configuration_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "great_expectations.yml").write_text("stores: {", encoding="utf-8")
    assert failing(validate(TABLES["labels"], "labels", SPEC, FACTS, docs=tmp_path)) == {}


def test_two_processes_may_document_at_once(tmp_path: Path) -> None:
    pids = [child(lambda stage=stage: validate(TABLES[stage], stage, SPEC, FACTS, docs=tmp_path)) for stage in STAGES]  # type: ignore[misc]
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids] == [0] * len(pids)
    index = docs_index(tmp_path).read_text(encoding="utf-8")
    assert all(f"validations/{stage}/" in index for stage in STAGES)
