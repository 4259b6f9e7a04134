"""A scenario that is made while Dagster's page is up."""

from pathlib import Path

import httpx
import pytest

from assets.scenario import load_scenario
from pipelines.new_scenario import create
from pipelines.runner import ingest
from pipelines.services import start_all, stop_all
from pipelines.settings import Settings
from tests.unit.lake.samples import deliver, png

pytestmark = pytest.mark.integration


def groups(url: str) -> set[str]:
    asked = {"query": "{ assetNodes { groupName } }"}
    answer = httpx.post(f"{url}/graphql", json=asked, timeout=60, trust_env=False).json()
    return {node["groupName"] for node in answer["data"]["assetNodes"]}


def test_a_new_scenario_is_on_the_page_when_its_first_delivery_is_in(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", scenarios=str(tmp_path / "scenarios"), dagster_port=0)
    try:
        (service,) = start_all(settings, ["dagster"])
        assert groups(service.url) == {"digits"}
        made = create(tmp_path / "scenarios" / "defects", "image", ["good", "bad"])
        folder = deliver(tmp_path / "in", {"a.png": png(1, (32, 32))})
        ingest(settings, load_scenario(made), [folder], "labeling", shown=False)
        assert groups(service.url) == {"digits", "defects"}
    finally:
        list(stop_all(settings))
    ingest(settings, load_scenario(made), [deliver(tmp_path / "more", {"b.png": png(2)})], "labeling", shown=False)
