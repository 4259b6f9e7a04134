"""Hints from Label Studio: who may give them, what they may cost, and that they end in a pull at once."""

# ruff: noqa: F811  a fixture that is imported is also the name of an argument

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from labeling.answers import to_result
from labeling.label_studio import LabelStudioPlatform
from labeling.label_studio_api import LabelStudioApi
from labeling.label_studio_rows import read_tasks
from labeling.label_studio_webhook import HEADER, WebhookTarget, path_of
from pipelines.hints import hint, is_due, note_pull
from pipelines.ports import open_lake
from pipelines.web.webhooks import MAX_BODY_BYTES
from tests.integration.portal.home import SCENARIO, served, settings_of
from tests.label_studio_fixture import LabelStudioServer, label_studio  # noqa: F401
from tests.unit.labeling.made import birds, platform_task

pytestmark = pytest.mark.integration

SECRET = "a-secret-of-the-tests"
SIGNED = {HEADER: SECRET}
LONG_AGO = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def portal(home: Path) -> Iterator[str]:
    with served(home, webhook_secret=SECRET) as url:
        yield url


def send(url: str, headers: dict[str, str], path: str = path_of(SCENARIO), body: bytes = b"{}") -> int:
    return httpx.post(url + path, content=body, headers=headers, trust_env=False).status_code


def is_hinted(home: Path) -> bool:
    """Whether a pull that was just made would be made again at once."""
    return is_due(open_lake(settings_of(home)).state, SCENARIO, LONG_AGO)


@pytest.fixture(autouse=True)
def pulled(home: Path) -> None:
    note_pull(open_lake(settings_of(home)).state, SCENARIO, LONG_AGO)


def test_a_hint_is_kept_however_often_it_comes(home: Path, portal: str) -> None:
    assert not is_hinted(home)
    assert [send(portal, SIGNED) for _ in range(3)] == [204] * 3
    assert is_hinted(home)


@pytest.mark.parametrize("given", [{}, {HEADER: "wrong"}, {HEADER: ""}, {"Authorization": SECRET}])
def test_who_does_not_know_the_secret_hints_at_nothing(home: Path, portal: str, given: dict[str, str]) -> None:
    assert send(portal, given) == 403
    assert not is_hinted(home)


def test_without_a_secret_there_is_no_such_door(home: Path) -> None:
    with served(home) as url:
        assert {send(url, SIGNED), send(url, {HEADER: ""})} == {404}
    assert not is_hinted(home)


def test_a_large_body_and_a_scenario_that_is_none_are_refused(home: Path, portal: str) -> None:
    assert send(portal, SIGNED, body=b"x" * (MAX_BODY_BYTES + 1)) == 413
    assert send(portal, SIGNED, path_of("nobody")) == 404
    assert httpx.get(portal + path_of(SCENARIO), trust_env=False).status_code == 405
    assert not is_hinted(home)


def test_an_answer_in_label_studio_is_hinted_at(home: Path, portal: str, label_studio: LabelStudioServer) -> None:
    config = birds()
    platform = LabelStudioPlatform(
        label_studio.url, token=label_studio.token, webhook=WebhookTarget(portal, "an-earlier-secret-of-ours")
    )
    platform.ensure_project(SCENARIO, config, guideline="", overlap=2)
    with served(home, webhook_secret="plain-secret-of-ours") as url:
        platform = LabelStudioPlatform(
            label_studio.url, token=label_studio.token, webhook=WebhookTarget(url, "plain-secret-of-ours")
        )
        for _ in range(2):
            project = platform.ensure_project(SCENARIO, config, guideline="", overlap=2)
        with LabelStudioApi(label_studio.url, token=label_studio.token, timeout_s=30) as api:
            assert api.get("/api/webhooks/", {"project": project}).count(b'"url"') == 1
            platform.push(project, [platform_task("t0")])
            assert not is_hinted(home)
            (task,) = read_tasks(api, project)
            api.post(f"/api/tasks/{task.id}/annotations/", {"result": to_result("sparrow", config)})
    assert is_hinted(home)


def test_a_pull_comes_at_once_after_a_hint_and_else_at_its_pace(home: Path) -> None:
    state, second = open_lake(settings_of(home)).state, dt.timedelta(seconds=1)
    assert not is_due(state, SCENARIO, LONG_AGO + 29 * second)
    assert is_due(state, SCENARIO, LONG_AGO + 30 * second)
    hint(state, SCENARIO, LONG_AGO + second)
    assert is_due(state, SCENARIO, LONG_AGO + 2 * second)
    note_pull(state, SCENARIO, LONG_AGO + 2 * second)
    assert not is_due(state, SCENARIO, LONG_AGO + 3 * second)
