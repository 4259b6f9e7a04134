"""Real items with known classes, and plain features of them: pictures, sound, text, and patches from a microscope."""

import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.crowd_tables import FOLDER, crowd_tables

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LabelledSet:
    """Items, what a model sees of them, and what is true."""

    name: str
    features: Any  # (items, features), dense or sparse
    embedding: FloatArray  # (items, dimensions), for diversity
    classes: IntArray  # (items,)
    model: Callable[[], Any]  # a new classifier, the same for few labels and for all


def digits() -> LabelledSet:
    """scikit-learn's 1,797 scanned digits, pixels."""
    from sklearn.datasets import load_digits

    found = load_digits()
    return LabelledSet("digits", found.data / 16, found.data / 16, found.target, _kernel)


def spoken_digits() -> LabelledSet:
    """800 recordings of four speakers: cepstra of 24 mel bands at twelve places between beginning and end."""
    paths = sorted((FOLDER / "fsdd_spoken_digits" / "recordings").glob("*.wav"))
    table = _scaled(np.array([_cepstra(path) for path in paths]))
    return LabelledSet("spoken digits", table, table, np.array([int(path.name[0]) for path in paths]), _kernel)


def blood_cells() -> LabelledSet:
    """4,886 patches around the boxes of 364 pictures, 96 by 96 as 12 by 12: red cells, white cells, platelets."""
    folder = FOLDER / "bccd_blood_cells" / "BCCD"
    patches, classes = [], []
    for path in sorted((folder / "Annotations").glob("*.xml")):
        for patch, name in _patches(path, folder / "JPEGImages" / f"{path.stem}.jpg"):
            patches.append(patch)
            classes.append(_CELLS[name])
    table = np.array(patches)
    table = (table - table.mean(axis=0)) / (table.std() * np.sqrt(table.shape[1]))
    return LabelledSet("blood-cell patches", table, table, np.array(classes), _kernel)


def sentence_polarity() -> LabelledSet:
    """4,999 sentences of film reviews, weighted words; for diversity their 64 main directions."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    (table,) = (one for one in crowd_tables() if one.name == "sentence_polarity")
    items = sorted(item for item in table.truth if item in table.texts)
    features = TfidfVectorizer(min_df=2, sublinear_tf=True).fit_transform([table.texts[item] for item in items])
    directions = TruncatedSVD(64, random_state=0).fit_transform(features)
    classes = np.array([int(table.truth[item]) for item in items])
    return LabelledSet("sentence polarity", features, directions, classes, _linear)


SETS = (digits, spoken_digits, blood_cells, sentence_polarity)

_CELLS: Mapping[str, int] = {"RBC": 0, "WBC": 1, "Platelets": 2}
_HALF, _SIDE = 48, 12  # pixels about the middle of a box; of the patch that is kept
_LEAST = 4  # pixels of a box's sides


def _kernel() -> Any:
    from sklearn.svm import SVC

    return SVC(C=10, gamma="scale", decision_function_shape="ovr")


def _linear() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=4.0, solver="liblinear")


def _scaled(table: FloatArray) -> FloatArray:
    return np.asarray((table - table.mean(axis=0)) / (table.std(axis=0) + 1e-9) / np.sqrt(table.shape[1]))


def _cepstra(path: Path) -> FloatArray:
    """(14 * 12 + 1,): cepstra over time, silence at the ends cut off, and how long the word is."""
    from scipy.fft import dct
    from scipy.io import wavfile
    from scipy.signal import stft

    rate, sound = wavfile.read(path)
    sound = sound.astype(float) / (np.abs(sound).max() + 1e-9)
    frequency, _, waves = stft(sound, rate, nperseg=256, noverlap=128)
    bands = np.log(_mel_bands(frequency, rate) @ np.abs(waves) ** 2 + 1e-6)
    loud = np.flatnonzero(bands.mean(axis=0) > bands.mean(axis=0).max() - 6)
    found = dct(bands[:, loud[0] : loud[-1] + 1], axis=0, norm="ortho")[:14]
    places = np.linspace(0, found.shape[1] - 1, 12)
    over_time = [np.interp(places, np.arange(found.shape[1]), row) for row in found]
    return np.concatenate([*over_time, [3 * np.log(len(sound))]])


def _mel_bands(frequency: FloatArray, rate: int) -> FloatArray:
    """(24, frequencies): triangles, evenly spaced in mel (O'Shaughnessy 1987)."""
    top = 2595 * np.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(2595 * np.log10(1 + 60 / 700), top, 26) / 2595) - 1)
    low, middle, high = (edges[start : start + 24, None] for start in range(3))
    rise, fall = (frequency - low) / (middle - low), (high - frequency) / (high - middle)
    return np.asarray(np.maximum(0, np.minimum(rise, fall)))


def _patches(labels: Path, picture: Path) -> list[tuple[FloatArray, str]]:
    from PIL import Image

    image = Image.open(picture).convert("RGB")
    found = []
    for one in ET.parse(labels).getroot().iter("object"):
        left, top, right, bottom = (
            int(one.findtext(f"bndbox/{side}", "0")) for side in ("xmin", "ymin", "xmax", "ymax")
        )
        if right - left < _LEAST or bottom - top < _LEAST:
            continue
        x, y = (left + right) / 2, (top + bottom) / 2
        patch = image.crop((int(x - _HALF), int(y - _HALF), int(x + _HALF), int(y + _HALF)))
        small = np.asarray(patch.resize((_SIDE, _SIDE), Image.Resampling.BILINEAR), dtype=np.float64) / 255
        found.append((small.reshape(-1), one.findtext("name", "")))
    return found
