"""Review on a real Label Studio: experts decide on doubtful labels, once each, and their word stays."""

# ruff: noqa: F811  a fixture that is imported is also the name of an argument

import json
import shutil
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from assets import annotations, labels, review, tasks
from assets.loop import BY_NAME
from assets.scenario import BUILT_IN, load_scenario
from assets.stage import Doors, Ports, Work, carry_out
from assets.status import status_of
from labeling.answers import choice_to_result
from labeling.crew import replay
from labeling.label_studio import LabelStudioPlatform
from labeling.label_studio_api import LabelStudioApi
from labeling.label_studio_rows import TaskRow, find_projects, read_tasks
from lake.ingest import register
from lake.records import Label
from lake.store import Lake
from tests.label_studio_fixture import USERS, LabelStudioServer, label_studio  # noqa: F401
from tests.unit.lake.samples import deliver, png

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
    name = f"review-{uuid.uuid4().hex[:8]}"
    folder = Path(shutil.copytree(BUILT_IN / "digits", tmp_path / name))
    text = (folder / "scenario.yaml").read_text().replace("name: digits", f"name: {name}")
    text = text.replace("method: dawid_skene", "method: majority").replace("\nquality:", f"{REVIEW}\nquality:")
    for old in ("min_alpha: 0.35", "min_gold_accuracy: 0.60", "min_class_share: 0.03", "min_confident_share: 0.85"):
        text = text.replace(old, f"{old.partition(':')[0]}: 0.0")
    (folder / "scenario.yaml").write_text(text)
    doors = Doors(
        platform=lambda: LabelStudioPlatform(label_studio.url, token=label_studio.token),
        tracker=_NoTracker,  # type: ignore[arg-type]
        compute=lambda _: pytest.fail("nothing is trained here"),
        media_url=lambda *_: pytest.fail("small pictures travel inside their tasks"),
    )
    made = Work(Ports(Lake.at(tmp_path / "home"), doors), load_scenario(folder), "")
    delivery = deliver(tmp_path / "in", {f"{number}.png": png(number) for number in range(4)})
    made = replace(made, batch_name=register(made.lake, name, [delivery]))
    for stage in ("raw_items", "curated_items", "label_tasks"):
        carry_out(BY_NAME[stage], made)
    disputed = _items(made)[-1]
    votes = {
        who: {item: str(number) if item == disputed else "7" for item in _items(made)}
        for number, who in enumerate((ADA, BO, CHEN))
    }
    _answer(made, label_studio, made.scenario.name, votes)
    for stage in ("annotations", "labels"):
        carry_out(BY_NAME[stage], made)
    yield made
    made.lake.state.close()


class _NoTracker:
    def aliased(self, *_: str) -> None:
        """There is no champion."""


def _items(work: Work) -> list[str]:
    return sorted(work.batch.read("curated", ["item_id"])["item_id"].to_pylist())


def _answer(work: Work, server: LabelStudioServer, project: str, votes: Mapping[str, Mapping[str, str]]) -> None:
    with LabelStudioApi(server.url, token=server.token, timeout_s=30) as api:
        number = str(find_projects(api, project)[0].id)
    replay(server.url, server.tokens, number, work.scenario.config, votes, lambda *_: None)


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
    _answer(work, label_studio, review_project, {ADA: {disputed: "0"}})
    review.look(work)
    labels.run(work)
    (task,) = _review_tasks(work, label_studio)
    assert task.overlap == 2  # it stays open for another
    assert _label(work, disputed).adjudicated_by is None
    assert labels.run(work).summary["decisions ignored: own work"] == 1

    # A decision is final, recorded and paid once
    _answer(work, label_studio, review_project, {DANA: {disputed: "8"}})
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
        api.patch(
            f"/api/annotations/{decision.annotation_id}/", {"result": choice_to_result("3", work.scenario.config)}
        )
    review.look(work)
    assert status_of(work).ready == ("labels",)
    carry_out(BY_NAME["labels"], work)
    assert (_label(work, disputed).answer, _label(work, disputed).adjudicated_by) == ("3", DANA)
    assert len(_decisions_paid(work)) == 2
    assert sum(one.action == "adjudicate" for one in work.lake.state.audit_entries()) == 2

    # The next batch does not ask for it again
    assert annotations.count(review.sent(work), [])["tasks"] == 1
    assert disputed not in tasks._asked_again(work)
