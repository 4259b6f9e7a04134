"""training_run: a version is sent to a machine once; nobody waits for it here."""

import dataclasses
import datetime as dt
from dataclasses import dataclass

from assets.stage import Report, Work
from lake.errors import ComputeError, NotReady
from lake.ledger import machine_entry
from lake.records import DatasetVersion, Offer, Run
from training.compute.provider import ComputeProvider, Handle, Job, Poll
from training.dispatch import code_version, cost, run_id


@dataclass(frozen=True)
class Placed:
    """A run and where it is."""

    run: Run
    version: DatasetVersion
    provider: ComputeProvider
    offer: Offer
    handle: Handle


def run(work: Work) -> Report:
    """Submit the run of this batch's dataset version; a run that was submitted is found again."""
    placed = place(work)
    return Report(
        {
            "run": placed.run.run_id,
            "dataset": placed.version.tag,
            "recipe": placed.run.recipe,
            "offer": f"{placed.offer.provider}/{placed.offer.offer_id}",
            "price_per_hour": f"{placed.offer.price_per_hour} {placed.offer.currency}",
        }
    )


def place(work: Work) -> Placed:
    """The run of this batch, submitted if it was not, resumed if its machine was lost."""
    spec, name = work.scenario.training, work.scenario.name
    version = work.ports.versions.get(version_of(work))
    identity = run_id(version.dataset_hash, spec, code_version())
    provider = work.ports.doors.compute(work.scenario)
    offer = provider.offers()[0]
    folder = work.ports.versions.folder(version.tag)
    job = Job(run_id=identity, dataset_dir=folder, spec=spec, classes=work.scenario.classes)
    known = {one.run_id: one for one in work.lake.state.runs(name)}
    record = known.get(identity) or Run(
        run_id=identity,
        scenario=name,
        batch=work.batch_name,
        dataset=version.tag,
        dataset_hash=version.dataset_hash,
        recipe=spec.recipe,
        provider=offer.provider,
        state="submitted",
        seconds=0.0,
    )
    if identity not in known:
        work.lake.state.put_run(record)
    return Placed(record, version, provider, offer, provider.submit(job, offer, key=identity))


def version_of(work: Work) -> str:
    """The dataset version that this batch ended in. Raises NotReady."""
    outcome = work.lake.state.outcomes(work.scenario.name, work.batch_name).get("dataset")
    if outcome is None:
        raise NotReady(
            f"batch {work.batch_name} has no dataset version yet", remedy=f"trialbase run {work.scenario.name}"
        )
    return str(outcome.summary["version"])


def finished(work: Work) -> Placed:
    """The run when it has succeeded, metered once; raises NotReady while it runs, ComputeError when it failed."""
    placed = place(work)
    poll = placed.provider.poll(placed.handle)
    record = dataclasses.replace(placed.run, state=poll.state, seconds=poll.seconds)
    work.lake.state.put_run(record)
    if poll.state in ("succeeded", "failed", "cancelled"):
        _meter(work, placed, poll)
    if poll.state == "succeeded":
        return dataclasses.replace(placed, run=record)
    if poll.state in ("failed", "cancelled"):
        raise ComputeError(
            f"training run {record.run_id[:12]} of {record.dataset} {poll.state}: {poll.message}",
            remedy="read its log below the home folder's runs/, correct scenario.yaml, then `trialbase run`",
        )
    raise NotReady(
        f"training run {record.run_id[:12]} of {record.dataset} is {poll.state} for {poll.seconds:.0f} s",
        remedy=f"wait for it; then `trialbase run {work.scenario.name}`",
    )


def _meter(work: Work, placed: Placed, poll: Poll) -> None:
    entry = machine_entry(
        scenario=work.scenario.name,
        batch=work.batch_name,
        run_id=placed.run.run_id,
        provider=placed.offer.provider,
        at=dt.datetime.now(dt.UTC),
        seconds=poll.seconds,
        cost=cost(poll.seconds, placed.offer),
        currency=placed.offer.currency,
    )
    work.lake.state.repost(entry)
