"""What moves batches on when nobody types: one small sensor for each thing that is waited for."""

import datetime as dt
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg

from assets import review
from assets.answers import count, of_batch, reopen, sync
from assets.graph import asset_key, partitions_of
from assets.loop import AGREEMENT, INTAKE, JUDGEMENT, TRAINING, TRIAL_INTAKE
from assets.orders import inbox
from assets.scenario import Scenario
from assets.stage import Ports, Work
from assets.status import Status, status_of
from assets.tasks import ask_others
from assets.training_run import finished
from lake.errors import ComputeError, NotReady, PlatformUnreachable
from lake.ingest import is_held, register
from lake.records import Task
from pipelines.hints import is_due, note_pull

SETTLE_S = 10.0  # a delivery is whole when nothing in it has changed for so long
INTERVAL_S = 30
HINT_S = 5  # between two looks for a hint
RETRY_S = 3600.0

Finder = Callable[[Scenario, Ports], Iterator[dg.RunRequest]]


def scenario_sensors(scenario: Scenario) -> list[dg.SensorDefinition]:
    """The five sensors of a scenario."""
    return [
        _sensor(scenario, "inbox", INTAKE, _deliveries, "New deliveries in the inbox become batches."),
        _sensor(scenario, "feedback", INTAKE, _feedback, "Orders from trials become batches."),
        _sensor(
            scenario, "annotations", AGREEMENT, _answers, "Batches whose answers are complete get their labels.", HINT_S
        ),
        _sensor(scenario, "sign_off", TRAINING, _signatures, "Signed batches become versions and are trained on."),
        _sensor(scenario, "runs", JUDGEMENT, _runs, "Finished runs become models and are tried."),
    ]


def _sensor(
    scenario: Scenario, name: str, stages: tuple[str, ...], find: Finder, says: str, interval_s: int = INTERVAL_S
) -> dg.SensorDefinition:
    @dg.sensor(
        name=f"{scenario.name}_{name}".replace("-", "_"),
        target=dg.AssetSelection.assets(*(asset_key(scenario.name, stage) for stage in stages)),
        minimum_interval_seconds=interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=says,
    )
    def look(context: dg.SensorEvaluationContext, ports: dg.ResourceParam[Ports]) -> dg.SensorResult | dg.SkipReason:
        try:
            requests = list(find(scenario, ports))
        except PlatformUnreachable as error:
            return dg.SkipReason(str(error))
        batches = [str(request.partition_key) for request in requests]
        known = set(context.instance.get_dynamic_partitions(partitions_of(scenario.name).name or ""))
        fresh = [batch for batch in batches if batch not in known]
        return dg.SensorResult(
            run_requests=requests,
            dynamic_partitions_requests=[partitions_of(scenario.name).build_add_request(fresh)] if fresh else [],
        )

    return look


def _request(scenario: Scenario, batch: str, stages: tuple[str, ...], key: str) -> dg.RunRequest:
    """One run a state of a batch; what failed is asked for again when its state changes, or after an hour."""
    return dg.RunRequest(
        run_key=f"{batch}:{stages[0]}:{key}:{int(time.time() // RETRY_S)}",
        partition_key=batch,
        asset_selection=[asset_key(scenario.name, stage) for stage in stages],
        tags={"scenario": scenario.name, "batch": batch},
    )


def _deliveries(scenario: Scenario, ports: Ports) -> Iterator[dg.RunRequest]:
    yield from _taken_up(scenario, ports, lambda folder: not folder.name.startswith("feedback-"))


def _feedback(scenario: Scenario, ports: Ports) -> Iterator[dg.RunRequest]:
    yield from _taken_up(scenario, ports, lambda folder: folder.name.startswith("feedback-"))


def _taken_up(scenario: Scenario, ports: Ports, wanted: Callable[[Path], bool]) -> Iterator[dg.RunRequest]:
    """A batch for each settled delivery of the inbox that no batch holds; batches that did not finish go on."""
    folder = inbox(ports.lake.home, scenario.name)
    for delivery in sorted(folder.iterdir()) if folder.is_dir() else []:
        whole = delivery.is_dir() and not delivery.name.startswith(".") and wanted(delivery) and _settled(delivery)
        if whole and not is_held(ports.lake, scenario.name, delivery):
            register(ports.lake, scenario.name, [delivery], answers=scenario.classes)
    for status in _open(scenario, ports, INTAKE):
        row = ports.lake.state.batch(scenario.name, status.batch)
        if any(wanted(Path(path)) for path in row.paths):
            stages = TRIAL_INTAKE if row.purpose == "trial" else INTAKE
            yield _request(scenario, status.batch, stages, "intake")


def _settled(folder: Path) -> bool:
    newest = max((path.lstat().st_mtime for path in (folder, *folder.rglob("*"))), default=0.0)
    return time.time() - newest >= SETTLE_S


def _answers(scenario: Scenario, ports: Ports) -> Iterator[dg.RunRequest]:
    """At once after Label Studio's hint that something changed, else at the usual pace."""
    state, now = ports.lake.state, dt.datetime.now(dt.UTC)
    if not is_due(state, scenario.name, now):
        return
    note_pull(state, scenario.name, now)
    for row in ports.lake.state.batches(scenario.name):
        review.look(Work(ports, scenario, row.batch))
    fresh: list[Status] = []
    waiting: list[Status] = []
    for status in _open(scenario, ports, AGREEMENT):
        (fresh if status.waits_for == "the loop" else waiting).append(status)
    for status in fresh:  # experts decided on labels of a batch that is not signed
        yield _request(scenario, status.batch, status.ready, review.decisions_id(Work(ports, scenario, status.batch)))
    for number, status in enumerate(waiting):
        work = Work(ports, scenario, status.batch)
        if number == 0:
            project = sync(work)  # one pull serves all batches of the scenario
        tasks = work.batch.records("tasks", Task)
        ask_others(work, tasks)
        votes = of_batch(work, tasks)
        reopen(work, project, tasks, votes)
        counts = count(tasks, votes)
        if counts["tasks_complete"] >= scenario.quality.min_overlap_share * len(tasks):
            yield _request(scenario, status.batch, AGREEMENT, str(counts["annotations"]))


def _signatures(scenario: Scenario, ports: Ports) -> Iterator[dg.RunRequest]:
    for status in _open(scenario, ports, TRAINING):
        signed = ports.lake.state.signoffs(scenario.name, status.batch)
        key = signed[-1].at.isoformat() if signed else ""
        yield _request(scenario, status.batch, TRAINING, key)


def _runs(scenario: Scenario, ports: Ports) -> Iterator[dg.RunRequest]:
    for status in _open(scenario, ports, JUDGEMENT):
        work = Work(ports, scenario, status.batch)
        try:
            record = finished(work).run
        except NotReady:
            continue  # it runs; a machine that was lost has been asked again just now
        except ComputeError as error:
            yield _request(scenario, status.batch, JUDGEMENT, str(error))
        else:
            yield _request(scenario, status.batch, JUDGEMENT, record.run_id)


def _open(scenario: Scenario, ports: Ports, stages: tuple[str, ...]) -> Iterator[Status]:
    """Batches whose next stage is one of these."""
    for row in ports.lake.state.batches(scenario.name):
        status = status_of(Work(ports, scenario, row.batch))
        if status.ready and status.ready[0] in stages and status.waits_for != "data owner":
            yield status
