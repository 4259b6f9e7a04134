"""Arrays from NumPy and MATLAB files, without pickles and without objects."""

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from lake.media.kinds import Refused
from lake.media.numbers import Numbers, demand_size

_MAX_HEADER_CHARS = 10_000
_MAX_ELEMENTS = 1_000_000  # cells and fields of a MATLAB file that are looked through
_VERSIONS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def from_npy(data: bytes, max_values: int) -> Numbers:
    """An array of one or two dimensions. Raises Refused."""
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        shape, is_fortran, kind = _VERSIONS[version](file, max_header_size=_MAX_HEADER_CHARS)
    except KeyError as error:
        raise Refused("unsupported", f"a NumPy file of version {error}") from error
    except Exception as error:  # its header is read as a Python literal, which may raise anything
        raise Refused("unreadable", f"not a NumPy file: {str(error)[:200]}") from error
    if kind.hasobject or kind.kind not in "biuf":
        raise Refused("unsupported", f"an array of {kind}: only numbers are taken in, never pickled objects")
    if len(shape) not in (1, 2) or min(shape) < 0:
        raise Refused("unsupported", f"an array of shape {shape}: one or two dimensions are taken in")
    rows, columns = shape if len(shape) == 2 else (*shape, 1)
    if rows * columns > max_values:
        raise Refused("oversize", f"{rows} x {columns} values, limit {max_values}")
    count = rows * columns
    if len(data) - file.tell() < count * kind.itemsize:
        raise Refused("unreadable", f"it ends before its {count} values do")
    flat = np.frombuffer(data, kind, count, file.tell())
    matrix = _upright(flat.reshape((rows, columns), order="F" if is_fortran else "C"))
    demand_size(matrix.shape[0], matrix.shape[1], max_values)
    return Numbers.of(matrix)


def from_mat(data: bytes, max_values: int) -> Numbers:
    """The largest matrix of a MATLAB 5 file; vectors of one length that lie side by side are one matrix.

    Raises Refused.
    """
    from scipy.io import loadmat

    try:
        found = loadmat(io.BytesIO(data), struct_as_record=True, verify_compressed_data_integrity=True)
    except MemoryError:
        raise
    except NotImplementedError as error:
        raise Refused("unsupported", "a MATLAB 7.3 file: save it with -v7") from error
    except Exception as error:  # its reader is compiled code that is fed hostile bytes
        raise Refused("unreadable", f"not a MATLAB file: {str(error)[:200] or type(error).__name__}") from error
    best = Numbers.of(np.empty((0, 0)))
    for fields in _structs({name: value for name, value in found.items() if not name.startswith("__")}):
        for names, columns in _matrices(fields):
            demand_size(len(columns[0]), len(columns), max_values)
            if best.values.size < len(columns) * len(columns[0]):
                best = Numbers.of(np.column_stack(columns), names)
    if not best.values.size:
        raise Refused("unsupported", "no matrix of numbers in it")
    return best


def _structs(variables: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The variables, and the fields of every struct in them, however deep."""
    pending: list[Any] = [variables]
    for _ in range(_MAX_ELEMENTS):
        if not pending:
            return
        one = pending.pop()
        if isinstance(one, dict):
            yield one
            pending += [value for value in one.values() if isinstance(value, np.ndarray)]
        elif isinstance(one, np.ndarray) and one.dtype.names:
            pending += [dict(zip(one.dtype.names, record, strict=True)) for record in one.ravel().tolist()]
        elif isinstance(one, np.ndarray) and one.dtype == object:
            pending += [cell for cell in one.ravel().tolist() if isinstance(cell, np.ndarray)]
    raise Refused("oversize", f"more than {_MAX_ELEMENTS} cells and fields")


def _matrices(fields: dict[str, Any]) -> Iterator[tuple[list[str], list[npt.NDArray[Any]]]]:
    """Each matrix as (names, columns); vectors of one length together."""
    together: dict[int, tuple[list[str], list[npt.NDArray[Any]]]] = {}
    for name, value in fields.items():
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf" or value.ndim != 2 or not value.size:
            continue
        if min(value.shape) == 1:
            names, columns = together.setdefault(value.size, ([], []))
            names.append(name)
            columns.append(value.ravel())
        else:
            yield [], list(_upright(value).T)
    yield from together.values()


def _upright(matrix: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(rows, columns); one that lies on its side, much wider than high, stands up."""
    rows, columns = matrix.shape
    return matrix.T if rows == 1 or rows * 8 < columns else matrix
