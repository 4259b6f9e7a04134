"""Simulated annotators and recorded votes on the real platform: every answer once, whatever happens."""

# ruff: noqa: F811  a fixture that is imported is also the name of an argument

from collections.abc import Callable, Sequence

import pytest

from labeling.crew import SimulatedAnnotator, answer_through, demo_crew, replay
from labeling.label_studio import LabelStudioPlatform
from labeling.platform import AnnotationPlatform
from lake.errors import PlatformError
from tests.label_studio_fixture import USERS, LabelStudioServer, label_studio, project_title  # noqa: F401
from tests.swallowing_proxy import SwallowingProxy
from tests.unit.labeling.made import birds, platform_task

pytestmark = pytest.mark.contract

CONFIG = birds()
BATCH = [platform_task(f"t{i}") for i in range(12)]


@pytest.fixture
def platform(label_studio: LabelStudioServer) -> AnnotationPlatform:
    return LabelStudioPlatform(label_studio.url, token=label_studio.token)


@pytest.fixture
def project(platform: AnnotationPlatform, project_title: str) -> str:
    return platform.ensure_project(project_title, CONFIG, guideline="", overlap=2)


def no_progress(_: int, __: int) -> None:
    """Show nothing."""


def test_six_users_answer_as_themselves(
    platform: AnnotationPlatform, project: str, label_studio: LabelStudioServer
) -> None:
    gold = platform_task("g0", reason="gold", overlap=6)
    platform.push(project, [*BATCH, gold])
    crew, seen = demo_crew(CONFIG.classes), list[tuple[int, int]]()

    def work(members: Sequence[SimulatedAnnotator]) -> int:
        tokens, url = label_studio.tokens, label_studio.url
        return answer_through(url, tokens, project, CONFIG, members, truth, lambda *now: seen.append(now))

    wanted = 2 * len(BATCH) + 6
    assert work(crew) == wanted
    assert seen == [(given, wanted) for given in range(1, wanted + 1)]
    assert work(crew) == 0
    answers = platform.pull(project, CONFIG, None).annotations
    by_name = {one.name: one for one in crew}
    assert len({(one.task_id, one.annotator) for one in answers}) == len(answers) == wanted
    for one in answers:
        assert (one.answer, one.lead_time_s) == by_name[one.annotator].answer(one.item_id, truth(one.item_id))
    per_task = {task: sum(one.task_id == task for one in answers) for task in ["g0", "t0", "t11"]}
    assert per_task == {"g0": 6, "t0": 2, "t11": 2}


def truth(item_id: str) -> str:
    return CONFIG.classes[len(item_id) % 3]


def test_a_crew_that_was_stopped_goes_on_where_it_was(
    platform: AnnotationPlatform, project: str, label_studio: LabelStudioServer
) -> None:
    platform.push(project, BATCH)
    crew = demo_crew(CONFIG.classes)

    def stop_early(given: int, _: int) -> None:
        if given == 7:
            raise KeyboardInterrupt

    def work(progress: Callable[[int, int], None]) -> int:
        return answer_through(label_studio.url, label_studio.tokens, project, CONFIG, crew, truth, progress)

    with pytest.raises(KeyboardInterrupt):
        work(stop_early)
    given = len(platform.pull(project, CONFIG, None).annotations)
    assert 7 <= given < 2 * len(BATCH)
    assert work(no_progress) == 2 * len(BATCH) - given
    assert len(platform.pull(project, CONFIG, None).annotations) == 2 * len(BATCH)


def test_an_answer_whose_reply_was_lost_is_not_doubled(
    platform: AnnotationPlatform, project: str, label_studio: LabelStudioServer
) -> None:
    platform.push(project, BATCH[:4])
    crew = demo_crew(CONFIG.classes)
    with SwallowingProxy(label_studio.url, b"/annotations/") as url:
        answer_through(url, label_studio.tokens, project, CONFIG, crew, truth, no_progress)
    assert len(platform.pull(project, CONFIG, None).annotations) == 8


def test_recorded_votes_are_replayed(
    platform: AnnotationPlatform, project: str, label_studio: LabelStudioServer
) -> None:
    platform.push(project, BATCH[:3])
    votes = {USERS[0]: {"item t0": "other", "item t1": "sparrow"}, USERS[1]: {"item t0": "麻雀"}}
    for new in (3, 0):
        assert replay(label_studio.url, label_studio.tokens, project, CONFIG, votes, no_progress) == new
    given = {(one.item_id, one.annotator, one.answer) for one in platform.pull(project, CONFIG, None).annotations}
    assert given == {(item, who, answer) for who, said in votes.items() for item, answer in said.items()}


def test_a_member_without_a_token_is_named(label_studio: LabelStudioServer, project: str) -> None:
    with pytest.raises(PlatformError, match=r"nobody@x\.example has no token"):
        replay(label_studio.url, label_studio.tokens, project, CONFIG, {"nobody@x.example": {}}, no_progress)
