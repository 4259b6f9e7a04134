"""What every annotation platform promises, on the real server."""

# ruff: noqa: F811  a fixture that is imported is also the name of an argument

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from labeling.answers import to_result
from labeling.config import LabelConfig
from labeling.label_studio import LabelStudioPlatform
from labeling.label_studio_api import LabelStudioApi
from labeling.label_studio_pull import WINDOW
from labeling.label_studio_rows import read_tasks
from labeling.platform import AnnotationPlatform, catch_up
from lake.errors import PlatformError
from tests.label_studio_fixture import USERS, VENV, LabelStudioServer, label_studio, project_title  # noqa: F401
from tests.swallowing_proxy import SwallowingProxy
from tests.unit.labeling.made import birds, platform_task

pytestmark = pytest.mark.contract

CONFIG = birds()
GUIDELINE = "A sparrow is *small* & brown; less < more."
BATCH = [platform_task(f"t{i}") for i in range(12)]


@pytest.fixture(params=["label_studio"])
def platform(label_studio: LabelStudioServer) -> AnnotationPlatform:
    return LabelStudioPlatform(label_studio.url, token=label_studio.token)


@pytest.fixture
def project(platform: AnnotationPlatform, project_title: str) -> str:
    return platform.ensure_project(project_title, CONFIG, guideline=GUIDELINE, overlap=2)


@pytest.fixture
def admin(label_studio: LabelStudioServer) -> Iterator[LabelStudioApi]:
    with LabelStudioApi(label_studio.url, token=label_studio.token, timeout_s=30) as api:
        yield api


def server_ids(api: LabelStudioApi, project: str) -> dict[str, int]:
    return {task.task_id: task.id for task in read_tasks(api, project)}


def post_answer(label_studio: LabelStudioServer, project: str, task: str, user: str, body: dict[str, object]) -> int:
    """One annotation by one user; returns the platform's id."""
    with LabelStudioApi(label_studio.url, token=label_studio.tokens[user], timeout_s=30) as api:
        path = f"/api/tasks/{server_ids(api, project)[task]}/annotations/"
        return int(json.loads(api.post(path, {"lead_time": 4.5, "result": []} | body))["id"])


def says(answer: str) -> dict[str, object]:
    return {"result": to_result(answer, CONFIG)}


# Projects and tasks


def test_a_title_has_one_project(platform: AnnotationPlatform, project_title: str) -> None:
    one = platform.ensure_project(project_title, CONFIG, guideline=GUIDELINE, overlap=2)
    longer = platform.ensure_project(f"{project_title} x", CONFIG, guideline=GUIDELINE, overlap=2)
    again = platform.ensure_project(project_title, CONFIG, guideline="New words.", overlap=3)
    assert one == again != longer
    assert platform.page_url(one).endswith(f"/projects/{one}/data")


def test_an_unchanged_project_is_not_written_to(
    platform: AnnotationPlatform, project: str, project_title: str, admin: LabelStudioApi
) -> None:
    """Writing maximum_annotations would take every task's own overlap away."""
    platform.push(project, [replace(BATCH[0], task=replace(BATCH[0].task, overlap=5))])
    platform.ensure_project(project_title, CONFIG, guideline=GUIDELINE, overlap=2)
    assert [task.overlap for task in read_tasks(admin, project)] == [5]


@pytest.mark.parametrize("title", ["ab", "x" * 51])
def test_a_title_that_cannot_be_is_refused(platform: AnnotationPlatform, title: str) -> None:
    with pytest.raises(PlatformError, match="3 to 50 characters"):
        platform.ensure_project(title, CONFIG, guideline=GUIDELINE, overlap=2)


def test_pushing_a_batch_twice_adds_it_once(platform: AnnotationPlatform, project: str) -> None:
    assert platform.push(project, BATCH[:5]) == 5
    assert platform.push(project, BATCH) == 7
    assert platform.push(project, BATCH) == 0
    assert platform.count(project) == len(BATCH)


