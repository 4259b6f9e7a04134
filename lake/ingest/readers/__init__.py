"""One small module for each form of delivery; the first that recognises a source reads it."""

from lake.errors import SpecError
from lake.ingest.readers.coco import Coco
from lake.ingest.readers.csv_series import CsvSeries
from lake.ingest.readers.files import Files
from lake.ingest.readers.hf_parquet import HfParquet
from lake.ingest.readers.kitti import Kitti
from lake.ingest.readers.label_studio import LabelStudio
from lake.ingest.readers.labels import WithLabels
from lake.ingest.readers.manifest import Manifest
from lake.ingest.readers.mat import Mat
from lake.ingest.readers.table import Table
from lake.ingest.readers.voc import Voc
from lake.ingest.readers.webdataset import WebDataset
from lake.ingest.readers.yolo import Yolo
from lake.ingest.reading import Reader, ReaderSpec, Source

__all__ = ["READERS", "reader_for"]

READERS: tuple[type[Reader], ...] = (
    Kitti,
    Voc,
    Yolo,
    WebDataset,
    LabelStudio,
    Coco,
    HfParquet,
    Mat,
    Manifest,
    CsvSeries,
    Table,
    Files,
)


def reader_for(source: Source, spec: ReaderSpec | None) -> Reader:
    """The reader that a scenario names, else the first that recognises the source. Raises SpecError, DeliveryError."""
    if spec is None:
        found = (kind(ReaderSpec(name=kind.NAME)) for kind in READERS)
        return next(one for one in found if one.recognises(source))
    kind = next((one for one in READERS if spec.name == one.NAME), None)
    if kind is None:
        known = ", ".join(sorted(one.NAME for one in READERS))
        raise SpecError(f"source.reader.name: there is no reader {spec.name!r}", remedy=f"use one of {known}")
    strange = sorted(spec.model_fields_set - kind.KEYS - {"name", "beside"})
    if strange:
        raise SpecError(
            f"source.reader.{strange[0]}: the reader {spec.name} does not know it",
            remedy=f"remove it; {spec.name} knows {', '.join(sorted(kind.KEYS)) or 'no keys'}",
        )
    return WithLabels(kind(spec), spec) if spec.beside else kind(spec)
