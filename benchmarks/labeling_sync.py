"""Keeping a mirror of 50,000 tasks with two answers each on a real Label Studio (SQLite), and filling it."""

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from benchmarks.figure import Figure, figure
from labeling.answers import to_result
from labeling.config import LabelConfig
from labeling.label_studio import LabelStudioPlatform
from labeling.label_studio_api import LabelStudioApi
from labeling.label_studio_pull import WINDOW
from labeling.label_studio_rows import read_emails
from labeling.platform import PlatformTask, Pull, catch_up
from labeling.server import LocalLabelStudio
from lake import ids
from lake.records import Task
from lake.servers import free_port

NUM_TASKS, NUM_CHANGED, OVERLAP = 50_000, 500, 2
PUSH_RUNS = 2
_VENV = Path(__file__).resolve().parents[1] / ".venv-label-studio"
_USERS = tuple(f"annotator{number}@simulated.example" for number in range(4))
_IMPORT = 5_000
_TIMEOUT_S = 600.0
_QUESTION = """<View><Text name="text" value="$text"/><Choices name="bird" toName="text" choice="single">
<Choice value="sparrow"/><Choice value="other"/></Choices></View>"""

Said = dict[str, tuple[str, str]]  # annotation id -> task id, answer


@dataclass(frozen=True)
class _Base:
    """A Label Studio, and who may use it."""

    server: LocalLabelStudio
    config: LabelConfig
    api: LabelStudioApi  # the administrator's

    @property
    def platform(self) -> LabelStudioPlatform:
        return LabelStudioPlatform(self.server.url, token=self.server.admin_token, timeout_s=_TIMEOUT_S)

    def new_project(self) -> str:
        title = f"benchmark {uuid4().hex[:12]}"
        return self.platform.ensure_project(title, self.config, guideline="", overlap=OVERLAP)


def sync(runs: int | None = None) -> Iterator[Figure]:
    """Pushing against plain imports of the same bodies; a mirror brought up to date, wholly and by changes."""
    with _label_studio() as base:
        yield _pushes(base, runs or PUSH_RUNS)
        project = base.new_project()
        _import_answered(base, project)
        yield from _pulls(base, project, runs or 1)


@contextmanager
def _label_studio() -> Iterator[_Base]:
    with tempfile.TemporaryDirectory() as folder:
        server = LocalLabelStudio(_VENV, Path(folder) / "label-studio", free_port(), users=_USERS)
        server.start()
        try:
            with LabelStudioApi(server.url, token=server.admin_token, timeout_s=_TIMEOUT_S) as api:
                yield _Base(server, LabelConfig.parse(_QUESTION, where="benchmark"), api)
        finally:
            server.stop()


def _pushes(base: _Base, runs: int) -> Figure:
    """Each round imports and pushes the same tasks into projects of their own, in alternating order."""
    tasks = [_task(number) for number in range(NUM_TASKS)]
    ours: list[float] = []
    peer: list[float] = []
    good = True
    for run in range(runs):
        for plain in (True, False) if run % 2 == 0 else (False, True):
            project = base.new_project()
            begin = time.perf_counter()
            if plain:
                _import(base, project, [{"data": _data(one)} for one in tasks])
            else:
                good = good and base.platform.push(project, tasks) == NUM_TASKS
            (peer if plain else ours).append(NUM_TASKS / (time.perf_counter() - begin))
            good = good and base.platform.count(project) == NUM_TASKS
    return figure(
        "labeling", "push of 50,000 tasks, against plain bulk imports", "tasks/s", ours, peer=peer,
        must="at least 0.9 of the peer", holds=lambda mine, theirs: good and mine >= 0.9 * (theirs or 0),
    )  # fmt: skip


