"""Eight annotators answer at once, with tokens of both kinds: no answer is lost, none counts twice."""

# ruff: noqa: F811  a fixture that is imported is also the name of an argument

import json
import logging
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest

from assets.answers import of_batch, reopen, sync
from assets.stage import Work
from labeling.answers import to_result
from labeling.label_studio_api import LabelStudioApi
from labeling.label_studio_rows import read_tasks
from labeling.server import LocalLabelStudio
from lake.errors import PlatformError
from tests.integration.test_label_studio_chaos import CONFIG, mirrored, work_of
from tests.label_studio_databases import PEOPLE, any_label_studio  # noqa: F401
from tests.postgres_fixture import postgres  # noqa: F401
from tests.unit.labeling.made import platform_task

pytestmark = pytest.mark.integration

OVERLAP = 3
TASKS = [platform_task(f"t{number}", overlap=OVERLAP) for number in range(30)]


@pytest.fixture(scope="module")
def tokens(any_label_studio: LocalLabelStudio) -> dict[str, str]:
    """Personal access tokens of half of the people, legacy tokens of the others."""
    personal = any_label_studio.ensure_users(PEOPLE)
    with LabelStudioApi(any_label_studio.url, token=any_label_studio.admin_token, timeout_s=30) as api:
        api.post("/api/jwt/settings", {"api_tokens_enabled": True, "legacy_api_tokens_enabled": True})
    return {
        one: personal[one] if row % 2 else legacy_token(any_label_studio, personal[one])
        for row, one in enumerate(PEOPLE)
    }


def legacy_token(server: LocalLabelStudio, personal: str) -> str:
    with LabelStudioApi(server.url, token=personal, timeout_s=30) as api:
        token = json.loads(api.get("/api/current-user/token"))["token"]
    assert token.count(".") == 0
    return str(token)


@pytest.fixture
def work(any_label_studio: LocalLabelStudio, tmp_path: Path) -> Work:
    """A lake whose project has 30 tasks."""
    made = work_of(tmp_path / "home", f"crowd-{uuid4().hex[:8]}", any_label_studio.url, any_label_studio.admin_token)
    assert made.scenario.labeling.overlap == OVERLAP
    made.ports.platform.push(sync(made), TASKS)
    return made


class Crowd:
    """People who answer whatever they are given next; remembers every answer that the server took."""

    def __init__(self, server: LocalLabelStudio, project: str, tokens: dict[str, str]) -> None:
        self.server, self.project, self.tokens = server, project, tokens
        self.taken: dict[str, tuple[str, str, str]] = {}  # annotation id -> task id, who, answer
        self._lock = threading.Lock()

    def work(self) -> int:
        """All at once, until nothing is left for anybody; returns how many answers that gave."""
        before = len(self.taken)
        with ThreadPoolExecutor(len(PEOPLE)) as pool:
            list(pool.map(self._answer_all, PEOPLE))
        return len(self.taken) - before

    def answer(self, api: LabelStudioApi, who: str, number: int, task: str, answer: str) -> None:
        """Sent once more where the draw says so, as after a reply that was lost."""
        unique = str(uuid4())
        body = {"result": to_result(answer, CONFIG) if answer else [], "lead_time": 2.0, "unique_id": unique}
        said = api.post(f"/api/tasks/{number}/annotations/", body, {"project": self.project}, present=True)
        if Random(unique).random() < 0.2:
            assert api.post(f"/api/tasks/{number}/annotations/", body, present=True) == b""
        with self._lock:
            self.taken[str(json.loads(said)["id"])] = (task, who, answer)

    def _answer_all(self, who: str) -> None:
        random = Random(who)
        with LabelStudioApi(self.server.url, token=self.tokens[who], timeout_s=60) as api:
            while True:
                try:
                    row = json.loads(api.get(f"/api/projects/{self.project}/next"))
                except PlatformError as error:
                    if "404" in str(error):  # there are no more tasks
                        return
                    raise
                self.answer(api, who, row["id"], row["data"]["task_id"], random.choice(CONFIG.classes))


def test_no_answer_is_lost_or_doubled_and_every_task_gets_its_people(
    any_label_studio: LocalLabelStudio, work: Work, tokens: dict[str, str]
) -> None:
    project = sync(work)
    crowd = Crowd(any_label_studio, project, tokens)
    with LabelStudioApi(any_label_studio.url, token=tokens[PEOPLE[0]], timeout_s=30) as api:
        number = {task.task_id: task.id for task in read_tasks(api, project)}
        for task, answer in (("t0", "sparrow"), ("t0", "other"), ("t0", "sparrow"), ("t1", "other"), ("t1", "other")):
            crowd.answer(api, PEOPLE[0], number[task], task, answer)
        for _ in range(OVERLAP):
            crowd.answer(api, PEOPLE[0], number["t2"], "t2", "")
    records = [one.task for one in TASKS]
    for _ in range(6):
        crowd.work()
        sync(work)
        if not reopen(work, project, records, of_batch(work, records)):
            break
    held = {(key, *said) for key, said in crowd.taken.items()}
    assert mirrored(work) == held
    votes = of_batch(work, records)
    assert Counter(one.task_id for one in votes) == {one.task_id: OVERLAP for one in records}
    assert len({(one.task_id, one.annotator) for one in votes}) == len(votes)
    assert {one.annotation_id for one in votes} <= set(crowd.taken)


def test_tokens_are_renewed_and_never_logged(
    any_label_studio: LocalLabelStudio, work: Work, tokens: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    secrets = [*tokens.values(), any_label_studio.admin_token]
    with caplog.at_level(logging.DEBUG):
        sync(work)
        for token in tokens.values():
            with LabelStudioApi(any_label_studio.url, token=token, timeout_s=30) as api:
                api.get("/api/current-user/whoami")
                access = api._client.headers["Authorization"]
                api._client.headers["Authorization"] = f"{access[:-1]}{'a' if access[-1] != 'a' else 'b'}"
                assert b"simulated.example" in api.get("/api/current-user/whoami")
                secrets += [access.partition(" ")[2], api._client.headers["Authorization"].partition(" ")[2]]
        with (
            pytest.raises(PlatformError) as refused,
            LabelStudioApi(any_label_studio.url, token="wrong", timeout_s=5) as api,
        ):
            api.get("/api/projects/")
    said = caplog.text + any_label_studio.log_path.read_text() + str(refused.value)
    assert "whoami" in caplog.text
    assert [secret for secret in secrets if secret in said] == []
