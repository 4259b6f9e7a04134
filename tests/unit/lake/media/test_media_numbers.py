"""Hostile and broken files of numbers: nothing in them is executed, and nothing they claim is believed."""

import io
import json
import math
import pickle
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lake.media import Limits
from lake.media.numbers import Numbers
from tests.media_samples import csv_table, npy, pcd, ply, points, sample, series
from tests.unit.lake.media.refusing import refused, taken


def numbers(data: bytes, name: str, wanted: Any = None) -> Numbers:
    found = taken(data, name, wanted).decoded
    assert isinstance(found, Numbers)
    return found


class Trap:
    """Unpickling it leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_pickle_in_a_numpy_file_is_never_opened(tmp_path: Path) -> None:
    trap = npy(np.array([Trap(tmp_path / "sprung")], dtype=object), allow_pickle=True)
    assert refused(trap, "x.npy")[0] == "unsupported"
    assert refused(pickle.dumps(Trap(tmp_path / "sprung")), "x.npy")[0] == "unreadable"
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((2, 2, 2)), "unsupported"),
        (np.array(["a", "b"]), "unsupported"),
        (np.zeros(3, dtype=[("a", "f8")]), "unsupported"),
        (np.zeros(3, dtype=complex), "unsupported"),
        (np.array(5.0), "unsupported"),
        (np.zeros((0, 3)), "empty"),
        (np.zeros(100_001, dtype=np.int8), "oversize"),
        (np.zeros((60, 20_000), dtype=np.int8), "oversize"),
    ],
)
def test_arrays_that_are_no_series_are_refused(array: Any, reason: str) -> None:
    assert refused(npy(array), "x.npy")[0] == reason


@pytest.mark.parametrize("shape", ["(10000000000000,)", "(1000, 1000)", "(-5,)", "(2**60,)", "(" * 500])
def test_what_a_numpy_header_claims_is_not_believed(shape: str) -> None:
    head = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".encode()
    data = b"\x93NUMPY\x01\0" + len(head).to_bytes(2, "little") + head + bytes(80)
    assert refused(data, "x.npy")[0] in ("oversize", "unreadable", "unsupported")


def test_arrays_keep_their_values_in_any_order() -> None:
    for name in ("double.npy", "fortran.npy"):
        assert np.allclose(numbers(sample(name), name).values, series(), rtol=1e-6)
    assert numbers(npy(np.arange(5)), "x.npy").values.shape == (5, 1)
    assert numbers(npy(np.ones((3, 1000))), "x.npy").values.shape == (1000, 3)  # lies on its side


def test_a_matlab_struct_of_vectors_is_a_table() -> None:
    found = numbers(sample("plain.mat"), "x.mat")
    assert set(found.names) == {"Time", "Voltage", "Temperature"}
    assert np.allclose(found.values[:, found.names.index("Voltage")], series()[:, 1])


def test_a_bomb_in_a_matlab_file_is_refused() -> None:
    size = 3 << 30
    head = b"\x0e\0\0\0" + size.to_bytes(4, "little")  # a matrix
    flags = (
        b"\x06\0\0\0\x08\0\0\0\x06\0\0\0\0\0\0\0"
        + b"\x05\0\0\0\x08\0\0\0\x01\0\0\0"
        + (size // 8).to_bytes(4, "little")
    )
    squeezer = zlib.compressobj(9)
    packed = squeezer.compress(
        head + flags + b"\x01\0\x01\0a\0\0\0" + b"\x09\0\0\0" + (size - 100).to_bytes(4, "little")
    )
    packed += b"".join(squeezer.compress(bytes(1 << 24)) for _ in range(20)) + squeezer.flush()
    data = sample("plain.mat")[:128] + b"\x0f\0\0\0" + len(packed).to_bytes(4, "little") + packed
    assert len(data) < 1 << 20
    begun = time.perf_counter()
    assert refused(data, "x.mat")[0] in ("oversize", "unreadable")
    assert time.perf_counter() - begun < 10


def test_a_matlab_file_without_numbers_is_unsupported() -> None:
    from scipy.io import savemat

    file = io.BytesIO()
    savemat(file, {"words": "only words"})
    assert refused(file.getvalue(), "x.mat") == ("unsupported", "no matrix of numbers in it")


def test_a_table_has_names_dates_and_texts() -> None:
    for name in ("table.csv", "gb18030.csv", "table.tsv"):
        found = numbers(sample(name), name)
        assert found.names == ("城市", "day", "count", "share")
        assert found.texts == (True, False, False, False)
        assert found.values[:, 2].tolist() == list(range(20))
        assert found.values[1, 1] - found.values[0, 1] == 86_400
        assert len(set(found.values[:, 0])) == 3
    assert taken(csv_table("gb18030"), "x.csv").media_type == "text/csv; charset=gb18030"


def test_a_table_without_names_keeps_its_first_line() -> None:
    found = numbers(b"1;2\n3;\n", "x.csv")
    assert found.names == ("1", "2")
    assert found.values.shape == (2, 2)
    assert math.isnan(found.values[1, 1])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"," * 1_000_000, "oversize"),
        (b"a,b\n" + b"1,2\n" * 100_000, "oversize"),
        (b"a,b\n1,2\n1,2,3\n", "unreadable"),
        (b"a,b\n1,\0\n", "unreadable"),
        (b'a,b\n"1,2\n', "unreadable"),
        (b"x" * 2_000_000 + b"\n1\n", "oversize"),
        (b"\n \n", "empty"),
        (b"a,b\n", "empty"),
        (b"\xff\x00\xfe", "unreadable"),
    ],
)
def test_tables_that_make_no_sense_are_refused(data: bytes, reason: str) -> None:
    begun = time.perf_counter()
    assert refused(data, "x.csv")[0] == reason
    assert time.perf_counter() - begun < 2


def test_formulas_are_words() -> None:
    found = numbers(b"a,b\n=1+1,1\n=cmd|' /C calc'!A0,2\n", "x.csv")
    assert found.texts == (True, False)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 300_000, "unreadable"),
        ("[" * 100_000 + "]" * 100_000, "unreadable"),
        ("[" + "{}," * 900_000 + "{}]", "oversize"),
        ("[1, 2]", "unreadable"),
        ('"words"', "unreadable"),
        ("[]", "empty"),
        ('{"a": [1, 2], "b": [1]}', "unreadable"),
        ('{"a": ' + "9" * 5000 + "}", "unreadable"),
        ('[{"a": 1' + "0" * 400 + "}]", "unreadable"),
        (json.dumps({str(at): 1 for at in range(20_000)}), "oversize"),
    ],
)
def test_json_that_is_no_table_is_refused(text: str, reason: str) -> None:
    assert refused(text.encode(), "x.json")[0] == reason


@pytest.mark.parametrize(
    ("text", "names", "values"),
    [
        ('{"a": 1, "b": null}', ("a", "b"), [[1, math.nan]]),
        ('[{"a": 1}, {"b": true, "a": 2.5}]', ("a", "b"), [[1, math.nan], [2.5, 1]]),
        ('{"a": [1, 2], "b": [3, 4]}', ("a", "b"), [[1, 3], [2, 4]]),
        ('{"at": "2024-01-01T00:00:00Z"}', ("at",), [[1704067200]]),
    ],
)
def test_json_gives_rows(text: str, names: tuple[str, ...], values: list[list[float]]) -> None:
    found = numbers(text.encode(), "x.json")
    assert found.names == names
    assert np.array_equal(found.values, values, equal_nan=True)


def test_parquet_keeps_its_flat_columns() -> None:
    for name in ("snappy.parquet", "zstd.parquet"):
        found = numbers(sample(name), name)
        assert found.names == ("at", "value", "name")
        assert found.texts == (False, False, True)
        assert found.values[1, 0] - found.values[0, 0] == 3600
        assert math.isnan(found.values[3, 1])


def test_a_text_that_stands_a_million_times_in_parquet_is_held_once() -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = io.BytesIO()
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 90_000, pa.int32()), pa.array(["x" * 500_000]))
    pq.write_table(pa.table({"a": column}), file)  # 45 GB as plain texts
    assert len(file.getvalue()) < 1 << 20
    assert numbers(file.getvalue(), "x.parquet").values.shape == (90_000, 1)


def test_a_parquet_bomb_is_refused_by_what_its_footer_says() -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = io.BytesIO()
    pq.write_table(pa.table({"a": np.zeros(3_000_000)}), file, compression="zstd")
    assert len(file.getvalue()) < 1 << 20
    assert refused(file.getvalue(), "x.parquet")[0] == "oversize"
    wide = io.BytesIO()
    pq.write_table(pa.table({str(at): [1] for at in range(10_001)}), wide)
    assert refused(wide.getvalue(), "x.parquet")[0] == "oversize"


def test_points_are_the_same_in_every_form() -> None:
    for name in ("scan.bin", "binary.pcd", "ascii.pcd", "little.ply", "big.ply", "ascii.ply"):
        found = numbers(sample(name), name)
        assert found.names == ("x", "y", "z", "intensity")
        assert np.allclose(found.values, points(), rtol=1e-6)
    assert numbers(sample("points.npy"), "x.npy", "point_cloud").values.shape == (200, 4)


@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        (pcd().replace(b"POINTS 200", b"POINTS 9999999999"), "x.pcd", "oversize"),
        (pcd().replace(b"POINTS 200", b"POINTS 201"), "x.pcd", "unreadable"),
        (pcd().replace(b"POINTS 200", b"POINTS -20"), "x.pcd", "unreadable"),
        (pcd().replace(b"DATA binary", b"DATA binary_compressed"), "x.pcd", "unsupported"),
        (pcd().replace(b"FIELDS x y z", b"FIELDS a y z"), "x.pcd", "unreadable"),
        (pcd().replace(b"COUNT 1", b"COUNT 1000000000"), "x.pcd", "oversize"),
        (pcd().replace(b"COUNT 1", b"COUNT 0"), "x.pcd", "unreadable"),
        (pcd("ascii").replace(b"0.0", b"zero"), "x.pcd", "unreadable"),
        (ply().replace(b"vertex 200", b"vertex 9999999999"), "x.ply", "oversize"),
        (ply().replace(b"vertex 200", b"vertex 20000"), "x.ply", "unreadable"),
        (ply().replace(b"element vertex", b"element camera"), "x.ply", "unsupported"),
        (ply().replace(b"property float x", b"property list uchar int x"), "x.ply", "unreadable"),
        (b"ply\nformat ascii 1.0\n" + b"comment\n" * 20_000, "x.ply", "unreadable"),
        (bytes(15), "x.bin", "unreadable"),
        (np.full((9, 4), 1e30, dtype="<f4").tobytes(), "x.bin", "unreadable"),
        (npy(np.ones((9, 2))), "x.npy", "unreadable"),
    ],
)
def test_point_clouds_that_make_no_sense_are_refused(data: bytes, name: str, reason: str) -> None:
    assert refused(data, name, "point_cloud")[0] == reason


def test_no_points_at_all_are_empty() -> None:
    none = pcd().replace(b"POINTS 200", b"POINTS 0").replace(b"WIDTH 200", b"WIDTH 0")
    assert refused(none, "x.pcd")[0] == "empty"


def test_limits_are_inclusive() -> None:
    exact = Limits(max_bytes=1 << 20, max_pixels=1, max_values=800)
    assert taken(sample("scan.bin"), "x.bin", limits=exact)