def _pulls(base: _Base, project: str, runs: int) -> Iterator[Figure]:
    """The whole comparison, checked by the server's own export, then what changed; both as `catch_up` does them."""
    whole, export, good = [], [], True
    for _ in range(runs):
        begin = time.perf_counter()
        pull, known = catch_up(base.platform, project, base.config, None, {})
        between = time.perf_counter()
        held = _exported(base, project)
        whole.append(between - begin)
        export.append(time.perf_counter() - between)
        good = good and _said(pull) == held and len(known) == NUM_TASKS
    yield figure(
        "labeling", "full comparison with 50,000 answered tasks, against the server's own export", "s", whole,
        peer=export, must="under 60", holds=lambda seconds, _: good and seconds < 60,
    )  # fmt: skip
    changed = _change(base, pull)
    parts, right = [], True
    since = pull.cursor + WINDOW  # the import is younger than the window that a pull reads again
    for _ in range(max(runs, 3)):
        begin = time.perf_counter()
        part, now = catch_up(base.platform, project, base.config, since, known)
        parts.append(time.perf_counter() - begin)
        right = right and part.touched == changed and not part.complete and len(part.annotations) == 3 * NUM_CHANGED
        right = right and now == known
    yield figure(
        "labeling", "pull of 500 changed tasks among 50,000", "s", parts,
        must="under 5", holds=lambda seconds, _: right and seconds < 5,
    )  # fmt: skip


def _task(number: int) -> PlatformTask:
    item = ids.key("benchmark item", number)
    task = Task(
        task_id=ids.key("benchmark task", number),
        scenario="benchmark",
        item_id=item,
        guideline_version="g1",
        batch="b1",
        overlap=OVERLAP,
        priority=0.5,
        reason="new",
    )
    return PlatformTask(task, f"What is bird {number} of {NUM_TASKS}?")


def _data(one: PlatformTask) -> dict[str, str]:
    """The body that a push sends."""
    task = one.task
    return {
        "task_id": task.task_id,
        "item_id": task.item_id,
        "guideline_version": task.guideline_version,
        "batch": task.batch,
        "text": one.value,
    }


def _import(base: _Base, project: str, bodies: Sequence[object]) -> None:
    for start in range(0, len(bodies), _IMPORT):
        body = bodies[start : start + _IMPORT]
        path, query = f"/api/projects/{project}/import", {"return_task_ids": "true"}
        base.api.post_once(path, body, query, timeout_s=_TIMEOUT_S)


def _import_answered(base: _Base, project: str) -> None:
    """All tasks with two answers, by two of four annotators."""
    people = sorted(number for number, email in read_emails(base.api).items() if email in _USERS)
    result = to_result("sparrow", base.config)
    bodies = []
    for number in range(NUM_TASKS):
        who = [people[(number + place) % len(people)] for place in range(OVERLAP)]
        said = [{"result": result, "completed_by": one, "lead_time": 2.5, "ground_truth": False} for one in who]
        bodies.append({"data": _data(_task(number)), "annotations": said})
    _import(base, project, bodies)


def _change(base: _Base, pull: Pull) -> frozenset[str]:
    """One more answer to every hundredth task, by four annotators at once; returns the tasks."""
    chosen = sorted((int(key), task) for key, task in pull.tasks.items())[:: NUM_TASKS // NUM_CHANGED]
    result = to_result("other", base.config)
    tokens = base.server.ensure_users(_USERS)

    def answer(place: int) -> None:
        with LabelStudioApi(base.server.url, token=tokens[_USERS[place]], timeout_s=_TIMEOUT_S) as api:
            for number, _ in chosen[place :: len(_USERS)]:
                api.post(f"/api/tasks/{number}/annotations/", {"result": result, "lead_time": 1.0})

    with ThreadPoolExecutor(len(_USERS)) as pool:
        list(pool.map(answer, range(len(_USERS))))
    return frozenset(task for _, task in chosen)


def _said(pull: Pull) -> Said:
    return {one.annotation_id: (one.task_id, one.answer) for one in pull.annotations}


def _exported(base: _Base, project: str) -> Said:
    """What the server holds, by the way that its users would take."""
    path = f"/api/projects/{project}/export"
    tasks = json.loads(base.api.get(path, {"exportType": "JSON", "download_all_tasks": "true"}))
    return {
        str(one["id"]): (task["data"]["task_id"], one["result"][0]["value"]["choices"][0])
        for task in tasks
        for one in task["annotations"]
    }
