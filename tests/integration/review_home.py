"""A small scenario of pictures in a home of a test's own, whose people answer on a real Label Studio."""

import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path

import pytest

from assets.loop import BY_NAME
from assets.scenario import BUILT_IN, load_scenario
from assets.stage import Doors, Ports, Work, carry_out
from labeling.crew import replay
from labeling.label_studio import LabelStudioPlatform
from labeling.label_studio_api import LabelStudioApi
from labeling.label_studio_rows import find_projects
from lake.ingest import register
from lake.store import Lake
from tests.label_studio_fixture import LabelStudioServer
from tests.unit.lake.samples import deliver, png


def home_of(folder: Path, server: LabelStudioServer, section: str, *, num_pictures: int) -> Work:
    """A batch whose tasks are on the platform. section: what labeling has on top, as YAML."""
    name = f"desk-{uuid.uuid4().hex[:8]}"
    scenario = Path(shutil.copytree(BUILT_IN / "digits", folder / name))
    text = (scenario / "scenario.yaml").read_text().replace("name: digits", f"name: {name}")
    text = text.replace("method: dawid_skene", "method: majority").replace("\nquality:", f"{section}\nquality:")
    for floor in ("min_alpha: 0.35", "min_gold_accuracy: 0.60", "min_class_share: 0.03", "min_confident_share: 0.85"):
        assert floor in text
        text = text.replace(floor, f"{floor.partition(':')[0]}: 0.0")
    (scenario / "scenario.yaml").write_text(text)
    doors = Doors(
        platform=lambda: LabelStudioPlatform(server.url, token=server.token),
        tracker=_NoTracker,  # type: ignore[arg-type]
        compute=lambda _: pytest.fail("nothing is trained here"),
        media_url=lambda *_: pytest.fail("small pictures travel inside their tasks"),
    )
    lake = Lake.at(folder / "home")
    delivery = deliver(folder / "in", {f"{number}.png": png(number) for number in range(num_pictures)})
    work = Work(Ports(lake, doors), load_scenario(scenario), register(lake, name, [delivery]))
    for stage in ("raw_items", "curated_items", "label_tasks"):
        carry_out(BY_NAME[stage], work)
    return work


def answer(work: Work, server: LabelStudioServer, project: str, votes: Mapping[str, Mapping[str, str]]) -> None:
    """People say in a project, named by its title, what they say of each item."""
    with LabelStudioApi(server.url, token=server.token, timeout_s=30) as api:
        number = str(find_projects(api, project)[0].id)
    replay(server.url, server.tokens, number, work.scenario.config, votes, lambda *_: None)


class _NoTracker:
    def aliased(self, *_: str) -> None:
        """There is no champion."""
