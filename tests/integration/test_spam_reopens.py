"""Votes of somebody who answers without looking, on a real Label Studio: their items are asked of others."""

# ruff: noqa: F811  a fixture that is imported is also the name of an argument

from pathlib import Path

import pytest

from assets import answers, tasks
from assets.loop import BY_NAME
from assets.stage import Work, carry_out
from assets.status import status_of
from labeling.label_studio_api import LabelStudioApi
from labeling.label_studio_rows import find_projects, read_tasks
from lake.errors import NotReady
from lake.records import Label, Task
from quality.gate import from_json
from tests.integration.review_home import answer, home_of
from tests.label_studio_fixture import USERS, LabelStudioServer, label_studio  # noqa: F401

pytestmark = pytest.mark.integration

ADA, BO, CHEN, DANA, _, FINN = USERS
SPAM = """  spam: {min_answers: 8, min_seconds: 0.001, max_fast_share: 0.5, max_top_share: 0.6, max_kappa: 0.1}
"""


def test_items_of_a_spammer_are_asked_of_others(tmp_path: Path, label_studio: LabelStudioServer) -> None:
    work = home_of(tmp_path, label_studio, SPAM, num_pictures=16)
    items = sorted(work.batch.read("curated", ["item_id"])["item_id"].to_pylist())
    honest = {item: str(1 + number % 4) for number, item in enumerate(items)}
    given = {ADA: honest, BO: honest, FINN: dict.fromkeys(items, "0")}
    answer(work, label_studio, work.scenario.name, given)

    # The batch is not complete, and says why; every task is open for one more
    with pytest.raises(NotReady, match=f"0 of {len(items)} tasks"):
        carry_out(BY_NAME["annotations"], work)
    assert overlaps(work, label_studio) == [4] * len(items)
    work.batch.write("annotations", answers.mirror(work).slice(0, 0))
    assert f"{len(items)} votes of {FINN} are left out" in status_of(work).says
    work.batch.remove("annotations")
    assert tasks.ask_others(work, work.batch.records("tasks", Task)) == len(items)
    assert overlaps(work, label_studio) == [4] * len(items)  # not once more

    # Others answer; the spammer's votes are held, and play no part
    answer(work, label_studio, work.scenario.name, {CHEN: honest})
    for stage in ("annotations", "labels"):
        carry_out(BY_NAME[stage], work)
    made = work.batch.records("labels", Label)
    assert {one.annotators for one in made} == {(ADA, BO, CHEN)}
    assert {one.item_id: one.answer for one in made} == honest
    assert sum(row["annotator"] == FINN for row in answers.mirror(work).to_pylist()) == len(items)
    report = from_json(work.lake.blobs.read(work.batch.path("gate.json")).decode())
    (evidence,) = (one for one in report.checks if one.name == "answers given without looking do not count")
    assert FINN in evidence.observed
    assert 'are "0"' in evidence.observed
    work.lake.state.close()


def overlaps(work: Work, server: LabelStudioServer) -> list[int]:
    with LabelStudioApi(server.url, token=server.token, timeout_s=30) as api:
        (project,) = find_projects(api, work.scenario.name)
        return [task.overlap for task in read_tasks(api, str(project.id))]
