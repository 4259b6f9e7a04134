"""Probes of a table."""

import zlib

import numpy as np

from lake.media.numbers import Numbers
from quality.probes import EMBEDDING_SIZE, TabularProbe
from quality.probes.bits import Floats, constant_share, filled, sketch


def probe_tabular(found: Numbers) -> TabularProbe:
    """Probes of a table."""
    values = found.values
    phash, embedding = sketch(_figures(found))
    return TabularProbe(
        num_rows=values.shape[0],
        num_columns=values.shape[1],
        num_text_columns=sum(found.texts),
        missing_share=float(np.isnan(values).mean()),
        constant_share=constant_share(values),
        phash=phash,
        embedding=embedding,
    )


def _figures(found: Numbers) -> Floats:
    """Signed hashed figures of every column; the order of rows and columns does not matter.

    Source: Weinberger et al. 2009, "Feature hashing for large scale multitask learning".
    """
    figures = np.zeros(EMBEDDING_SIZE)
    for name, column, is_text in zip(found.names, found.values.T, found.texts, strict=True):
        if is_text:
            codes, counts = np.unique(column[~np.isnan(column)], return_counts=True)
            for code, count in zip(codes.tolist(), counts.tolist(), strict=True):
                _add(figures, f"{name}={code:.0f}", count / len(column))
        else:
            whole = filled(column)
            _add(figures, f"mean {name}", _squashed(float(whole.mean())))
            _add(figures, f"spread {name}", _squashed(float(whole.std())))
    return figures


def _add(figures: Floats, feature: str, weight: float) -> None:
    mixed = zlib.crc32(feature.encode("utf-8", "surrogatepass"))
    figures[mixed % EMBEDDING_SIZE] += weight if mixed & 1 << 31 else -weight


def _squashed(value: float) -> float:
    """Its size on a logarithmic scale, with its sign."""
    return float(np.sign(value) * np.log1p(abs(value)))
