"""The trial suite of a scenario: the cases that were delivered for trial, and their version."""

import pyarrow as pa

from assets.scenario import Scenario
from lake.errors import NotReady
from lake.store import Lake
from quality.trial.suite import Case, suite_version


def cases(lake: Lake, scenario: Scenario) -> pa.Table:
    """Trial cases: the columns of curated items and `expected`; raises NotReady while there are none.

    Only items with an answer that the scenario knows are cases.
    """
    items = lake.read_all(scenario.name, "curated", purpose="trial")
    answers = lake.read_all(scenario.name, "answers", purpose="trial")
    if items is None or answers is None:
        raise NotReady(
            f"scenario {scenario.name} has no trial cases",
            remedy=f"trialbase ingest {scenario.name} FOLDER --for trial (with answers.csv: file,answer)",
        )
    known = dict(zip(answers["item_id"].to_pylist(), answers["answer"].to_pylist(), strict=True))
    expected = [known.get(item_id) for item_id in items["item_id"].to_pylist()]
    keep = pa.array([answer in scenario.classes for answer in expected])
    found = items.append_column("expected", pa.array(expected, pa.string())).filter(keep).sort_by("item_id")
    if not found.num_rows:
        raise NotReady(
            f"none of the {items.num_rows} trial cases of scenario {scenario.name} has an answer",
            remedy=f"trialbase ingest {scenario.name} FOLDER --for trial, with the right answers beside the cases in "
            "answers.csv (file,answer)",
        )
    return found


def version(scenario: Scenario, found: pa.Table) -> str:
    """`<suite>@<12 digits>`: changes with the cases, their answers and suite.yaml."""
    pairs = zip(found["item_id"].to_pylist(), found["expected"].to_pylist(), strict=True)
    return suite_version(scenario.suite, [Case(item_id=item_id, expected=expected) for item_id, expected in pairs])
