"""What a delivery would bring in, without reading its media: for a dry run."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lake.answers import KINDS, kind_of, shapes_of
from lake.ingest.reading import Beside, Fault, Reader, Sample, Source, Unread

_FIRST = 5


@dataclass(frozen=True)
class Summary:
    """Counts of what a reader makes of a source; all mappings by name, the most frequent first."""

    reader: str
    files: int
    size_bytes: int
    samples: int
    parts: Mapping[str, int]  # by the ending of their files
    answers: Mapping[str, int]  # by kind: text, number, or a key of lake.answers.KINDS
    shapes: Mapping[str, int]  # by kind: how many the answers hold in all
    annotators: Mapping[str, int]  # how many samples each has answered
    experts: int  # samples of which it is known what is right
    groups: int
    beside: int
    faults: Mapping[str, int]  # by reason
    unread: Mapping[str, int]  # by reason; what goes to quarantine before anything of it is looked at
    first: tuple[Sample, ...]
    examples: tuple[Fault | Unread, ...]  # the first of each reason


def describe(source: Source, reader: Reader) -> Summary:
    """Go through a source once. Raises DeliveryError."""
    parts, answers, shapes, annotators, faults, unread = (Counter[str]() for _ in range(6))
    first: list[Sample] = []
    examples: dict[str, Fault | Unread] = {}
    named: set[str] = set()
    groups: set[str] = set()
    samples = experts = beside = 0
    for read in reader.read(source):
        match read:
            case Sample():
                samples += 1
                experts += read.expert is not None
                groups |= {read.group} if read.group is not None else set()
                parts.update(part.file.rpartition(".")[2].lower() for part in read.parts)
                answers.update(kind_of(one.answer) for one in read.said)
                shapes.update(_drawn(one.answer for one in read.said))
                annotators.update(one.annotator for one in read.said)
                named.update(part.file for part in read.parts)
                first += [read] if len(first) < _FIRST else []
            case Fault():
                faults[read.reason] += 1
                examples.setdefault(f"fault {read.reason}", read)
            case Beside():
                beside += 1
                named.add(read.file)
            case Unread():
                unread[read.reason] += 1
                named.add(read.path)
                examples.setdefault(f"unread {read.reason}", read)
    unnamed = [Unread(one.path, "unsupported", "no part of it") for one in source.files() if one.path not in named]
    for left in (*source.unread(), *unnamed):
        unread[left.reason] += 1
        examples.setdefault(f"unread {left.reason}", left)
    return Summary(
        reader=reader.NAME,
        files=len(source.files()),
        size_bytes=sum(file.size_bytes for file in source.files()),
        samples=samples,
        parts=_ordered(parts),
        answers=_ordered(answers),
        shapes=_ordered(shapes),
        annotators=_ordered(annotators),
        experts=experts,
        groups=len(groups),
        beside=beside,
        faults=_ordered(faults),
        unread=_ordered(unread),
        first=tuple(first),
        examples=tuple(examples.values()),
    )


def _drawn(answers: Iterable[str]) -> Counter[str]:
    """How many shapes of each kind some answers hold."""
    counts = Counter[str]()
    for answer in answers:
        kind = kind_of(answer)
        counts[kind] += len(shapes_of(answer, kind)) if kind in KINDS else 0
    return +counts


def _ordered(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
