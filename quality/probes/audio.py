"""Probes of a sound."""

import itertools
import math

import numpy as np
import numpy.typing as npt

from lake.media.audio import Sound
from quality.probes import EMBEDDING_SIZE, AudioProbe
from quality.probes.bits import Floats, resampled, sketch

_WINDOW_S = 0.02
_SILENT = 10 ** (-50 / 20)
_FULL_SCALE = 32767 / 32768
_TOP_HZ = 8000.0  # above it telephones and codecs differ more than sounds do
_FFT_S = 0.032
_SIDE = math.isqrt(EMBEDDING_SIZE)
_BLOCK_VALUES = 1 << 20  # of a spectrogram's windows at a time, so that memory stays small


def probe_audio(sound: Sound) -> AudioProbe:
    """Probes of all channels; what is heard is judged on their mean."""
    samples, rate = sound.samples, sound.rate_hz
    mono = samples.mean(axis=1)
    power = float(np.einsum("ij,ij->", samples, samples, dtype=np.float64)) / samples.size
    loud = _loudness(spectrogram(mono, rate))
    phash, embedding = sketch(_heard(loud))
    return AudioProbe(
        duration_s=len(mono) / rate,
        sample_rate_hz=rate,
        num_channels=samples.shape[1],
        loudness_db=round(max(-120.0, 10 * math.log10(power)) if power > 0 else -120.0, 3),
        silence_share=_silence_share(mono, max(1, round(_WINDOW_S * rate))),
        clipping_share=_num_clipped(samples) / samples.size,
        phash=phash,
        embedding=embedding,
    )


def _silence_share(mono: npt.NDArray[np.float32], window: int) -> float:
    """Of the windows; the rest at the end is one more."""
    count = len(mono) // window
    whole, rest = mono[: count * window].reshape(count, window), mono[count * window :]
    power = np.einsum("ij,ij->i", whole, whole, dtype=np.float64) / window
    if len(rest):
        power = np.append(power, float(np.einsum("i,i->", rest, rest, dtype=np.float64)) / len(rest))
    return float((power < _SILENT**2).mean())


def _num_clipped(samples: npt.NDArray[np.float32]) -> int:
    return int(np.count_nonzero(samples >= _FULL_SCALE) + np.count_nonzero(samples <= -_FULL_SCALE))


def spectrogram(mono: npt.NDArray[np.float32], rate_hz: int) -> Floats:
    """(64 bands, windows): energy in bands that widen as hearing does (mel), up to 8 kHz or half the rate.

    Independent of the rate it was sampled with, as far as that holds the band. Source of the scale: O'Shaughnessy
    1987, "Speech Communication".
    """
    size = max(16, round(_FFT_S * rate_hz))
    padded = mono if len(mono) >= size else np.pad(mono, (0, size - len(mono)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, size)[:: size // 2]
    top = 2595 * np.log10(1 + _TOP_HZ / 700)
    edges = 700 * (10 ** (np.linspace(0, top, EMBEDDING_SIZE + 1) / 2595) - 1)
    places = np.searchsorted(np.fft.rfftfreq(size, 1 / rate_hz), edges)
    shape = np.hanning(size)
    step = max(1, _BLOCK_VALUES // size)
    blocks = [_bands(windows[at : at + step] * shape, places) for at in range(0, len(windows), step)]
    return np.concatenate(blocks, axis=1)


def _bands(windows: Floats, places: npt.NDArray[np.int64]) -> Floats:
    energy = np.abs(np.fft.rfft(windows, axis=1)) ** 2
    sums = [energy[:, low : max(low + 1, high)].sum(axis=1) for low, high in itertools.pairwise(places)]
    return np.asarray(sums, dtype=np.float64)


def _loudness(bands: Floats) -> Floats:
    """On a scale that is near to hearing; the same for a sound that is only louder."""
    return np.asarray(np.log1p(bands / max(float(bands.max()), 1e-12) * 1e4))


def _heard(loud: Floats) -> Floats:
    """(8, 8) groups of bands by stretches of time, without what all bands or all stretches share.

    Voices share the slope of their spectrum, recordings their course of loudness: what is left tells sounds apart.
    """
    groups = loud.reshape(_SIDE, -1, loud.shape[1]).mean(axis=1)
    field = np.vstack([resampled(row, _SIDE) for row in groups])
    return np.asarray(field - field.mean(axis=1, keepdims=True) - field.mean(axis=0, keepdims=True))
