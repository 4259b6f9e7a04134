"""What readers and sources agree on: a delivery is a source of files, a reader makes samples of them.

A source is where bytes lie (a folder, an archive, a bucket, one file); a reader knows a form (COCO, WebDataset,
a table of texts). Every reader works on every source.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, ClassVar, Protocol

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
        """A file's bytes, from its beginning. Raises DeliveryError."""

    def read(self, path: str, max_bytes: int) -> bytes:
        """A file's bytes, at most max_bytes + 1 of them: one more than allowed says that it is too large."""

    def identity(self) -> str:
        """Changes whenever any of its bytes do: a hash of contents, or of the store's own tags where it has such."""


@dataclass(frozen=True)
class Part:
    """One medium of a sample: a picture, its lidar scan, a call's transcript.

    read(max_bytes) gives at most max_bytes + 1 bytes.
    """

    name: str  # what it is in its sample; "" for the only one or the main one
    file: str  # the delivered file that holds it
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


Read = Sample | Fault | Beside


class ReaderSpec(Spec):
    """What a scenario may say of how its deliveries are read; each reader names the keys that it knows."""

    name: str


class Reader(Protocol):
    """Makes samples of a source. One small module each, in lake.ingest.readers."""

    NAME: ClassVar[str]

    def recognises(self, source: Source) -> bool:
        """Whether a source looks like this form, from names and a few bytes; the first reader that does is taken."""

    def read(self, source: Source) -> Iterator[Read]:
        """Everything in the source, in an order that does not change. Files that nothing names are quarantined.

        Lazy: bytes of media are read when a part is asked for them. Raises DeliveryError for a form that is broken
        as a whole, with file and line.
        """
