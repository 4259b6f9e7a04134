"""The training loop: the same bytes of data, spec and code give the same weights, bit for bit.

However often a run is interrupted, it ends in the weights and metrics of an undisturbed one: the state is
the network, the optimizer and three numbers (all in the checkpoint), and everything random is drawn from a
seed made of the run's seed and the step or epoch it is for. One thread does the arithmetic, so that sums
are added in one order whatever else the machine does; on a loaded machine that is the quicker way too.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn import functional

from lake import ids
from lake.errors import ComputeError
from training import checkpoint, device
from training.checkpoint import Progress
from training.data import Examples
from training.recipes import Recipe, Shape, recipe
from training.results import Metric
from training.spec import TrainingSpec

LABEL_SMOOTHING = 0.1  # labels are noisy: never be sure of one. Szegedy et al. 2016, section 7
WARMUP_SHARE = 0.2  # of the steps
_EVALUATION_BATCH = 256


class Interrupted(Exception):
    """The run was asked to stop, and stopped at a checkpoint; training again resumes there."""


@dataclass(frozen=True, kw_only=True)
class Data:
    """What a run trains on, and what it is measured on while it does."""

    train: Examples
    validation: Examples


@dataclass(frozen=True)
class _Split:
    """One split as tensors on the device, an item a row."""

    inputs: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A network at the end of its last epoch."""

    network: torch.nn.Module
    shape: Shape
    steps: int
    metrics: Mapping[str, float]  # of the last epoch


def train(
    spec: TrainingSpec,
    data: Data,
    on_metrics: Callable[[Sequence[Metric]], None],
    *,
    checkpoints: Path,
    stop: Callable[[], bool],
    accelerator: str = "auto",
) -> Trained:
    """Train from the last checkpoint, or from the start, to the end.

    on_metrics gets the rows of each epoch, before any checkpoint of a later step: forget what lies after
    the checkpoint that a run resumes from, and every row is there once.
    stop is asked after every step; when it says so, a checkpoint is saved and Interrupted raised.
    Raises ComputeError when an item cannot be trained on or the loss is no longer a number.
    """
    if not len(data.train):
        raise ComputeError("no item of the train split has a label", remedy="label more items")
    place = device.choose(accelerator)
    _be_deterministic()
    craft = recipe(spec.recipe)
    shape = _shape(craft, data.train)
    torch.manual_seed(_seed(spec, "weights"))
    network = craft.build(shape).to(place)
    optimizer = torch.optim.AdamW(network.parameters(), lr=spec.learning_rate, weight_decay=spec.weight_decay)
    progress = checkpoint.restore(checkpoints, network, optimizer)
    run = _Run(spec, craft, network, optimizer, _tensors(craft, data.train, shape, place))
    validation = _tensors(craft, data.validation, shape, place)

    metrics: dict[str, float] = {}
    while progress.step < run.num_steps:
        progress = run.step(progress)
        epoch, into_epoch = divmod(progress.step, run.steps_per_epoch)
        if not into_epoch:
            metrics = {"train_loss": progress.loss_sum / progress.weight_sum, **_measure(network, validation)}
            on_metrics([Metric(step=progress.step, epoch=epoch, name=n, value=v) for n, v in metrics.items()])
            progress = Progress(step=progress.step)
        if progress.step == run.num_steps:
            break  # no checkpoint here: a run killed before its result is written redoes its last steps
        stopping = stop()
        if stopping or progress.step % spec.checkpoint_every_steps == 0:
            checkpoint.save(checkpoints, network, optimizer, progress)
        if stopping:
            raise Interrupted(f"stopped at step {progress.step} of {run.num_steps}")
    return Trained(network=network, shape=shape, steps=run.num_steps, metrics=metrics)


