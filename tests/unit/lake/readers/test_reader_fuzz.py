"""Deliveries with damaged files are read, told apart or refused; nothing else happens."""

import io
import json
import struct
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from lake.errors import DeliveryError
from lake.ingest.describe import describe
from lake.ingest.readers import reader_for
from lake.ingest.reading import Beside, Damaged, ReaderSpec, Sample, Unread
from lake.ingest.sources import open_source
from tests.unit.lake.readers.test_reader_boxes import CALIB, JPEG, LABELS, coco, voc
from tests.unit.lake.readers.test_reader_forms import SHARD, box, shard, task
from tests.unit.lake.samples import deliver, png


def _parquet() -> bytes:
    file = io.BytesIO()
    media = [{"bytes": png(number), "path": f"{number}.png"} for number in range(3)]
    pq.write_table(pa.table({"image": media, "label": [0, 1, 2]}), file)
    return file.getvalue()


def _mat() -> bytes:
    file = io.BytesIO()
    savemat(file, {"cell": {"cycle": np.array([{"Time": np.arange(9.0), "Capacity": 1.0}] * 2)}}, do_compression=True)
    return file.getvalue()


ANNOTATED = json.dumps([task(), task(annotations=[{"completed_by": 1, "result": [box(1, 2, 3, 4, "x")]}])]).encode()
ROWS = (
    b'{"text": "abc", "spans": [[0, 2, "X"]], "when": "2024-01-01"}\n{"text": "d", "spans": {"X": {"d": [[0, 0]]}}}\n'
)
FORMS: dict[str, tuple[dict[str, object], dict[str, bytes]]] = {
    "voc": ({"name": "voc"}, {"Annotations/a.xml": voc(("x", 1, 2, 3, 4)).encode(), "JPEGImages/a.jpg": JPEG}),
    "coco": ({"name": "coco"}, {"c.json": coco().encode(), "a.jpg": JPEG}),
    "yolo": (
        {"name": "yolo"},
        {"labels/a.txt": b"0 0.5 0.5 0.5 1\n", "data.yaml": b"names: [x, y]\n", "images/a.jpg": JPEG},
    ),
    "kitti": (
        {"name": "kitti"},
        {
            "label_2/0.txt": LABELS.encode(),
            "calib/0.txt": CALIB.encode(),
            "velodyne/0.bin": struct.pack("<4f", 1, 2, 3, 0),
            "image_2/0.png": png(1),
        },
    ),
    "webdataset": ({"name": "webdataset"}, {"s.tar": shard(SHARD)}),
    "label_studio": ({"name": "label_studio", "files": "*.json"}, {"e.json": ANNOTATED, "upload/3/ab-a.png": png(1)}),
    "hf_parquet": ({"name": "hf_parquet"}, {"t.parquet": _parquet()}),
    "mat": ({"name": "mat", "number": "Capacity"}, {"m.mat": _mat()}),
    "manifest": (
        {"name": "manifest", "media": "file", "time": "t"},
        {"m.csv": b"file,t\na.png,1\n", "a.png": png(1)},
    ),
    "csv_series": ({"name": "csv_series", "split_by": 1, "header": False}, {"s.csv": b"1,2,3\n1,4,5\n2,6,7\n"}),
    "table of csv": ({"name": "table", "header": False, "item": 1, "number": 2}, {"t.csv": b"a,1\nb,2\na,3\n"}),
    "table of json": ({"name": "table", "text": "text", "spans": "spans", "time": "when"}, {"t.json": ROWS}),
    "table of yaml": (
        {"name": "table", "header": False, "item": 1, "answer": 2},
        {"t.yaml": b"a: {b: c}\nd: [e]\n"},
    ),
    "table of parquet": ({"name": "table"}, {"t.parquet": _parquet()}),
    "files": ({"name": "files"}, {"answers.csv": b"file,answer\na.png,x\n", "a.png": png(1)}),
}


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=60)
@given(data=st.binary(max_size=12), at=st.integers(0, 10_000), cut=st.booleans(), which=st.integers(0, 1))
def test_a_damaged_delivery_is_read_or_refused_and_all_its_files_are_named(
    form: str, data: bytes, at: int, cut: bool, which: int
) -> None:
    keys, files = FORMS[form]
    name = list(files)[min(which, len(files) - 1)]
    whole = bytearray(files[name])
    at %= len(whole) + 1
    whole[at : len(whole) if cut else at + len(data)] = data
    with tempfile.TemporaryDirectory() as folder, suppress(DeliveryError):
        source = open_source(deliver(Path(folder), files | {name: bytes(whole)}))
        reader_for(source, None)
        reader = reader_for(source, ReaderSpec.model_validate(keys))
        assert describe(source, reader).files == len(files)
        for read in reader.read(source):
            assert isinstance(read, Sample | Beside | Unread) or read.reason
            for part in read.parts if isinstance(read, Sample) else ():
                with suppress(Damaged):
                    assert len(part.read(1000)) <= 1001
