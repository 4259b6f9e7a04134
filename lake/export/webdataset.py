"""WebDataset: tar shards a split, with what is said of a sample inside.

Format: github.com/webdataset/webdataset, "The WebDataset Format". Members of a sample are `<item_id>.<ending>`,
`<item_id>.<part>.<ending>`, `<item_id>.json` (all that is known) and `<item_id>.cls` (the number of its class in
classes.json, where its answer is a class).
"""

import io
import json
import tarfile
from contextlib import ExitStack
from pathlib import Path

from lake.export.reading import Labelled, Reading

SHARD_BYTES = 256 * 2**20


def write(reading: Reading, folder: Path) -> None:
    """<split>-000000.tar, <split>-000001.tar, ... of about 256 MiB, and classes.json."""
    classes = {name: number for number, name in enumerate(reading.classes)}
    with ExitStack() as scratch:
        shards: dict[str, _Shards] = {}
        for item in reading.items():
            if item.split not in shards:
                shards[item.split] = scratch.enter_context(_Shards(folder, item.split))
            members = [(medium.file(item.item_id), reading.read(medium)) for medium in item.media]
            members.append((f"{item.item_id}.json", _facts(item)))
            if item.answer in classes:
                members.append((f"{item.item_id}.cls", str(classes[item.answer]).encode()))
            shards[item.split].add(members)
    (folder / "classes.json").write_bytes((json.dumps(reading.classes, ensure_ascii=False) + "\n").encode())


def _facts(item: Labelled) -> bytes:
    facts = {"item_id": item.item_id, "answer": item.answer, "split": item.split, **item.facts}
    return json.dumps(facts, ensure_ascii=False, sort_keys=True).encode()


class _Shards:
    """The shards of one split, one open at a time."""

    def __init__(self, folder: Path, split: str) -> None:
        self._folder, self._split = folder, split
        self._number = 0
        self._open: tarfile.TarFile | None = None

    def __enter__(self) -> "_Shards":
        return self

    def __exit__(self, *_error: object) -> None:
        if self._open is not None:
            self._open.close()

    def add(self, members: list[tuple[str, bytes]]) -> None:
        """One sample; a sample is never split."""
        if self._open is None or self._open.offset >= SHARD_BYTES:
            self.__exit__()
            self._open = tarfile.open(  # noqa: SIM115 - stays open from one sample to the next
                self._folder / f"{self._split}-{self._number:06}.tar", "w", format=tarfile.USTAR_FORMAT
            )
            self._number += 1
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            self._open.addfile(info, io.BytesIO(data))
