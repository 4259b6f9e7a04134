"""The ten stages of the loop, and where it waits: for people, for a signature, for a machine."""

from assets import annotations, curated, dataset, feedback, labels, model, raw, tasks, training_run, trial
from assets.scenario import Scenario
from assets.stage import Stage

STAGES = (
    Stage(
        "raw_items", raw.run, (), "Delivered files as items, duplicates and quarantined files, each with its reason.",
        frozenset({"tar", "parquet"}),
    ),
    Stage(
        "curated_items", curated.run, ("raw_items",),
        "Items with their probes; near-duplicates of anything held earlier have left.",
        frozenset({"daft", "great_expectations"}), checked=True,
    ),
    Stage(
        "label_tasks", tasks.run, ("curated_items",),
        "The items that the labeling budget buys, and hidden gold tasks, pushed to the annotation platform.",
        frozenset({"labelstudio"}),
    ),
    Stage(
        "annotations", annotations.run, ("label_tasks",),
        "People's answers, mirrored from the platform; complete when every task has its overlap.",
        frozenset({"labelstudio", "great_expectations"}), checked=True,
    ),
    Stage(
        "labels", labels.run, ("annotations",),
        "One agreed label an item with its confidence; the gate's report for the steward.",
        frozenset({"numpy", "great_expectations"}), checked=True,
    ),
    Stage(
        "dataset", dataset.run, ("labels",), "A signed dataset version name@vN, in git and DVC.",
        frozenset({"dvc", "git", "great_expectations"}), checked=True,
    ),
    Stage(
        "training_run", training_run.run, ("dataset",), "One training run on rented compute, submitted once.",
        frozenset({"pytorch"}),
    ),
    Stage("model", model.run, ("training_run",), "The trained model, registered.", frozenset({"mlflow"})),
    Stage("trial", trial.run, ("model",), "The model judged on cases that it has never seen.", frozenset({"python"})),
    Stage(
        "feedback", feedback.run, ("trial",), "What the model got wrong, as the next labeling work.",
        frozenset({"json"}),
    ),
)  # fmt: skip

BY_NAME = {stage.name: stage for stage in STAGES}

# What runs together without waiting for anyone.
INTAKE = ("raw_items", "curated_items", "label_tasks")
TRIAL_INTAKE = ("raw_items", "curated_items")
AGREEMENT = ("annotations", "labels")
TRAINING = ("dataset", "training_run")
JUDGEMENT = ("model", "trial", "feedback")
SEGMENTS = (INTAKE, AGREEMENT, TRAINING, JUDGEMENT)

# A scenario that only holds deliveries has no people and no machine to wait for.
HOLDING = ("raw_items", "curated_items", "dataset")


def stages_of(scenario: Scenario) -> tuple[Stage, ...]:
    """The stages that a scenario has, in their order."""
    return STAGES if scenario.labeled else tuple(BY_NAME[name] for name in HOLDING)