def test_a_push_that_was_cut_off_is_completed_without_copies(
    platform: AnnotationPlatform, project: str, label_studio: LabelStudioServer
) -> None:
    """The import arrives, its reply does not: as with a kill, a broken line or a proxy that gives up."""
    with SwallowingProxy(label_studio.url, b"/import?") as url:
        behind = LabelStudioPlatform(url, token=label_studio.token, timeout_s=20)
        assert behind.push(project, BATCH) == len(BATCH)
    assert platform.count(project) == len(BATCH)


def test_copies_that_slipped_in_are_removed_while_nobody_answered_them(
    platform: AnnotationPlatform, project: str, admin: LabelStudioApi
) -> None:
    platform.push(project, BATCH[:3])
    data = [{"data": task.data} for task in read_tasks(admin, project)]
    admin.post(f"/api/projects/{project}/import", data)
    answered = max(task.id for task in read_tasks(admin, project) if task.task_id == "t0")
    admin.post(f"/api/tasks/{answered}/annotations/", says("sparrow"))
    assert platform.count(project) == 6
    assert platform.push(project, BATCH[:3]) == 0
    assert platform.count(project) == 3
    assert answered in server_ids(admin, project).values()


def test_a_task_that_asks_for_more_gets_more_and_keeps_it(
    platform: AnnotationPlatform, project: str, admin: LabelStudioApi
) -> None:
    platform.push(project, BATCH[:3])
    more = replace(BATCH[1], task=replace(BATCH[1].task, overlap=4))
    assert platform.push(project, [more]) == 0
    platform.push(project, BATCH[:3])  # the earlier batch is sent again after a crash
    assert {task.task_id: task.overlap for task in read_tasks(admin, project)} == {"t0": 2, "t1": 4, "t2": 2}


def test_annotators_cannot_tell_gold(platform: AnnotationPlatform, project: str, admin: LabelStudioApi) -> None:
    gold = [platform_task(f"g{i}", reason="gold", overlap=4) for i in range(4)]
    platform.push(project, [*gold, *BATCH])
    tasks = list(read_tasks(admin, project))
    assert {key for task in tasks for key in task.data} == {"task_id", "item_id", "guideline_version", "batch", "text"}
    assert not any("gold" in str(task.data) for task in tasks)
    assert [task.task_id[0] for task in tasks[:4]] != ["g"] * 4
    assert {task.overlap for task in tasks if task.task_id.startswith("g")} == {4}


def test_a_task_whose_places_were_filled_in_vain_is_opened_again(
    platform: AnnotationPlatform, project: str, admin: LabelStudioApi, label_studio: LabelStudioServer
) -> None:
    platform.push(project, BATCH[:4])
    empty: dict[str, object] = {"result": []}
    for task, body in (("t0", says("other")), ("t1", says("other")), ("t1", empty), ("t2", says("other"))):
        post_answer(label_studio, project, task, USERS[0], body)
    for task in ("t0", "t2"):
        post_answer(label_studio, project, task, USERS[0] if task == "t0" else USERS[1], says("sparrow"))
    wanted = {str(key): 2 for key in server_ids(admin, project).values()}
    assert platform.reopen(project, wanted | {"999999": 2}) == 2
    assert platform.reopen(project, wanted) == 0
    assert {task.task_id: task.overlap for task in read_tasks(admin, project)} == {"t0": 3, "t1": 3, "t2": 2, "t3": 2}
    offered = set()
    with LabelStudioApi(label_studio.url, token=label_studio.tokens[USERS[2]], timeout_s=30) as api:
        for _ in range(3):  # t2 has its two answers, the others come in the platform's order
            found = json.loads(api.get(f"/api/projects/{project}/next"))
            offered.add(found["data"]["task_id"])
            post_answer(label_studio, project, found["data"]["task_id"], USERS[2], says("sparrow"))
    assert offered == {"t0", "t1", "t3"}


def test_retracted_tasks_are_gone(platform: AnnotationPlatform, project: str) -> None:
    platform.push(project, BATCH)
    assert platform.retract(project, ["t1", "t2", "never there"]) == 2
    assert platform.retract(project, ["t1", "t2"]) == 0
    assert platform.count(project) == len(BATCH) - 2
    assert platform.pull(project, CONFIG, None).present == {one.task.task_id for one in BATCH} - {"t1", "t2"}


