"""Probes of a video."""

import itertools

import numpy as np
from PIL import Image

from lake.media.video import Clip
from quality.probes import VideoProbe
from quality.probes.bits import Floats, sketch, standard
from quality.probes.image import exposure, sharpness

_FIELD = (64, 32)  # pixels of the small frames that hash and embedding look at


def probe_video(clip: Clip) -> VideoProbe:
    """Probes of the frames that decoding kept. What never moves is half of hash and embedding, what does the other."""
    grey = [frame.convert("L") for frame in clip.frames]
    looks = np.mean([exposure(one) for one in grey], axis=0)
    small = [np.asarray(one.resize(_FIELD, Image.Resampling.BOX), dtype=np.float64) for one in grey]
    changes = [np.abs(after - before) for before, after in itertools.pairwise(small)]
    mean, change = np.mean(small, axis=0), np.mean(changes, axis=0) if changes else np.zeros(small[0].shape)
    phash, embedding = sketch(np.concatenate([standard(_blocks(one).ravel()) for one in (mean, change)]))
    return VideoProbe(
        duration_s=round(clip.duration_s, 6),
        fps=round(clip.num_frames / clip.duration_s, 3) if clip.duration_s > 0 else 0.0,
        num_frames=clip.num_frames,
        width=clip.width,
        height=clip.height,
        codec=clip.codec,
        brightness=float(looks[0]),
        dark_share=float(looks[2]),
        light_share=float(looks[3]),
        sharpness=float(np.median([sharpness(np.asarray(one)) for one in grey])),
        motion=float(change.mean()) / 255,
        phash=phash,
        embedding=embedding,
    )


def _blocks(field: Floats) -> Floats:
    """(4, 8): means of equal blocks of a small frame."""
    return np.asarray(field.reshape(4, 8, 8, 8).mean(axis=(1, 3)))
