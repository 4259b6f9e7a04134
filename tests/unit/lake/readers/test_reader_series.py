"""Time series: CSV files and MATLAB's."""

import gzip
import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from lake.errors import DeliveryError
from lake.ingest.readers import mat as mat_reader
from tests.unit.lake.readers.reading import see, see_files

NAB = "timestamp,value\n2015-09-08 11:39:00,73\n2015-09-08 11:44:00,62\n"


def test_a_file_with_a_time_and_numbers_is_a_series_as_it_stands(tmp_path: Path) -> None:
    seen = see_files(tmp_path, {"a.csv": NAB, "b/c.csv": NAB, "README.md": "about"})
    assert seen.reader == "csv_series"
    assert seen.data() == {"a.csv": [NAB.encode()], "b/c.csv": [NAB.encode()]}
    timed = see(tmp_path, name="csv_series", time="timestamp")
    assert str(timed.samples[0].captured_at) == "2015-09-08 11:39:00+00:00"


def test_a_packed_series_is_unpacked_and_one_without_names_may_be_named(tmp_path: Path) -> None:
    files = {"cell1.csv.gz": gzip.compress(b"1,2\n3,4\n", mtime=0)}
    seen = see_files(tmp_path, files, name="csv_series", header=False, pattern=r"(?P<group>cell\d+)")
    (sample,) = seen.samples
    assert (sample.group, sample.parts[0].file) == ("cell1", "cell1.csv.gz#cell1.csv")
    assert seen.data() == {"cell1.csv.gz": [b"1,2\n3,4\n"]}
    assert seen.unnamed == set()


def test_every_value_of_a_column_may_be_a_series_of_its_own(tmp_path: Path) -> None:
    rows = "volt,time_s,cycle,capacity\n4.1,0,1,1.8\n4.0,9,1,1.8\n4.2,0,2,0\n3.9,18,1,1.8\n"
    keys = {"split_by": "cycle", "time": "time_s", "number": "capacity", "above": 0}
    seen = see_files(tmp_path, {"B1.csv": rows}, name="csv_series", **keys)
    assert seen.data() == {"B1.csv#1": [b"time_s,volt\n0,4.1\n9,4.0\n18,3.9\n"], "B1.csv#2": [b"time_s,volt\n0,4.2\n"]}
    assert seen.said() == {"B1.csv#1": [("B1.csv", '{"number":1.8}')], "B1.csv#2": []}
    assert seen.faults == [("B1.csv#2", "capacity not above 0")]
    with pytest.raises(DeliveryError, match="has no column 'round'"):
        see(tmp_path, name="csv_series", split_by="round")


def battery() -> dict[str, object]:
    curves = {"Time": np.arange(10.0), "Voltage": np.linspace(4, 3, 10), "Capacity": 1.5}
    spectrum = {"Battery_impedance": np.arange(8) + 1j, "Rectified_Impedance": np.arange(7) * 1j, "Re": 0.05}
    cycles = np.zeros(3, dtype=[("type", object), ("ambient_temperature", object), ("data", object)])
    cycles[0] = ("discharge", 24, curves)
    cycles[1] = ("impedance", 24, spectrum)
    cycles[2] = ("charge", 24, {"Time": np.zeros(0)})
    return {"B0001": {"cycle": cycles}}


def mat(value: dict[str, object], packed: bool = True) -> bytes:
    file = io.BytesIO()
    savemat(file, value, do_compression=packed)
    return file.getvalue()


def test_each_element_of_a_struct_with_curves_is_a_sample(tmp_path: Path) -> None:
    seen = see_files(tmp_path, {"B0001.mat": mat(battery())}, name="mat", number="Capacity", above=0)
    discharge, impedance = seen.samples
    assert discharge.source == "B0001.mat#B0001.cycle[0]"
    assert seen.data()[discharge.source][0].splitlines()[:2] == [b"Time,Voltage", b"0.0,4.0"]
    assert seen.said()[discharge.source] == [("B0001.mat", '{"number":1.5}')]
    assert dict(discharge.attributes) == {"type": "discharge", "ambient_temperature": "24"}
    assert [part.name for part in impedance.parts] == ["", "Rectified_Impedance"]
    assert seen.data()[impedance.source][0].startswith(b"Battery_impedance_re,Battery_impedance_im\n0.0,1.0\n")
    assert (impedance.group, impedance.attributes["Re"]) == ("B0001", "0.05")
    assert seen.faults == [("B0001.mat#B0001.cycle[2]", "no curves")]
    assert see(tmp_path).reader == "mat"


def test_a_matrix_is_a_series_of_columns(tmp_path: Path) -> None:
    seen = see_files(tmp_path, {"m.mat": mat({"x": np.arange(12.0).reshape(6, 2)})})
    assert seen.data()["m.mat#x"][0].splitlines()[:2] == [b"x_1,x_2", b"0.0,1.0"]


def test_what_is_no_matlab_file_or_unfolds_without_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mat_reader, "_MAX_BYTES", 1 << 22)
    bomb = bytearray(mat({"x": np.arange(3.0)}))[:128]
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(bytes(1 << 20)) for _ in range(5)) + packer.flush()
    bomb += (15).to_bytes(4, "little") + len(data).to_bytes(4, "little") + data
    whole = mat(battery())
    files = {
        "a.mat": b"MATLAB 7.3 MAT-file" + bytes(600),
        "b.mat": bytes(bomb),
        "c.mat": whole[: len(whole) // 2],
        "d.mat": b"x" * 300,
        "e.mat": mat({"words": "nothing else"}),
    }
    seen = see_files(tmp_path, files)
    assert seen.unread == [(f"{name}.mat", "unsupported" if name == "e" else "unreadable") for name in "abcde"]
    assert seen.samples == []
