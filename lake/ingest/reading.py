"""What readers and sources agree on: a delivery is a source of files, a reader makes samples of them.

A source is where bytes lie (a folder, an archive, a bucket, one file); a reader knows a form (COCO, WebDataset,
a table of texts). Every reader works on every source.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, BinaryIO, Literal, Protocol, Self, TypeAlias

from pydantic import Field, StringConstraints, model_validator

from lake.errors import DeliveryError
from lake.spec import Spec


@dataclass(frozen=True)
class File:
    """One delivered file: its path below the source, with `/`, and its size."""

    path: str
    size_bytes: int


@dataclass(frozen=True)
class Unread:
    """Something in a source that is no plain file (a link, a device, a name that escapes), and why it stays out."""

    path: str
    reason: str  # a code of lake.ingest.REASONS
    detail: str


class Source(Protocol):
    """Where a delivery's bytes lie. Listing reads no contents."""

    @property
    def name(self) -> str:
        """The last part of where it is: what batches are named by."""

    @property
    def url(self) -> str:
        """Where it is, as a person may type it again."""

    def files(self) -> Sequence[File]:
        """All plain files, sorted by path. Raises DeliveryError."""

    def unread(self) -> Sequence[Unread]:
        """What else there is, sorted by path."""

    def open(self, path: str) -> BinaryIO:
        """A file's bytes, from its beginning; seekable. Raises DeliveryError."""

    def read(self, path: str, max_bytes: int) -> bytes:
        """A file's bytes, at most max_bytes + 1 of them: one more than allowed says that it is too large.

        Raises Damaged where this file alone cannot be read, DeliveryError where the source cannot.
        """

    def identity(self) -> str:
        """Changes whenever any of its bytes do: a hash of contents, or of the store's own tags where it has such."""


@dataclass(frozen=True)
class Part:
    """One medium of a sample: a picture, its lidar scan, a call's transcript.

    read(max_bytes) gives at most max_bytes + 1 bytes; it raises Damaged where they cannot be had.
    """

    name: str  # what it is in its sample; "" for the only one or the main one
    file: str  # the delivered file that holds it, or its name inside that file: `reviews.csv#17.txt`
    read: Callable[[int], bytes]


@dataclass(frozen=True)
class Said:
    """What somebody has said of a sample before it came here."""

    annotator: str  # a person, or the file that says so
    answer: str  # canonical text (lake.answers)


@dataclass(frozen=True)
class Sample:
    """One sample: its media, and what is known of it."""

    source: str  # names it in its delivery: the file, or the file and its row (`reviews.csv#17`)
    parts: tuple[Part, ...]  # the main one first
    said: tuple[Said, ...] = ()
    expert: str | None = None  # an answer that is known to be right: gold, or the expected answer of a trial case
    group: str | None = None  # patient, cell, device, speaker
    captured_at: dt.datetime | None = None  # UTC
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fault:
    """Something wrong with what a delivery says; the sample itself may still be good."""

    source: str
    reason: str  # a few words that are counted: "box outside the picture", "repeated row"
    detail: str


@dataclass(frozen=True)
class Beside:
    """A file that is no sample but says something of samples: a COCO file, a list of classes, a licence."""

    file: str


Read = Sample | Fault | Beside | Unread


class Damaged(DeliveryError):
    """One file of a source cannot be read, the others can: its sample goes to quarantine as `unreadable`."""


Column = str | int  # its name, or its number from 1 where a table has no head

Delimiter: TypeAlias = Annotated[str, StringConstraints(strip_whitespace=False)]  # a blank and a tab are some too


class BoxColumns(Spec):
    """The columns of a box, in pixels from the upper left corner: two corners, or one and an extent."""

    left: Column
    top: Column
    right: Column | None = None
    bottom: Column | None = None
    width: Column | None = None
    height: Column | None = None
    label: Column | None = Field(default=None, description="column of the class")

    @model_validator(mode="after")
    def _has_an_extent(self) -> Self:
        if (self.right is None) == (self.width is None) or (self.bottom is None) == (self.height is None):
            raise ValueError("boxes need right or width, and bottom or height")
        return self


