"""Files of numbers: time series, tables and point clouds. Nothing in them is ever executed: no pickles, no formulas."""

from lake.media.apart import apart
from lake.media.kinds import Limits, Media, Refused, decoding_s, stated
from lake.media.numbers import Numbers
from lake.records import Modality

TYPES = {  # of files by their first bytes
    b"\x93NUMPY": "application/x-numpy",
    b"MATLAB 5.0": "application/x-matlab-data",
    b"PAR1": "application/vnd.apache.parquet",
    b"ply\n": "application/x-ply",
    b"ply\r": "application/x-ply",
    b"# .PCD": "application/x-pcd",
}
UNMARKED = {  # by their ending, as their bytes have no mark of their own
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "tab": "text/tab-separated-values",
    "json": "application/json",
    "pcd": "application/x-pcd",
    "bin": "application/x-kitti-velodyne",
}
_POINTS = {"application/x-kitti-velodyne", "application/x-pcd", "application/x-ply"}
_SERIES_FIRST = {"application/x-numpy", "application/x-matlab-data"}  # what they hold where nobody says
_MAY_BE_POINTS = {"application/x-numpy", "text/csv", "application/vnd.apache.parquet"}


def inspect_numbers(data: bytes, kind: str, wanted: Modality | None, limits: Limits) -> Media:
    """A file of numbers. wanted: what the scenario takes; most forms do not say what their numbers are.

    Raises Refused.
    """
    from lake.media import arrays, points, tables

    max_values = int(stated(limits, "max_values"))
    cpu_s = decoding_s(limits)
    match kind:
        case "text/csv" | "text/tab-separated-values":
            found, charset = tables.from_csv(data, "\t" if "tab" in kind else None, max_values)
            typed = kind if charset == "utf-8" else f"{kind}; charset={charset}"
        case "application/json":
            found, typed = tables.from_json(data, max_values), kind
        case "application/vnd.apache.parquet":
            found, typed = apart(tables.from_parquet, data, max_values, cpu_s=cpu_s), kind
        case "application/x-numpy":
            found, typed = arrays.from_npy(data, max_values), kind
        case "application/x-matlab-data":
            found, typed = apart(arrays.from_mat, data, max_values, cpu_s=cpu_s), kind
        case _:
            found, typed = points.READERS[kind](data, max_values), kind
    if not found.values.size:
        raise Refused("empty", "no numbers in it")
    return Media(_modality(kind, wanted, found), typed, found)


def _modality(kind: str, wanted: Modality | None, found: Numbers) -> Modality:
    if kind in _POINTS:
        return "point_cloud"
    if wanted == "point_cloud" and kind in _MAY_BE_POINTS:
        if found.values.shape[1] < 3 or any(found.texts[:3]):
            raise Refused("unreadable", "its first three columns are no coordinates")
        return wanted
    if wanted in ("time_series", "tabular") and kind != "application/json":
        return wanted
    return "time_series" if kind in _SERIES_FIRST else "tabular"
