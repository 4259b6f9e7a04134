"""Every arrow followed both ways: model → version → label → annotation → annotator → item → delivery, and back."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lake.errors import NotFound
from lake.records import Annotation, DatasetVersion, Item, Label, Run, from_table
from lake.store import Lake
from lake.versions import DvcVersions


@dataclass(frozen=True)
class Node:
    """One thing, and what it rests on or led to."""

    kind: str
    name: str
    says: str = ""
    children: tuple["Node", ...] = field(default=())


class Lineage:
    """Answers of one installation, read from the lake and the dataset repository."""

    def __init__(self, lake: Lake, versions: DvcVersions) -> None:
        self._lake = lake
        self._versions = versions

    def of_dataset(self, tag: str) -> Node:
        """What a version rests on, down to deliveries, and which models were made of it."""
        version = self._versions.get(tag)
        return Node("dataset", tag, self._says(version), (*self._grounds(version), *self._models_of(version)))

    def of_model(self, model: str) -> Node:
        """What a model (`name/version`) rests on, and how it was judged."""
        runs = [run for run in self._lake.state.runs() if run.model == model]
        if not runs:
            known = sorted({run.model for run in self._lake.state.runs() if run.model})
            raise NotFound(f"there is no model {model}", remedy=f"models are: {', '.join(known) or 'none yet'}")
        run, version = runs[0], self._versions.get(runs[0].dataset)
        dataset = Node("dataset", version.tag, self._says(version), self._grounds(version))
        return Node("model", model, "", (*self._trials_of(model), self._run(run, (dataset,))))

    def of_item(self, item_id: str) -> Node:
        """Where an item came from, who answered it, what was agreed, and what was made of it."""
        scenario, whole = self._lake.find_item(item_id)
        children: list[Node] = []
        for batch in self._lake.batches(scenario):
            rows = batch.read("items") if batch.has("items") else None
            if rows is not None:
                for item in from_table(rows.filter(pc.equal(rows["item_id"], whole)), Item):
                    says = f"{item.source}, {item.licence}"
                    children.append(Node("delivery", item.delivery[:12], says, (Node("batch", batch.name),)))
            children += self._opinions(scenario, batch.name, whole)
        children += [
            Node("dataset", version.tag, f"split {split}", self._models_of(version))
            for version, split in self._versions_with(scenario, whole)
        ]
        return Node("item", whole, scenario, tuple(children))

    def of_annotator(self, annotator: str) -> Node:
        """What someone answered, under which guideline, and which labels, versions and models rest on it."""
        scenarios = sorted({row.scenario for row in self._lake.state.batches()})
        parts = [node for scenario in scenarios if (node := self._work_of(scenario, annotator)) is not None]
        if not parts:
            raise NotFound(f"{annotator} has answered nothing", remedy="give the annotator's name as labels show it")
        return Node("annotator", annotator, "", tuple(parts))

    # --- downwards

    def _grounds(self, version: DatasetVersion) -> tuple[Node, ...]:
        folder = self._versions.folder(version.tag)
        labels = list(from_table(pq.read_table(folder / "labels.parquet"), Label))
        manifest = pq.read_table(folder / "manifest.parquet", columns=["item_id", "delivery", "source"])
        votes = self._annotations(version.name, {label.item_id for label in labels})
        people = Counter(one.annotator for one in votes)
        guidelines = Counter(one.guideline_version for one in votes)
        deliveries = Counter((row["delivery"], row["source"].partition("/")[0]) for row in manifest.to_pylist())
        methods = Counter(label.method for label in labels)
        return (
            Node(
                "labels",
                f"{len(labels)}",
                ", ".join(f"{count} by {method}" for method, count in sorted(methods.items())),
                (
                    Node(
                        "annotations",
                        f"{len(votes)}",
                        "",
                        (
                            *(Node("annotator", who, f"{count} answers") for who, count in sorted(people.items())),
                            *(Node("guideline", one, f"{count} answers") for one, count in sorted(guidelines.items())),
                        ),
                    ),
                ),
            ),
            Node(
                "items",
                f"{manifest.num_rows}",
                "",
                tuple(
                    Node("delivery", delivery[:12], f"{name}: {count} items")
                    for (delivery, name), count in sorted(deliveries.items())
                ),
            ),
            *(Node("batch", name) for name in version.batches),
            *(Node("parent", tag) for tag in version.parents),
        )

    def _annotations(self, scenario: str, items: set[str]) -> list[Annotation]:
        found: dict[str, Annotation] = {}
        for batch in self._lake.batches(scenario):
            if batch.has("annotations"):
                found |= {
                    one.annotation_id: one
                    for one in batch.records("annotations", Annotation)
                    if one.item_id in items and not one.cancelled
                }
        return list(found.values())

    # --- upwards

    def _models_of(self, version: DatasetVersion) -> tuple[Node, ...]:
        runs = [run for run in self._lake.state.runs(version.name) if run.dataset == version.tag]
        return tuple(
            Node("model", run.model or "(not registered yet)", "", (*self._trials_of(run.model), self._run(run, ())))
            for run in runs
        )

    def _trials_of(self, model: str | None) -> tuple[Node, ...]:
        trials = [trial for trial in self._lake.state.trials() if trial.model == model]
        return tuple(
            Node("trial", trial.trial_id, f"{trial.suite}: accuracy {trial.accuracy:.3f}, {trial.verdict}")
            for trial in trials
        )

    def _versions_with(self, scenario: str, item_id: str) -> list[tuple[DatasetVersion, str]]:
        found = []
        for version in self._versions.list(scenario):
            path: Path = self._versions.folder(version.tag) / "manifest.parquet"
            rows = pq.read_table(path, columns=["item_id", "split"], filters=[("item_id", "=", item_id)])
            found += [(version, str(split)) for split in rows["split"].to_pylist()]
        return found

    def _opinions(self, scenario: str, batch: str, item_id: str) -> list[Node]:
        folder = self._lake.batch(scenario, batch)
        nodes = []
        for table, record in (("annotations", Annotation), ("labels", Label)):
            if not folder.has(table):
                continue
            rows: pa.Table = folder.read(table)
            for one in from_table(rows.filter(pc.equal(rows["item_id"], item_id)), record):
                if isinstance(one, Annotation):
                    says = f"{one.annotator}, guideline {one.guideline_version}, {one.lead_time_s:.1f} s"
                    nodes.append(Node("annotation", one.answer, says))
                elif isinstance(one, Label):
                    judge = f" (by {one.adjudicated_by})" if one.adjudicated_by else ""
                    says = f"confidence {one.confidence:.3f} by {one.method}{judge} in {batch}"
                    nodes.append(
                        Node("label", one.answer, says, tuple(Node("annotator", who) for who in one.annotators))
                    )
        return nodes

    def _work_of(self, scenario: str, annotator: str) -> Node | None:
        answered: dict[str, Annotation] = {}
        for batch in self._lake.batches(scenario):
            if batch.has("annotations"):
                mine = [one for one in batch.records("annotations", Annotation) if one.annotator == annotator]
                answered |= {one.annotation_id: one for one in mine}
        if not answered:
            return None
        guidelines = Counter(one.guideline_version for one in answered.values())
        datasets = []
        for version in self._versions.list(scenario):
            labels = pq.read_table(self._versions.folder(version.tag) / "labels.parquet", columns=["annotators"])
            part = sum(annotator in people for people in labels["annotators"].to_pylist())
            if part:
                datasets.append(Node("dataset", version.tag, f"took part in {part} labels", self._models_of(version)))
        return Node(
            "scenario",
            scenario,
            f"{len(answered)} answers",
            (*(Node("guideline", one, f"{count} answers") for one, count in sorted(guidelines.items())), *datasets),
        )

    def _says(self, version: DatasetVersion) -> str:
        return f"{version.num_items} items, gate {version.gate}, signed by {version.signed_by}"

    def _run(self, run: Run, children: tuple[Node, ...]) -> Node:
        return Node(
            "run", run.run_id[:12], f"{run.recipe} on {run.provider}, {run.state}, {run.seconds:.1f} s", children
        )