def test_a_thousand_tasks_take_more_than_one_page(platform: AnnotationPlatform, project: str) -> None:
    many = [platform_task(f"m{i}") for i in range(2300)]
    assert platform.push(project, many) == 2300
    assert platform.push(project, many) == 0
    assert len(platform.pull(project, CONFIG, None).present) == 2300


# Answers


def test_an_answer_comes_back_typed(
    platform: AnnotationPlatform, project: str, label_studio: LabelStudioServer
) -> None:
    platform.push(project, BATCH[:2])
    number = post_answer(label_studio, project, "t1", USERS[0], says("麻雀"))
    pull = platform.pull(project, CONFIG, None)
    (one,) = pull.annotations
    assert (one.annotation_id, one.task_id, one.item_id) == (str(number), "t1", "item t1")
    assert (one.annotator, one.answer, one.lead_time_s) == (USERS[0], "麻雀", 4.5)
    assert (one.guideline_version, one.cancelled, one.gold) == ("g1", False, False)
    assert one.updated_at.utcoffset() is not None
    assert pull.touched == pull.present == {"t0", "t1"}


def test_nothing_is_dropped(platform: AnnotationPlatform, project: str, label_studio: LabelStudioServer) -> None:
    platform.push(project, BATCH[:1])
    post_answer(label_studio, project, "t0", USERS[0], says("other"))
    post_answer(label_studio, project, "t0", USERS[1], says("other") | {"was_cancelled": True})
    post_answer(label_studio, project, "t0", USERS[2], {"result": []})
    pull = platform.pull(project, CONFIG, None)
    assert [(one.annotator, one.answer, one.cancelled) for one in pull.annotations] == [
        (USERS[0], "other", False),
        (USERS[1], "", True),
        (USERS[2], "", True),
    ]


def test_an_unknown_class_stops_the_pull_and_is_named(
    platform: AnnotationPlatform, project: str, label_studio: LabelStudioServer
) -> None:
    platform.push(project, BATCH[:1])
    wrong = json.loads(json.dumps(says("other")).replace("other", "ostrich"))
    post_answer(label_studio, project, "t0", USERS[0], wrong)
    with pytest.raises(PlatformError, match='"ostrich"'):
        platform.pull(project, CONFIG, None)


def test_edits_and_deletions_reach_a_mirror(
    platform: AnnotationPlatform, project: str, admin: LabelStudioApi, label_studio: LabelStudioServer
) -> None:
    platform.push(project, BATCH[:4])
    kept, gone = (post_answer(label_studio, project, "t0", user, says("sparrow")) for user in USERS[:2])
    post_answer(label_studio, project, "t1", USERS[0], says("sparrow"))
    mirror = Mirror(platform, project).follow()
    admin.patch(f"/api/annotations/{kept}/", says("other"))
    admin.delete(f"/api/annotations/{gone}/")
    platform.retract(project, ["t1"])
    post_answer(label_studio, project, "t3", USERS[2], says("麻雀"))
    mirror.follow()
    assert mirror.answers() == {("t0", USERS[0], "other"), ("t3", USERS[2], "麻雀")}
    assert mirror.answers() == Mirror(platform, project).follow().answers()


def test_a_pull_asks_for_what_changed_only(
    platform: AnnotationPlatform, project: str, admin: LabelStudioApi, label_studio: LabelStudioServer
) -> None:
    platform.push(project, BATCH)
    post_answer(label_studio, project, "t5", USERS[0], says("sparrow"))
    changed = {task.task_id: task.updated_at for task in read_tasks(admin, project)}
    before = max(time for task, time in changed.items() if task != "t5")
    assert [task.task_id for task in read_tasks(admin, project, full=True, since=before)] == ["t5"]
    pull = platform.pull(project, CONFIG, None)
    assert pull.cursor == changed["t5"]
    assert "t5" in platform.pull(project, CONFIG, pull.cursor).touched  # its minute is read again


