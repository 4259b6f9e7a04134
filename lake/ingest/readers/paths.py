"""What readers share about paths: globs, patterns, documents that lie beside, and files found by the end of a path."""

import datetime as dt
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from lake.errors import SpecError
from lake.ingest.beside import ANSWERS, GROUPS, ORDER
from lake.ingest.reading import File, ReaderSpec

TABLES = (ANSWERS, GROUPS, ORDER)
_DOCUMENT = re.compile(
    r"(^|/)((source_)?readme[^/]*|licen[cs]e[^/]*|copying[^/]*|notice[^/]*|citation[^/]*|changelog[^/]*|[^/]+\.md"
    r"|\.ds_store|thumbs\.db|desktop\.ini)$|(^|/)__macosx/",
    re.IGNORECASE,
)


def is_document(path: str) -> bool:
    """Whether a file is about a delivery (a readme, a licence) or left by a system, and no part of it."""
    return bool(_DOCUMENT.search(path))


def matches(path: str, glob: str) -> bool:
    """Whether a path fits a glob; `*` crosses folders, as in `data/*.csv`."""
    return fnmatchcase(path, glob)


def folders(files: Sequence[File]) -> set[str]:
    """The folders that files lie in, as paths."""
    return {file.path.rpartition("/")[0] for file in files}


def folder_names(files: Sequence[File]) -> set[str]:
    """The names of the folders that files lie in."""
    return {folder.rpartition("/")[2] for folder in folders(files)}


def only(files: Sequence[File], endings: tuple[str, ...]) -> bool:
    """Whether there are files of some endings, and beside them documents alone."""
    found = False
    for file in files:
        if is_document(file.path):
            continue
        if not file.path.lower().endswith(endings) or file.path in TABLES:
            return False
        found = True
    return found


def wanted(files: Sequence[File], glob: str | None, endings: tuple[str, ...]) -> list[str]:
    """The paths that a reader is to read: those of the glob, else those of its endings that are no documents."""
    if glob is not None:
        return [file.path for file in files if matches(file.path, glob)]
    return [file.path for file in files if is_kind(file.path, endings) and file.path not in TABLES]


def is_kind(path: str, endings: tuple[str, ...]) -> bool:
    """Whether a path has one of some endings and is no document."""
    return path.lower().endswith(endings) and not is_document(path)


@dataclass(frozen=True)
class Told:
    """What a path says of its file."""

    answer: str | None = None
    group: str | None = None
    annotator: str | None = None
    time: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)


class Pattern:
    """`source.reader.pattern`, looked for in paths."""

    def __init__(self, spec: ReaderSpec) -> None:
        try:
            self._found = re.compile(spec.pattern or "")
        except re.error as error:
            raise SpecError(f"source.reader.pattern: {error}", remedy="correct the regular expression") from error
        self._classes = spec.folders_are_classes

    def told(self, path: str) -> Told:
        """What a path says; nothing where the pattern is not found in it."""
        match = self._found.search(path)
        named = {name: value for name, value in match.groupdict().items() if value} if match else {}
        folder = PurePosixPath(path).parent.name if self._classes else None
        return Told(
            answer=named.pop("answer", None) or folder or None,
            group=named.pop("group", None),
            annotator=named.pop("annotator", None),
            time=named.pop("time", None),
            attributes=named,
        )


class Places:
    """Finds a file by what another file calls it: its path, a path from that file's folder, or the end of its path."""

    def __init__(self, files: Iterable[File]) -> None:
        self._paths = {file.path for file in files}
        self._names: dict[str, list[str]] = {}
        for path in sorted(self._paths):
            self._names.setdefault(path.rpartition("/")[2], []).append(path)

    def find(self, name: str, near: str = "") -> str | None:
        """The path of a file that is called `name` in the file `near`; None where there is none or more than one."""
        plain = _plain(name)
        beside = _plain(f"{near.rpartition('/')[0]}/{name}") if near else plain
        for path in (beside, plain):
            if path in self._paths:
                return path
        called = self._names.get(plain.rpartition("/")[2], [])
        ends = [path for path in called if f"/{path}".endswith(f"/{plain}")]
        return ends[0] if len(ends) == 1 else None


class Names:
    """Finds a sample by what a file beside calls it: its path or the end of it, with or without the ending."""

    def __init__(self, sources: Iterable[str]) -> None:
        self._whole = {_composed(one): one for one in sources}
        counts = Counter(stem for one in self._whole for stem in _stems(one))
        self._stems = {stem: one for one in self._whole for stem in _stems(one) if counts[stem] == 1}
        self._places = Places(File(one, 0) for one in self._whole)
        self._bare = Places(File(one, 0) for one in self._stems)

    def find(self, name: str, near: str) -> str | None:
        """The source of the one sample that is called so in the file `near`."""
        name, near = _composed(name), _composed(near)
        found = self._places.find(name, near)
        if found is None:
            bare = self._bare.find(name, near)
            found = self._stems[bare] if bare is not None else None
        return None if found is None else self._whole[found]


def _composed(name: str) -> str:
    """macOS takes the letters of names apart."""
    return unicodedata.normalize("NFC", name)


def _stems(path: str) -> list[str]:
    """A path without the last ending of its file, without the last two (`.csv.gz`), and so on."""
    folder, slash, name = path.rpartition("/")
    cuts = [at for at, letter in enumerate(name) if letter == "." and at > 0]
    return [folder + slash + name[:at] for at in cuts]


def _plain(name: str) -> str:
    """A relative path without `.`, `..` and backslashes. What would leave the delivery finds nothing in it."""
    parts: list[str] = []
    for part in name.replace("\\", "/").split("/"):
        if part == "..":
            parts = parts[:-1] if parts else ["\0"]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def moment(text: str | None) -> dt.datetime | None:
    """A date and time in ISO 8601, in UTC where it names no zone, or seconds since 1970. Raises ValueError."""
    if not text:
        return None
    if re.fullmatch(r"\d{9,11}(\.\d+)?", text):
        return dt.datetime.fromtimestamp(float(text), dt.UTC)
    found = dt.datetime.fromisoformat(text.strip())
    return found.astimezone(dt.UTC) if found.tzinfo else found.replace(tzinfo=dt.UTC)
