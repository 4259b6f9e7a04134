"""Whatever happens to a Label Studio, its clients and the line between them, one reconcile makes the mirror equal."""

# ruff: noqa: F811  a fixture that is imported is also the name of an argument

import dataclasses
import datetime as dt
import json
import multiprocessing
import multiprocessing.synchronize
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest

from assets.answers import mirror, reconcile, sync
from assets.scenario import Scenario, load_scenario
from assets.stage import Doors, Ports, Work
from labeling.answers import to_result
from labeling.label_studio import LabelStudioPlatform
from labeling.label_studio_api import LabelStudioApi
from labeling.label_studio_rows import read_emails, read_tasks
from labeling.platform import AnnotationPlatform, PlatformTask
from labeling.server import LocalLabelStudio
from lake.errors import PlatformError, PlatformUnreachable, ServiceError
from lake.records import Annotation, from_table
from lake.servers import until
from lake.store import Lake
from pipelines.hints import hint, is_due, note_pull
from tests.cutting_proxy import CuttingProxy
from tests.label_studio_databases import PEOPLE, any_label_studio  # noqa: F401
from tests.postgres_fixture import postgres  # noqa: F401
from tests.shared_data import ROOT
from tests.unit.labeling.made import birds, platform_task

pytestmark = pytest.mark.integration

CONFIG = birds()
START_ATTEMPTS = 5
NUM_EVENTS = 220
TASKS = [platform_task(f"t{number}", overlap=4 if number % 20 == 0 else 3) for number in range(600)]
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
Held = set[tuple[str, str, str, str]]  # annotation id, task id, e-mail, answer ("" where there is none)


def scenario_of(title: str) -> Scenario:
    """A scenario about birds; only what a pull needs of it is ever looked at."""
    digits = load_scenario(ROOT / "assets" / "scenarios" / "digits")
    return dataclasses.replace(digits, spec=digits.spec.model_copy(update={"name": title}), label_config=CONFIG)


def work_of(home: Path, title: str, url: str, token: str) -> Work:
    """A lake that mirrors a project through some address of its server."""

    def nothing(*_: object) -> AnnotationPlatform:
        raise AssertionError("only the platform is needed")

    def platform() -> AnnotationPlatform:
        return LabelStudioPlatform(url, token=token, timeout_s=4)

    doors = Doors(platform=platform, tracker=nothing, compute=nothing, media_url=lambda _, item: item)  # type: ignore[arg-type]
    return Work(Ports(Lake.at(home), doors), scenario_of(title), "b1")


def push_in_vain(url: str, token: str, project: str, tasks: list[PlatformTask]) -> None:
    """What a client does that is killed meanwhile."""
    LabelStudioPlatform(url, token=token, timeout_s=4).push(project, tasks)


def sync_in_vain(home: Path, title: str, url: str, token: str) -> None:
    sync(work_of(home, title, url, token))


