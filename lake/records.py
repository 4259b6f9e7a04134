"""What passes between the crafts: frozen dataclasses, one Arrow schema each.

`schema(Item)` gives the Arrow schema of a record, `to_table` and `from_table` convert, and nothing
else does. Times are UTC, money is `Decimal` with a currency, identity is content.
"""

import dataclasses
import datetime as dt
import types
import typing
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Literal, TypeVar

import pyarrow as pa

if typing.TYPE_CHECKING:
    from _typeshed import DataclassInstance

Modality = Literal["image", "text", "audio", "video", "time_series", "tabular", "point_cloud"]
Reason = Literal["new", "gold", "review", "trial failure"]
Purpose = Literal["labeling", "trial"]
Split = Literal["train", "validation"]
Verdict = Literal["promote", "hold", "reject"]
GateVerdict = Literal["pass", "waivable", "block"]
Decision = Literal["approve", "waive", "reject"]
RunState = Literal["submitted", "running", "succeeded", "failed", "lost", "cancelled"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ItemPart:
    """A further medium of a sample: a frame's lidar scan, a call's transcript."""

    name: str  # what it is in its sample
    modality: Modality
    media_type: str
    sha256: str
    size_bytes: int
    pack: str
    offset: int
    length: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Item:
    """One sample as it was delivered; modality to length are those of its main medium."""

    item_id: str  # sha256 of its bytes; of several parts, a hash of their names and sha256
    modality: Modality
    media_type: str  # IANA, found from the bytes, never from the name
    size_bytes: int
    pack: str
    offset: int  # of the bytes in the pack
    length: int
    source: str  # path inside its delivery
    delivery: str
    licence: str
    consent: str
    group: str  # patient, cell, device, speaker; the item itself where nothing is known
    captured_at: dt.datetime | None = None
    attributes: tuple[str, ...] = ()  # "name=value", sorted: what the delivery says of it beside its label
    parts: tuple[ItemPart, ...] = ()  # its further media, by name


@dataclasses.dataclass(frozen=True, kw_only=True)
class Quarantined:
    """One delivered file that did not become an item, and why."""

    source: str
    delivery: str
    size_bytes: int
    sha256: str
    reason: str  # a code of lake.ingest.REASONS
    detail: str
    duplicate_of: str | None = None  # item_id, for duplicates


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """One item to be answered under one version of the guideline."""

    task_id: str  # hash of scenario, item and guideline version
    scenario: str
    item_id: str
    guideline_version: str
    batch: str
    overlap: int
    priority: float  # larger is sooner
    reason: Reason
    prelabel: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Annotation:
    """One person's answer to one task, as the platform holds it."""

    annotation_id: str  # the platform's own id
    updated_at: dt.datetime
    task_id: str
    item_id: str
    annotator: str
    answer: str  # canonical text of a typed answer (lake.answers); the class name for choices
    lead_time_s: float
    guideline_version: str
    cancelled: bool  # skipped by the annotator
    gold: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Label:
    """What people agreed on for one item."""

    item_id: str
    schema_version: str  # hash of label_config.xml and the guideline
    answer: str
    confidence: float  # posterior of `answer`
    agreement: float  # share of the votes that say `answer`
    method: str
    annotators: tuple[str, ...]  # who took part, sorted
    machine_share: float = 0.0  # of the weight that machines contributed
    adjudicated_by: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class DatasetVersion:
    """`name@vN`: a git tag and a DVC revision."""

    name: str
    number: int
    dataset_hash: str  # of the manifest, the labels and the packs; not of git's times
    revision: str  # git commit
    num_items: int
    gate: GateVerdict
    signed_by: str
    parents: tuple[str, ...]
    batches: tuple[str, ...]

    @property
    def tag(self) -> str:
        return f"{self.name}@v{self.number}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Offer:
    """A machine that could be rented now."""

    provider: str
    offer_id: str
    accelerator: str
    count: int
    price_per_hour: Decimal
    currency: str
    spot: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """One training run, submitted once."""

    run_id: str  # hash of dataset version, recipe, code and config
    scenario: str
    batch: str
    dataset: str  # name@vN
    dataset_hash: str
    recipe: str
    provider: str
    state: RunState
    seconds: float  # on the machine, all attempts together
    model: str | None = None  # registered name/version


@dataclasses.dataclass(frozen=True, kw_only=True)
class SliceMetric:
    """A model's accuracy on one slice of the cases, with a 95 % interval."""

    name: str
    num_cases: int
    accuracy: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Failure:
    """One trial case that the model got wrong."""

    item_id: str
    expected: str
    predicted: str
    confidence: float
    slices: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trial:
    """One model judged on one version of a suite."""

    trial_id: str  # hash of model and suite version
    scenario: str
    batch: str
    model: str  # registered name/version
    suite: str  # name@hash
    accuracy: float
    worst_slice: str
    verdict: Verdict
    reasons: tuple[str, ...]
    num_failures: int
    champion: str | None  # whom it challenged, name/version


@dataclasses.dataclass(frozen=True, kw_only=True)
class SignOff:
    """One person's decision on one gate report, word for word as its hash names it."""

    scenario: str
    batch: str
    report_hash: str
    by: str
    role: str
    decision: Decision
    reason: str  # a waiver has to give one
    at: dt.datetime  # UTC

    def __post_init__(self) -> None:
        if self.at.utcoffset() != dt.timedelta(0):
            raise ValueError(f"a sign-off needs a time in UTC, not {self.at!r}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class LedgerEntry:
    """One metered event; its key makes a replay add nothing."""

    key: str
    at: dt.datetime
    scenario: str
    batch: str
    kind: Literal["annotation", "machine"]
    who: str  # annotator, or provider/offer
    subject: str  # task id, or run id
    quantity: Decimal
    unit: str  # "answer", "second"
    amount: Decimal
    currency: str
    voucher: str | None = None


Record = TypeVar("Record", bound="DataclassInstance")

_ARROW: dict[object, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    dt.datetime: pa.timestamp("us", tz="UTC"),
    Decimal: pa.decimal128(24, 8),
}


def _arrow_type(hint: Any) -> tuple[pa.DataType, bool]:
    """The Arrow type of a field's annotation and whether it may be null."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        (inner,) = [arg for arg in typing.get_args(hint) if arg is not types.NoneType]
        return _arrow_type(inner)[0], True
    if origin is Literal:
        return pa.string(), False
    if origin is tuple:
        return pa.list_(_arrow_type(typing.get_args(hint)[0])[0]), False
    if dataclasses.is_dataclass(hint):
        return pa.struct(list(schema(typing.cast("type[DataclassInstance]", hint)))), False
    return _ARROW[hint], False


def schema(record: "type[DataclassInstance]") -> pa.Schema:
    """The Arrow schema of a record: one column a field, in the order of its definition."""
    hints = typing.get_type_hints(record)
    fields = []
    for field in dataclasses.fields(record):
        arrow, nullable = _arrow_type(hints[field.name])
        fields.append(pa.field(field.name, arrow, nullable=nullable))
    return pa.schema(fields)


def to_table(records: Iterable[Record], record: type[Record]) -> pa.Table:
    """Records as an Arrow table of `schema(record)`, in the order given."""
    rows = list(records)
    shape = schema(record)
    columns = [
        pa.array([_plain(getattr(row, name)) for row in rows], type=shape.field(name).type) for name in shape.names
    ]
    return pa.Table.from_arrays(columns, schema=shape)


def from_table(table: pa.Table, record: type[Record]) -> Iterator[Record]:
    """The records of a table that has at least the columns of `schema(record)`.

    A column with a default may be missing: it came later than the table.
    """
    late = {field.name for field in dataclasses.fields(record) if field.default is not dataclasses.MISSING}
    names = [name for name in schema(record).names if name in table.column_names or name not in late]
    inner = {name: _inner(hint) for name, hint in typing.get_type_hints(record).items()}
    for row in table.select(names).to_pylist():
        yield record(**{name: _rich(value, inner[name]) for name, value in row.items()})


def _inner(hint: Any) -> "type[DataclassInstance] | None":
    """The record that a field holds several of."""
    arguments = typing.get_args(hint)
    nested = arguments and dataclasses.is_dataclass(arguments[0])
    return typing.cast("type[DataclassInstance]", arguments[0]) if nested else None


def _rich(value: Any, inner: "type[DataclassInstance] | None") -> Any:
    if not isinstance(value, list):
        return value
    return tuple(value) if inner is None else tuple(inner(**one) for one in value)


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [dataclasses.asdict(one) if dataclasses.is_dataclass(one) else one for one in value]  # type: ignore[arg-type]
    return value