class _Run:
    """One attempt: the parts that a step needs."""

    def __init__(
        self,
        spec: TrainingSpec,
        craft: Recipe,
        network: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        train: _Split,
    ) -> None:
        self.spec, self.craft, self.network, self.optimizer, self.split = spec, craft, network, optimizer, train
        self.num_items = len(train.targets)
        self.steps_per_epoch = math.ceil(self.num_items / spec.batch_size)
        self.num_steps = spec.epochs * self.steps_per_epoch
        self._order = (-1, torch.empty(0))  # of the epoch being gone through

    def step(self, progress: Progress) -> Progress:
        """One optimizer step, which depends on the weights, the optimizer's state and the step's number alone."""
        torch.manual_seed(_seed(self.spec, "step", progress.step))  # dropout
        batch = self._batch(progress.step)
        generator = torch.Generator().manual_seed(_seed(self.spec, "augment", progress.step))
        inputs = self.craft.augment(self.split.inputs[batch], generator)
        weights = self.split.weights[batch]
        for group in self.optimizer.param_groups:
            group["lr"] = self.spec.learning_rate * learning_rate_share(progress.step, self.num_steps)
        self.network.train()
        losses = functional.cross_entropy(
            self.network(inputs), self.split.targets[batch], reduction="none", label_smoothing=LABEL_SMOOTHING
        )
        total = (losses * weights).sum()
        self.optimizer.zero_grad()
        (total / weights.sum()).backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        loss_sum = progress.loss_sum + total.item()
        if not math.isfinite(loss_sum):
            raise ComputeError(
                f"the loss is no longer a number at step {progress.step + 1}", remedy="lower learning_rate"
            )
        return Progress(
            step=progress.step + 1, loss_sum=loss_sum, weight_sum=progress.weight_sum + weights.sum().item()
        )

    def _batch(self, step: int) -> torch.Tensor:
        """The items of that step: every epoch goes through all of them once, in an order of its own."""
        epoch, into_epoch = divmod(step, self.steps_per_epoch)
        if self._order[0] != epoch:
            generator = torch.Generator().manual_seed(_seed(self.spec, "epoch", epoch))
            self._order = (epoch, torch.randperm(self.num_items, generator=generator))
        start = into_epoch * self.spec.batch_size
        return self._order[1][start : start + self.spec.batch_size].to(self.split.targets.device)


def learning_rate_share(step: int, num_steps: int) -> float:
    """What share of the learning rate a step takes: a linear warm-up, then half a cosine towards 0.

    Source: Loshchilov & Hutter 2017 (SGDR), without restarts; warm-up as Goyal et al. 2017.
    """
    done = (step + 1) / num_steps
    if done <= WARMUP_SHARE:
        return done / WARMUP_SHARE
    return 0.5 * (1 + math.cos(math.pi * (done - WARMUP_SHARE) / (1 - WARMUP_SHARE + 1 / num_steps)))


def _measure(network: torch.nn.Module, split: _Split) -> dict[str, float]:
    """Loss and accuracy against the labels of a split, each label weighted alike; {} when it is empty."""
    if not len(split.targets):
        return {}
    network.eval()
    loss, right = 0.0, 0
    with torch.inference_mode():
        for inputs, targets in _pieces(split):
            logits = network(inputs)
            loss += functional.cross_entropy(logits, targets, reduction="sum").item()
            right += int((logits.argmax(dim=1) == targets).sum())
    return {"validation_loss": loss / len(split.targets), "validation_accuracy": right / len(split.targets)}


def _pieces(split: _Split) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    for start in range(0, len(split.targets), _EVALUATION_BATCH):
        piece = slice(start, start + _EVALUATION_BATCH)
        yield split.inputs[piece], split.targets[piece]


def _shape(craft: Recipe, examples: Examples) -> Shape:
    try:
        return craft.describe(examples.media, len(examples.classes))
    except (ValueError, OSError) as error:
        raise ComputeError(
            f"the dataset cannot be trained on: {error}", remedy="choose the recipe for its kind of media"
        ) from error


def _tensors(craft: Recipe, examples: Examples, shape: Shape, place: torch.device) -> _Split:
    named = zip(examples.item_ids, examples.media, strict=True)
    rows = [_prepared(craft, item_id, media, shape) for item_id, media in named]
    return _Split(
        inputs=(torch.stack(rows) if rows else torch.empty(0)).to(place),
        targets=torch.from_numpy(examples.targets).to(place),
        weights=torch.from_numpy(examples.weights).to(place),
    )


def _prepared(craft: Recipe, item_id: str, media: bytes, shape: Shape) -> torch.Tensor:
    try:
        return craft.prepare(media, shape)
    except ValueError as error:
        raise ComputeError(
            f"item {item_id} cannot be trained on: {error}",
            remedy="take it out of the dataset, or choose the recipe for its kind of media",
        ) from error


def _be_deterministic() -> None:
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False


def _seed(spec: TrainingSpec, *parts: str | int) -> int:
    return int(ids.key(spec.seed, *parts)[:15], 16)