class Chaos:
    """One project, its mirror, and everything that can happen to them; drawn from a seed."""

    def __init__(self, server: LocalLabelStudio, line: CuttingProxy, home: Path, seed: int) -> None:
        self.random = Random(seed)
        self.server, self.line, self.home = server, line, home
        self.title = f"chaos-{uuid4().hex[:8]}"
        self.token = server.admin_token
        self.tokens = server.ensure_users(PEOPLE)
        self.direct = work_of(home, self.title, server.url, self.token)
        self.broken = work_of(home, self.title, line.url, self.token)
        self.project = sync(self.direct)
        self.num_pushed = 40
        self.direct.ports.platform.push(self.project, TASKS[: self.num_pushed])
        self.now = START
        self.happened: Counter[str] = Counter()

    def run(self) -> None:
        ordinary = [
            (self.answer, 60), (self.edit, 25), (self.remove, 15), (self.skip, 10), (self.draft, 8),
            (self.empty, 5), (self.drop_task, 8), (self.drop_all_answers, 4), (self.import_foreign, 4),
            (self.import_copy, 3), (self.push, 10), (self.pull, 20), (self.hints, 10),
        ]  # fmt: skip
        rare = {50: self.kill_server, 100: self.kill_pushing, 130: self.kill_pulling, 160: self.kill_server_in_push,
                185: self.kill_pushing, 205: self.kill_pulling}  # fmt: skip
        acts, weights = zip(*ordinary, strict=True)
        for number in range(NUM_EVENTS):
            act: Callable[[], None] = rare.get(number) or self.random.choices(acts, weights)[0]
            try:
                act()
            except (PlatformError, PlatformUnreachable):
                self.happened["refused"] += 1
            self.happened[act.__name__] += 1

    # people, each with a token of their own

    def _as(self, who: str) -> LabelStudioApi:
        return LabelStudioApi(self.server.url, token=self.tokens[who], timeout_s=20)

    def _admin(self) -> LabelStudioApi:
        return LabelStudioApi(self.server.url, token=self.token, timeout_s=20)

    def _task(self) -> int:
        with self._admin() as api:
            return self.random.choice([task.id for task in read_tasks(api, self.project)])

    def _annotation(self) -> int:
        with self._admin() as api:
            answered = [task.id for task in read_tasks(api, self.project) if task.num_answers]
            if not answered:
                raise PlatformError("nothing was answered yet", remedy="go on")
            number = self.random.choice(answered)
            (task,) = read_tasks(api, self.project, full=True, after=number - 1, upto=number)
        return self.random.choice([one.id for one in task.annotations])

    def _post(self, **body: object) -> None:
        with self._as(self.random.choice(PEOPLE)) as api:
            api.post(f"/api/tasks/{self._task()}/annotations/", {"lead_time": 1.5, "result": self._said()} | body)

    def _said(self) -> list[object]:
        return list(to_result(self.random.choice(CONFIG.classes), CONFIG))

    def answer(self) -> None:
        self._post()

    def skip(self) -> None:
        self._post(was_cancelled=True)

    def empty(self) -> None:
        self._post(result=[])

    def edit(self) -> None:
        with self._as(self.random.choice(PEOPLE)) as api:
            api.patch(f"/api/annotations/{self._annotation()}/", {"result": self._said()})

    def remove(self) -> None:
        with self._as(self.random.choice(PEOPLE)) as api:
            api.delete(f"/api/annotations/{self._annotation()}/")

    def draft(self) -> None:
        with self._as(self.random.choice(PEOPLE)) as api:
            api.post(f"/api/tasks/{self._task()}/drafts", {"result": self._said(), "lead_time": 1.0})

    def drop_task(self) -> None:
        with self._admin() as api:
            api.delete(f"/api/tasks/{self._task()}/")

    def drop_all_answers(self) -> None:
        chosen = {"all": False, "included": [self._task(), self._task()]}
        query: dict[str, str | int] = {"id": "delete_tasks_annotations", "project": self.project}
        with self._admin() as api:
            api.post("/api/dm/actions/", {"selectedItems": chosen}, query)

    def import_foreign(self) -> None:
        annotation = {"result": self._said(), "ground_truth": False}
        with self._admin() as api:
            body = [{"data": {"text": "by hand"}, "annotations": [annotation]}, {"data": {"text": "by hand"}}]
            api.post(f"/api/projects/{self.project}/import", body)

    def import_copy(self) -> None:
        with self._admin() as api:
            task = self.random.choice(list(read_tasks(api, self.project)))
            annotation = {"result": self._said(), "ground_truth": False}
            api.post(f"/api/projects/{self.project}/import", [{"data": task.data, "annotations": [annotation]}])

    # ourselves, on a line that breaks

    def _break(self) -> None:
        self.line.cut(after=self.random.randrange(1, 60_000), refusals=self.random.choice([0, 0, 1, 3]))

    def push(self) -> None:
        self.num_pushed = min(len(TASKS), self.num_pushed + self.random.randrange(1, 20))
        self._break()
        self.broken.ports.platform.push(self.project, TASKS[: self.num_pushed])

    def pull(self) -> None:
        self._break()
        sync(self.broken)

    def hints(self) -> None:
        """Webhooks that are lost, come twice, late or in another order: at most a pull too many or too late."""
        state = self.direct.lake.state
        self.now += dt.timedelta(seconds=self.random.randrange(1, 40))
        for _ in range(self.random.randrange(3)):
            hint(state, self.title, self.now - dt.timedelta(seconds=self.random.randrange(60)))
        if is_due(state, self.title, self.now):
            note_pull(state, self.title, self.now)
            self.pull()

    # deaths

    def kill_server(self) -> None:
        pid = self.server.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        assert until(lambda: self.server.pid != pid, 10)  # until it is dead, starting it finds it alive
        start_again(self.server)

    def kill_server_in_push(self) -> None:
        with self._client(push_in_vain, self.server.url, self.token, self.project, TASKS) as client:
            client.wait(self.random.uniform(0.0, 0.3))
            self.kill_server()
        self.num_pushed = len(TASKS)

    def kill_pushing(self) -> None:
        with self._client(
            push_in_vain, self.server.url, self.token, self.project, TASKS[: self.num_pushed + 100]
        ) as it:
            it.wait(self.random.uniform(0.0, 0.3))

    def kill_pulling(self) -> None:
        with self._client(sync_in_vain, self.home, self.title, self.server.url, self.token) as client:
            client.wait(self.random.uniform(0.0, 0.4))

    def _client(self, work: Callable[..., None], *arguments: object) -> "Client":
        return Client(work, *arguments)


