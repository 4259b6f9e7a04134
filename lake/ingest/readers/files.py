"""Any tree of media: every file is a sample; what is known of it stands in its path or in two tables beside."""

from collections.abc import Iterator

from lake.ingest.beside import ANSWERS, GROUPS, read_pairs
from lake.ingest.readers.paths import TABLES, Pattern, matches, moment
from lake.ingest.readers.says import classes_of, named
from lake.ingest.reading import Beside, Fault, Read, ReaderSpec, Said, Sample, Source, medium


class Files:
    """`files` says which files are media, `pattern` what their paths say of them."""

    NAME = "files"
    KEYS = frozenset({"files", "pattern", "folders_are_classes", "classes"})

    def __init__(self, spec: ReaderSpec) -> None:
        self._spec = spec
        self._pattern = Pattern(spec)

    def recognises(self, source: Source) -> bool:  # noqa: ARG002 - as all readers do
        """Anything: this is the last one that is asked."""
        return True

    def read(self, source: Source) -> Iterator[Read]:
        answers, groups = read_pairs(source, ANSWERS, "answer"), read_pairs(source, GROUPS, "group")
        classes = classes_of(self._spec, source)
        for file in source.files():
            if file.path in TABLES or (self._spec.files is not None and not matches(file.path, self._spec.files)):
                yield Beside(file.path)
                continue
            told = self._pattern.told(file.path)
            answer = named(told.answer, classes) if told.answer else None
            try:
                captured_at = moment(told.time)
            except (ValueError, OverflowError):
                captured_at = None
                yield Fault(file.path, "time unreadable", told.time or "")
            yield Sample(
                source=file.path,
                parts=(medium(source, file.path),),
                said=(Said(told.annotator or "file name", answer),) if answer else (),
                expert=answers.get(file.path),
                group=groups.get(file.path) or told.group,
                captured_at=captured_at,
                attributes=told.attributes,
            )
