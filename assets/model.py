"""model: a finished run becomes a registered model."""

import dataclasses

from assets.stage import Report, Work
from assets.training_run import finished
from lake.errors import NotReady
from training.results import read_metrics, read_result
from training.tracking import ModelVersion


def run(work: Work) -> Report:
    """Log the run's parameters and metrics, register its model; done again it is the same model."""
    placed = finished(work)
    record, version, tracker = placed.run, placed.version, work.ports.tracker
    folder = work.lake.home / "fetched" / record.run_id
    placed.provider.fetch(placed.handle, folder)
    result = read_result(folder)
    parameters = {
        key: str(value) for key, value in work.scenario.training.model_dump(mode="json").items() if key != "local"
    }
    tracked = tracker.start(
        work.scenario.name, record.run_id, parameters, dataset_tag=version.tag, dataset_hash=version.dataset_hash
    )
    tracker.log(tracked, read_metrics(folder / "metrics.jsonl"))
    model = tracker.register(
        work.scenario.name,
        record.run_id,
        folder / "model",
        classes=work.scenario.classes,
        input_example=_example(work),
    )
    tracker.alias(model.name, model.version, "candidate")
    work.lake.state.put_run(dataclasses.replace(record, model=model.tag))
    return Report(
        {"model": model.tag, "uri": model.uri, "run": record.run_id}
        | {name: round(value, 4) for name, value in result.metrics.items()}
    )


def model_of(work: Work) -> ModelVersion:
    """The model that this batch ended in. Raises NotReady."""
    outcome = work.lake.state.outcomes(work.scenario.name, work.batch_name).get("model")
    if outcome is None:
        raise NotReady(f"batch {work.batch_name} has no model yet", remedy=f"trialbase run {work.scenario.name}")
    name, _, number = str(outcome.summary["model"]).rpartition("/")
    return ModelVersion(name, int(number), str(outcome.summary["uri"]))


def _example(work: Work) -> bytes:
    """One item of the version, so that whoever loads the model sees what goes in."""
    row = work.lake.batch(work.scenario.name, work.batch_name).read("curated").slice(0, 1).to_pylist()
    pool = work.lake.read_all(work.scenario.name, "curated", purpose="labeling")
    first = row[0] if row else (pool.slice(0, 1).to_pylist()[0] if pool is not None else None)
    if first is None:
        raise NotReady("there is no item to show with the model", remedy="ingest a delivery")
    return work.lake.media(first["pack"], first["offset"], first["length"])