def start_again(server: LocalLabelStudio) -> None:
    """Start a server that was killed; workers that outlive it may hold its port for a while."""
    for attempt in range(START_ATTEMPTS):
        try:
            server.start()
        except ServiceError:
            assert attempt < START_ATTEMPTS - 1, "the server does not start again"
            time.sleep(3)
        else:
            return


class Client:
    """Another process that works; killed at the end of the block, wherever it is."""

    def __init__(self, work: Callable[..., None], *arguments: object) -> None:
        context = multiprocessing.get_context("spawn")
        self._ready = context.Event()
        self._process = context.Process(target=_when_ready, args=(self._ready, work, arguments))

    def __enter__(self) -> "Client":
        self._process.start()
        assert self._ready.wait(60)
        return self

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()


def _when_ready(
    ready: multiprocessing.synchronize.Event, work: Callable[..., None], arguments: tuple[object, ...]
) -> None:
    ready.set()
    work(*arguments)


def held_by(server: LocalLabelStudio, project: str) -> Held:
    """What the server's own export says of our tasks."""
    with LabelStudioApi(server.url, token=server.admin_token, timeout_s=60) as api:
        query: dict[str, str | int] = {"exportType": "JSON", "download_all_tasks": "true"}
        tasks = json.loads(api.get(f"/api/projects/{project}/export", query))
        emails = read_emails(api)
    return {
        (str(one["id"]), task["data"]["task_id"], emails[one["completed_by"]], answer_of(one))
        for task in tasks
        if "task_id" in task["data"]
        for one in task["annotations"]
    }


def answer_of(annotation: dict[str, list[dict[str, dict[str, list[str]]]]]) -> str:
    if annotation["was_cancelled"] or not annotation["result"]:
        return ""
    (said,) = annotation["result"][0]["value"]["choices"]
    return {"Other bird": "other"}.get(said, said)


def mirrored(work: Work) -> Held:
    rows = list(from_table(mirror(work), Annotation))
    held = {(one.annotation_id, one.task_id, one.annotator, one.answer) for one in rows}
    assert len(held) == len(rows)
    return held


@pytest.fixture
def line(any_label_studio: LocalLabelStudio) -> Iterator[CuttingProxy]:
    with CuttingProxy(any_label_studio.url) as proxy:
        yield proxy


def test_one_reconcile_makes_the_mirror_equal_whatever_happened(
    any_label_studio: LocalLabelStudio, line: CuttingProxy, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """On SQLite by itself; on PostgreSQL, whose migrations are added to it, with `make chaos`."""
    if "postgresql" in request.node.name and "TRIALBASE_TEST_CHAOS" not in os.environ:
        pytest.skip("takes some minutes: make chaos")
    chaos = Chaos(any_label_studio, line, tmp_path / "home", seed=7)
    chaos.run()
    line.mend()
    print(dict(chaos.happened), line.num_cuts)
    assert sum(chaos.happened.values()) - chaos.happened["refused"] >= 200
    assert len(chaos.happened) >= 17
    assert line.num_cuts >= 10
    reconcile(chaos.direct)
    held = held_by(any_label_studio, chaos.project)
    assert len(held) >= 20
    assert mirrored(chaos.direct) == held
    _push_all(chaos)


def _push_all(chaos: Chaos) -> None:
    """Every task ends up there, once unless its copies were answered; and a mirror that follows stays equal."""
    chaos.direct.ports.platform.push(chaos.project, TASKS)
    assert chaos.direct.ports.platform.push(chaos.project, TASKS) == 0
    with chaos._admin() as api:
        rows = [task for task in read_tasks(api, chaos.project) if task.task_id]
    copies = Counter(task.task_id for task in rows)
    assert set(copies) == {one.task.task_id for one in TASKS}
    assert all(task.num_answers for task in rows if copies[task.task_id] > 1)
    chaos.answer()
    sync(chaos.direct)
    assert mirrored(chaos.direct) == held_by(chaos.server, chaos.project)