def test_tasks_of_other_origin_are_left_alone(
    platform: AnnotationPlatform, project: str, admin: LabelStudioApi
) -> None:
    admin.post(f"/api/projects/{project}/import", [{"data": {"text": "by hand"}}])
    platform.push(project, BATCH[:1])
    pull = platform.pull(project, CONFIG, None)
    assert pull.present == pull.touched == {"t0"}
    assert platform.push(project, BATCH[:1]) == 0
    assert platform.count(project) == 2


def test_tasks_deleted_by_hand_leave_the_mirror(
    platform: AnnotationPlatform, project: str, admin: LabelStudioApi, label_studio: LabelStudioServer
) -> None:
    many = [platform_task(f"m{i}") for i in range(2300)]
    platform.push(project, many)
    for task in ("m7", "m8", "m2000"):
        post_answer(label_studio, project, task, USERS[0], says("sparrow"))
    mirror = Mirror(platform, project).follow()
    there = server_ids(admin, project)
    for task in ("m8", "m9", "m1500"):
        admin.delete(f"/api/tasks/{there[task]}/")
    mirror.follow()
    assert mirror.answers() == {("m7", USERS[0], "sparrow"), ("m2000", USERS[0], "sparrow")}
    assert mirror.known == {str(key): task for task, key in server_ids(admin, project).items()}


def test_the_answers_of_copies_are_kept_together(
    platform: AnnotationPlatform, project: str, admin: LabelStudioApi
) -> None:
    platform.push(project, BATCH[:1])
    admin.post(f"/api/projects/{project}/import", [{"data": task.data} for task in read_tasks(admin, project)])
    first, second = (task.id for task in read_tasks(admin, project))
    admin.post(f"/api/tasks/{first}/annotations/", says("sparrow"))
    mirror = Mirror(platform, project).follow()
    admin.post(f"/api/tasks/{second}/annotations/", says("other"))
    assert {answer for _, _, answer in mirror.follow().answers()} == {"sparrow", "other"}
    admin.delete(f"/api/tasks/{second}/")
    assert {answer for _, _, answer in mirror.follow().answers()} == {"sparrow"}


def test_where_nothing_changes_the_cursor_follows_the_clock(platform: AnnotationPlatform, project: str) -> None:
    """Else what was pushed last would be read again with every pull."""
    before = datetime.now(UTC)
    pull = platform.pull(project, CONFIG, None)
    assert before - WINDOW - timedelta(seconds=2) <= pull.cursor <= datetime.now(UTC) - WINDOW


class Mirror:
    """What a caller of `catch_up` keeps."""

    def __init__(self, platform: AnnotationPlatform, project: str) -> None:
        self.cursor: datetime | None = None
        self.known: dict[str, str] = {}
        self._platform, self._project = platform, project
        self._tasks: dict[str, set[tuple[str, str, str]]] = {}

    def follow(self) -> "Mirror":
        pull, self.known = catch_up(self._platform, self._project, CONFIG, self.cursor, self.known)
        there = set(self.known.values())
        self._tasks = {task: said for task, said in self._tasks.items() if task in there - pull.touched}
        for one in pull.annotations:
            if one.task_id in there:
                self._tasks.setdefault(one.task_id, set()).add((one.task_id, one.annotator, one.answer))
        self.cursor = pull.cursor
        return self

    def answers(self) -> set[tuple[str, str, str]]:
        return {answer for said in self._tasks.values() for answer in said}


def test_the_adapter_has_every_verb(platform: AnnotationPlatform) -> None:
    verbs = [name for name in vars(AnnotationPlatform) if not name.startswith("_")]
    assert all(callable(getattr(platform, name)) for name in verbs)


def test_a_config_of_its_own_reaches_the_page(project: str, admin: LabelStudioApi) -> None:
    page = json.loads(admin.get(f"/api/projects/{project}/"))
    assert LabelConfig.parse(page["label_config"], where="server").classes == CONFIG.classes
    assert "A sparrow is <em>small</em> &amp; brown; less &lt; more." in page["expert_instruction"]