class BesideSpec(Spec):
    """Files beside the samples that say something of them, in rows as tables have them."""

    files: str = Field(description="glob of these files (`*` crosses folders); who says it where nobody is named")
    pattern: str | None = Field(
        default=None,
        description="regular expression over such a file's path; its groups `annotator` and `group` are what the path "
        "says, all of them may stand in `item`",
    )
    item: str = Field(
        default="{stem}",
        description="the sample's file, or the end of its path; `{NAME}` is a group of `pattern` or a column, `{line}` "
        "the line's number, `{stem}` the name of the file beside without its ending",
    )
    boxes: BoxColumns | None = None
    windows: Column | tuple[Column, ...] | None = Field(
        default=None,
        description="column of a list of [start, end] or [start, end, class]; or columns of start, end and class",
    )
    points: Column | None = Field(default=None, description="column of a point in time, or of a list of them")
    axis: Column | None = Field(
        default=None,
        description="column of a series (of JSON a path) where its time stands: moments become its rows, from 0",
    )
    label: str = Field(default="", description="the class of boxes, windows and points of which no column says it")
    answer: Column | None = Field(default=None, description="column of what somebody said")
    number: Column | None = Field(default=None, description="column of a number that is the answer")
    above: float | None = Field(default=None, description="numbers that are not above this are no answers but faults")
    annotator: Column | None = Field(default=None, description="column of who said it")
    group: Column | None = Field(default=None, description="column of the patient, cell, device or speaker")
    right: bool = Field(default=False, description="whether it is known to be right; of several the first one counts")
    classes: tuple[str, ...] | str = Field(default=(), description="as of the reader")
    delimiter: Delimiter | None = Field(default=None, description="as of the reader")
    quoted: bool = Field(default=True, description="as of the reader")
    header: bool = Field(default=True, description="as of the reader")

    @property
    def kind(self) -> str:
        """What is drawn: boxes or segments; "" where nothing is."""
        return "boxes" if self.boxes else "" if self.windows is None and self.points is None else "segments"

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        drawn = [one for one in (self.boxes, self.windows, self.points) if one is not None]
        if len(drawn) > 1 or not any(one is not None for one in (*drawn, self.answer, self.number, self.group)):
            raise ValueError("name one of boxes, windows and points; or answer, number or group")
        if isinstance(self.windows, tuple) and len(self.windows) not in (2, 3):
            raise ValueError("windows are one column, or those of start, end and class")
        if self.right and self.annotator is not None:
            raise ValueError("what is right has no annotator")
        return self


class ReaderSpec(Spec):
    """What a scenario may say of how its deliveries are read; a reader refuses keys that it does not know."""

    name: str = Field(description="the reader: one of those in docs/deliveries.md")
    files: str | None = Field(
        default=None,
        description="glob of the paths that are read (`*` crosses folders); the others stand beside",
    )
    pattern: str | None = Field(
        default=None,
        description="regular expression over a file's path, searched; its groups `answer`, `group`, `annotator` and "
        "`time` are what the path says, any other is an attribute",
    )
    folders_are_classes: bool = Field(default=False, description="a file's folder is what is said of it")
    item: Column | None = Field(
        default=None, description="column that names the item; rows with the same one are one sample"
    )
    text: Column | None = Field(
        default=None, description="column that holds the item's text; of JSON also a path (`messages.content`)"
    )
    media: Column | tuple[Column, ...] | None = Field(
        default=None, description="column of the item's file or address; several columns are parts of one sample"
    )
    answer: Column | tuple[Column, ...] | None = Field(
        default=None,
        description="column of what somebody said; of several columns each is an annotator of its name",
    )
    number: Column | None = Field(default=None, description="column of a number that is the answer")
    above: float | None = Field(default=None, description="numbers that are not above this are no answers but faults")
    spans: Column | None = Field(default=None, description="column of marked spans, as doccano or CLUENER write them")
    annotator: Column | None = Field(default=None, description="column of who said it")
    expert: Column | None = Field(default=None, description="column of what is known to be right")
    gold: str | None = Field(
        default=None, description="file of what is known to be right: item and answer, or one answer a line"
    )
    matrix: str | None = Field(
        default=None, description="file of answers: one line an item, one column an annotator, -1 for none"
    )
    group: Column | None = Field(default=None, description="column of the patient, cell, device or speaker")
    time: Column | None = Field(
        default=None, description="column of when an item was captured; of a series, its time axis"
    )
    delimiter: Delimiter | None = Field(
        default=None,
        description="between columns; found out where it is not said; a blank: any number of them; empty: the "
        "whole line is one column",
    )
    quoted: bool = Field(default=True, description="whether a column may stand in double quotes")
    header: bool = Field(default=True, description="whether the first line names the columns")
    classes: tuple[str, ...] | str = Field(
        default=(), description="classes that the data has by number, from 0: their names, or a file of one a line"
    )
    split_by: Column | None = Field(default=None, description="column whose every value is a series of its own")
    origins: tuple[str, ...] = Field(
        default=(), description="what addresses of media may begin with, beside the delivery's own folder or bucket"
    )
    shapes: Literal["boxes", "polygons", "keypoints"] = Field(
        default="boxes", description="which shapes of a COCO file are the answer"
    )
    beside: tuple[BesideSpec, ...] = Field(
        default=(), description="files beside the samples that say something of them; every reader knows this key"
    )


class Reader(Protocol):
    """Makes samples of a source. One small module each, in lake.ingest.readers."""

    NAME: str
    KEYS: frozenset[str]  # of ReaderSpec, beside `name`, that it knows

    def __init__(self, spec: ReaderSpec) -> None: ...

    def recognises(self, source: Source) -> bool:
        """Whether a source looks like this form, from names and a few bytes; the first reader that does is taken."""

    def read(self, source: Source) -> Iterator[Read]:
        """Everything in the source, in an order that does not change. Files that nothing names are quarantined.

        Lazy: bytes of media are read when a part is asked for them. Raises DeliveryError for a form that is broken
        as a whole, with file and line.
        """


def medium(source: Source, file: str, name: str = "") -> Part:
    """A delivered file as a part of a sample."""
    return Part(name, file, partial(source.read, file))


def inline(data: bytes, file: str, name: str = "") -> Part:
    """Bytes that stood inside a delivered file, such as a row's text, as a part of a sample."""
    return Part(name, file, lambda max_bytes: data[: max_bytes + 1])
