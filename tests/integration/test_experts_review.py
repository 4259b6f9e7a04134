"""Review on a real Label Studio: experts decide on doubtful labels, once each, and their word stays."""

# ruff: noqa: F811  a fixture that is imported is also the name of an argument

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from assets import answers, labels, review, tasks
from assets.loop import BY_NAME
from assets.stage import Work, carry_out
from assets.status import status_of
from labeling.answers import to_result
from labeling.label_studio_api import LabelStudioApi
from labeling.label_studio_rows import TaskRow, find_projects, read_tasks
from lake.records import Label
from tests.integration.review_home import answer, home_of
from tests.label_studio_fixture import USERS, LabelStudioServer, label_studio  # noqa: F401

pytestmark = pytest.mark.integration

ADA, BO, CHEN, DANA, ELI, _ = USERS
REVIEW = f"""  review:
    min_agreement: 0.5
    experts: [{ADA}, {DANA}, {ELI}]
    price: {{per_answer: "0.50", currency: CNY}}
"""


@pytest.fixture
def work(tmp_path: Path, label_studio: LabelStudioServer) -> Iterator[Work]:
    """Four pictures; three people agree on three of them, on the last each says something else."""
    made = home_of(tmp_path, label_studio, REVIEW, num_pictures=4)
    disputed = _items(made)[-1]
    votes = {
        who: {item: str(number) if item == disputed else "7" for item in _items(made)}
        for number, who in enumerate((ADA, BO, CHEN))
    }
    answer(made, label_studio, made.scenario.name, votes)
    for stage in ("annotations", "labels"):
        carry_out(BY_NAME[stage], made)
    yield made
    made.lake.state.close()


def _items(work: Work) -> list[str]:
    return sorted(work.batch.read("curated", ["item_id"])["item_id"].to_pylist())


def _review_tasks(work: Work, server: LabelStudioServer) -> list[TaskRow]:
    with LabelStudioApi(server.url, token=server.token, timeout_s=30) as api:
        (project,) = find_projects(api, f"{work.scenario.name} review")
        return list(read_tasks(api, str(project.id), full=True))


def _label(work: Work, item_id: str) -> Label:
    return next(one for one in work.batch.records("labels", Label) if one.item_id == item_id)


def _decisions_paid(work: Work) -> list[tuple[str, str]]:
    entries = work.lake.state.entries(work.scenario.name)
    return sorted((one.who, f"{one.amount:f}") for one in entries if one.key.startswith("decision:"))


def test_experts_decide_what_annotators_dispute(work: Work, label_studio: LabelStudioServer) -> None:
    disputed, review_project = _items(work)[-1], f"{work.scenario.name} review"

    # What is sent, and what experts see of it
    (task,) = _review_tasks(work, label_studio)
    assert task.item_id == disputed
    assert sorted(line[3:] for line in str(task.data["competing_answers"]).splitlines()) == ["0", "1", "2"]
    assert not any(who in json.dumps(task.data) for who in USERS)
    assert "1 items are with experts" in status_of(work).says

    # Nothing is sent twice, and nobody decides on their own work
    answer(work, label_studio, review_project, {ADA: {disputed: "0"}})
    review.look(work)
    labels.run(work)
    (task,) = _review_tasks(work, label_studio)
    assert task.overlap == 2  # it stays open for another
    assert _label(work, disputed).adjudicated_by is None
    assert labels.run(work).summary["decisions ignored: own work"] == 1

    # A decision is final, recorded and paid once
    answer(work, label_studio, review_project, {DANA: {disputed: "8"}})
    review.look(work)
    assert status_of(work).ready == ("labels",)
    for _ in range(2):
        review.look(work)
        carry_out(BY_NAME["labels"], work)
    found = _label(work, disputed)
    assert (found.answer, found.confidence, found.method, found.adjudicated_by) == ("8", 1.0, "adjudicated", DANA)
    assert found.annotators == (ADA, BO, CHEN)
    assert _decisions_paid(work) == [(ADA, "0.50"), (DANA, "0.50")]
    recorded = [one for one in work.lake.state.audit_entries() if one.action == "adjudicate"]
    assert [(one.who, one.subject) for one in recorded] == [(DANA, f"{work.scenario.name}/{disputed}")]
    assert work.lake.state.verify_audit() == len(work.lake.state.audit_entries())
    assert status_of(work).waits_for == "steward"

    # An edit is the decision, and costs nothing more
    (decision,) = review.reviewed(work).decisions
    with LabelStudioApi(label_studio.url, token=label_studio.tokens[DANA], timeout_s=30) as api:
        api.patch(f"/api/annotations/{decision.annotation_id}/", {"result": to_result("3", work.scenario.config)})
    review.look(work)
    assert status_of(work).ready == ("labels",)
    carry_out(BY_NAME["labels"], work)
    assert (_label(work, disputed).answer, _label(work, disputed).adjudicated_by) == ("3", DANA)
    assert len(_decisions_paid(work)) == 2
    assert sum(one.action == "adjudicate" for one in work.lake.state.audit_entries()) == 2

    # The next batch does not ask for it again
    assert answers.count(review.sent(work), [])["tasks"] == 1
    assert disputed not in tasks._asked_again(work)
