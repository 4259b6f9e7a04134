"""WebDataset: tar shards whose members with one name up to the first dot are one sample.

Format: github.com/webdataset/webdataset, "The WebDataset Format".
"""

import json
from collections.abc import Iterator
from functools import partial
from itertools import groupby
from typing import Any

from lake.errors import DeliveryError
from lake.ingest.readers.paths import is_document, only
from lake.ingest.readers.says import classes_of, named
from lake.ingest.reading import Beside, Fault, Part, Read, ReaderSpec, Said, Sample, Source, Unread
from lake.ingest.sources.onefile import InnerFile
from lake.ingest.sources.tar import TarSource

_MAX_BYTES = 10_000_000
_SHARDS = (".tar", ".tar.gz", ".tgz", ".tar.zst")
_SAYS = ("cls", "cls2", "json")
_ANSWERS = ("answer", "label", "cls", "class")
_OTHERS = ("__key__", "__url__", "id")


class WebDataset:
    """`.cls` and the key `label` of `.json` are answers; every other member is a part of its sample."""

    NAME = "webdataset"
    KEYS = frozenset({"classes"})

    def __init__(self, spec: ReaderSpec) -> None:
        self._spec = spec

    def recognises(self, source: Source) -> bool:
        """Shards and documents alone, or a shard itself: its members stand sample by sample, with answers."""
        return only(source.files(), _SHARDS) or any(file.path.endswith(".cls") for file in source.files())

    def read(self, source: Source) -> Iterator[Read]:
        classes = classes_of(self._spec, source)
        if not any(file.path.lower().endswith(_SHARDS) for file in source.files()):
            yield from _samples(source, "", classes)
            return
        for file in source.files():
            if is_document(file.path) or file.path == self._spec.classes:
                yield Beside(file.path)
            elif file.path.lower().endswith(_SHARDS):
                yield from _shard(source, file.path, classes)


def _shard(source: Source, path: str, classes: tuple[str, ...]) -> Iterator[Read]:
    """One shard of several: one that cannot be read does not keep the others out."""
    shard = TarSource(InnerFile(source, path))
    try:
        left = shard.unread()
    except DeliveryError as error:
        yield Unread(path, "unreadable", error.what)
        return
    yield Beside(path)
    yield from (Unread(f"{path}/{one.path}", one.reason, one.detail) for one in left)
    yield from _samples(shard, f"{path}/", classes)


def _samples(source: Source, prefix: str, classes: tuple[str, ...]) -> Iterator[Read]:
    """In the order in which members lie, so that a packed shard is read once."""
    paths = list(source.members()) if isinstance(source, TarSource) else [file.path for file in source.files()]
    first: dict[str, int] = {}
    for number, path in enumerate(paths):
        first.setdefault(_key(path), number)
    for key, members in groupby(sorted(paths, key=lambda path: first[_key(path)]), _key):
        yield from _sample(source, prefix, key, list(members), classes)


def _sample(source: Source, prefix: str, key: str, members: list[str], classes: tuple[str, ...]) -> Iterator[Read]:
    parts: list[Part] = []
    said: list[Said] = []
    attributes: dict[str, str] = {}
    for path in members:
        ending = path.removeprefix(key).lstrip(".")
        if ending not in _SAYS:
            name = ending if parts else ""
            parts.append(Part(name, prefix + path, partial(source.read, path)))
            continue
        yield Beside(prefix + path)
        try:
            answer, more = _told(source.read(path, _MAX_BYTES), ending)
        except (ValueError, RecursionError) as error:
            yield Fault(prefix + path, "annotation unreadable", str(error))
            continue
        attributes |= more
        said += [Said(ending, named(answer, classes))] if answer else []
    if parts:
        yield Sample(source=prefix + key, parts=tuple(parts), said=tuple(said), attributes=attributes)
    else:
        yield Fault(prefix + key, "sample without media", ", ".join(members))


def _told(data: bytes, ending: str) -> tuple[str, dict[str, str]]:
    """The answer in a member, "" for none, and what else it says. Raises ValueError."""
    text = data.decode("utf-8").strip()
    if ending != "json":
        return text, {}
    found: Any = json.loads(text)
    if not isinstance(found, dict):
        return (text if isinstance(found, str | int) else ""), {}
    answer = next((found[name] for name in _ANSWERS if isinstance(found.get(name), str | int)), "")
    plain = {name: value for name, value in found.items() if isinstance(value, str | int | float)}
    return str(answer), {name: str(value) for name, value in plain.items() if name not in (*_ANSWERS, *_OTHERS)}


def _key(path: str) -> str:
    """The path up to the first dot of its last part."""
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{name.partition('.')[0]}"
