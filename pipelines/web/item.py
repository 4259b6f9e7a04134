"""One item, from its delivery to the versions that hold it."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from assets.scenario import Scenario
from lake.errors import TrialbaseError
from lake.records import Annotation, Item, Label, Purpose, Task, from_table
from pipelines.web.portal import Portal
from pipelines.web.refusal import Refusal
from pipelines.web.show import Shown

_EXCERPT_CHARS = 20_000


@dataclass(frozen=True)
class InBatch:
    """What one batch says of the item; parts that it does not say are empty."""

    batch: str
    tasks: tuple[Task, ...]
    annotations: tuple[Annotation, ...]
    label: Label | None
    predicted: tuple[Mapping[str, object], ...]  # a trial's wrong answers


@dataclass(frozen=True)
class InVersion:
    """A dataset version that holds the item."""

    tag: str
    split: str
    answer: str


@dataclass(frozen=True)
class ItemView:
    """What the page of an item shows."""

    item: Item
    shown: Shown
    batch: str
    purpose: Purpose
    expected: str | None  # what an expert said
    probes: tuple[tuple[str, object], ...]
    near_duplicate_of: str | None
    history: tuple[InBatch, ...]
    versions: tuple[InVersion, ...]
    versions_error: TrialbaseError | None


def read_item_view(portal: Portal, scenario: Scenario, item_id: str) -> ItemView:
    """Everything on the page of an item. Raises a Refusal (404)."""
    found = portal.items.find(scenario.name, item_id)
    if found is None:
        raise Refusal(404, "item", item_id)
    batch = portal.lake.batch(scenario.name, found.batch)
    (item,) = from_table(_rows(batch.read("items"), item_id), Item)
    answers = _rows(batch.read("answers"), item_id)["answer"].to_pylist() if batch.has("answers") else []
    dropped = _rows(batch.read("dropped"), item_id) if batch.has("dropped") else None
    versions, error = _versions(portal, scenario, item_id)
    return ItemView(
        item=item,
        shown=Shown(item_id, found, portal.items.excerpt(found, _EXCERPT_CHARS)),
        batch=found.batch,
        purpose=portal.lake.state.batch(scenario.name, found.batch).purpose,
        expected=answers[0] if answers else None,
        probes=_probes(_rows(batch.read("curated"), item_id)) if batch.has("curated") else (),
        near_duplicate_of=dropped["near_duplicate_of"][0].as_py() if dropped else None,
        history=_history(portal, scenario.name, item_id),
        versions=versions,
        versions_error=error,
    )


def _rows(table: pa.Table, item_id: str) -> pa.Table:
    return table.filter(pc.equal(table["item_id"], item_id))


def _probes(rows: pa.Table) -> tuple[tuple[str, object], ...]:
    """The probes a person can read, by name."""
    readable = [field.name for field in rows.schema if not pa.types.is_list(field.type)]
    measured = rows.select([name for name in readable if name.startswith("probe_")]).slice(0, 1)
    return tuple((name.removeprefix("probe_"), value) for row in measured.to_pylist() for name, value in row.items())


def _history(portal: Portal, scenario: str, item_id: str) -> tuple[InBatch, ...]:
    """Every batch that asked about the item, agreed on it or tried a model on it, oldest first."""
    history = []
    for batch in portal.lake.batches(scenario):
        rows = {
            name: _rows(batch.read(name), item_id) if batch.has(name) else None
            for name in ("tasks", "annotations", "labels", "failures")
        }
        tasks, annotations, labels, failures = rows.values()
        here = InBatch(
            batch=batch.name,
            tasks=tuple(from_table(tasks, Task)) if tasks else (),
            annotations=tuple(from_table(annotations.sort_by("annotator"), Annotation)) if annotations else (),
            label=next(from_table(labels, Label)) if labels else None,
            predicted=tuple(failures.to_pylist()) if failures else (),
        )
        if here.tasks or here.annotations or here.label or here.predicted:
            history.append(here)
    return tuple(history)


def _versions(portal: Portal, scenario: Scenario, item_id: str) -> tuple[tuple[InVersion, ...], TrialbaseError | None]:
    """Versions that hold the item; what keeps them from being read is shown in their place."""
    held, wanted = [], [("item_id", "=", item_id)]
    try:
        for version in portal.ports.versions.list(scenario.name):
            folder = portal.ports.versions.folder(version.tag)
            splits = pq.read_table(folder / "manifest.parquet", columns=["split"], filters=wanted)
            answers = pq.read_table(folder / "labels.parquet", columns=["answer"], filters=wanted)
            for split, answer in zip(splits["split"].to_pylist(), answers["answer"].to_pylist(), strict=True):
                held.append(InVersion(version.tag, split, answer))
    except TrialbaseError as error:
        return tuple(held), error
    return tuple(held), None
