"""Sound, decoded fully in pieces, so that no header is believed."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lake.media.apart import apart
from lake.media.kinds import Limits, Media, Refused, decoding_s, stated
from lake.media.whole import demand_whole

_FORMATS = {"WAV": "audio/wav", "WAVEX": "audio/wav", "FLAC": "audio/flac", "OGG": "audio/ogg"}
_MAX_RATE_HZ, _MAX_CHANNELS = 384_000, 64
_MAX_SAMPLES_PER_S = 1_536_000  # all channels together: 8 of them at 192 kHz
_BLOCK_FRAMES = 1 << 14
_HEAD_BYTES = 256  # of an MP3 after its tag, where it may say its length
_KEPT_SHARE = 0.99  # of that length; players cut some samples off at both ends


@dataclass(frozen=True, eq=False)
class Sound:
    """samples: (frames, channels), float32 in [-1, 1]. rate_hz: frames a second."""

    samples: npt.NDArray[np.float32]
    rate_hz: int


def audio_type(data: bytes) -> str | None:
    """The kind of sound that the first bytes tell of; None for another file."""
    head = data[:12]
    if head[:4] in (b"RIFF", b"RIFX") and head[8:12] == b"WAVE":
        return "audio/wav"
    if head[:4] == b"fLaC":
        return "audio/flac"
    if head[:5] == b"OggS\0":
        return "audio/ogg"
    return "audio/mpeg" if head[:3] == b"ID3" and head[3:4] in (b"\2", b"\3", b"\4") else None


def is_mp3_frame(data: bytes) -> bool:
    """Whether it begins as a frame of MPEG layer III does: 11 ones, a version, the layer. Other files may, too."""
    return len(data) > 2 and data[0] == 0xFF and data[1] & 0xE6 == 0xE2 and data[1] & 0x18 != 0x08


def inspect_audio(data: bytes, limits: Limits) -> Media:
    """A sound with its samples. Raises Refused."""
    max_seconds = stated(limits, "max_seconds")
    kind, sound = apart(_decoded, data, max_seconds, cpu_s=decoding_s(limits))
    return Media("audio", kind, sound)


def _decoded(data: bytes, max_seconds: float) -> tuple[str, Sound]:
    if audio_type(data) in (None, "audio/mpeg"):
        return "audio/mpeg", _mp3(data, max_seconds)
    import soundfile

    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            kind = _FORMATS.get(file.format)
            if kind is None:
                raise Refused("unsupported", f"sound of the form {file.format}")
            demand_whole(data, kind)
            _demand_sense(file.samplerate, file.channels)
            claimed = file.frames if file.frames < 1 << 62 else 0
            blocks = file.blocks(_BLOCK_FRAMES, dtype="float32", always_2d=True)
            samples = _samples(blocks, int(max_seconds * file.samplerate), claimed)
            return kind, Sound(samples, int(file.samplerate))
    except (soundfile.SoundFileError, OSError, ValueError, RuntimeError, TypeError) as error:
        said = getattr(error, "error_string", "") or error  # without the address of the file in memory
        raise Refused("unreadable", f"sound cannot be decoded: {said or type(error).__name__}") from error


def _mp3(data: bytes, max_seconds: float) -> Sound:
    """MPEG layer III by FFmpeg: libsndfile stops where it guesses the end of a file that does not say its length."""
    import av
    import av.error

    container: Any  # FFmpeg's types say "a sound, a video or subtitles" everywhere
    try:
        with av.open(io.BytesIO(data), format="mp3", metadata_errors="ignore") as container:
            stream = container.streams.audio[0]
            context = stream.codec_context
            if context.name not in ("mp3", "mp3float"):
                raise Refused("unsupported", f"a sound of the form {context.name}")
            rate, channels = context.sample_rate, context.channels
            _demand_sense(rate, channels)
            claimed = 0
            if any(mark in data[: _HEAD_BYTES + _id3_bytes(data)] for mark in (b"Xing", b"Info")):
                claimed = round(float((stream.duration or 0) * (stream.time_base or 0)) * rate * _KEPT_SHARE)
            blocks = (_packed(frame, rate, channels) for frame in container.decode(stream))
            return Sound(_samples(blocks, int(max_seconds * rate), claimed), rate)
    except MemoryError:
        raise
    except (av.error.FFmpegError, OSError, ValueError, RuntimeError, ArithmeticError, IndexError) as error:
        raise Refused("unreadable", f"sound cannot be decoded: {error or type(error).__name__}") from error


def _id3_bytes(data: bytes) -> int:
    """The length of the tag that stands first, or 0 (ID3v2, section 3.1: four times seven bits)."""
    if data[:3] != b"ID3":
        return 0
    return 10 + sum((byte & 0x7F) << 7 * (3 - at) for at, byte in enumerate(data[6:10]))


def _packed(frame: Any, rate_hz: int, channels: int) -> npt.NDArray[np.float32]:
    """(frames, channels) of one of FFmpeg's frames, whose channels lie one after the other."""
    levels = frame.to_ndarray()
    if frame.sample_rate != rate_hz or levels.shape[0] != channels or levels.dtype != np.float32:
        raise Refused("unreadable", "its rate or its channels change in the middle")
    return np.asarray(levels.T, dtype=np.float32)


def _demand_sense(rate_hz: int, channels: int) -> None:
    if not (0 < rate_hz <= _MAX_RATE_HZ and 0 < channels <= _MAX_CHANNELS and rate_hz * channels <= _MAX_SAMPLES_PER_S):
        raise Refused("oversize", f"{rate_hz} Hz in {channels} channels")


def _samples(blocks: Iterable[npt.NDArray[np.float32]], max_frames: int, claimed: int) -> npt.NDArray[np.float32]:
    """(frames, channels). Fewer than the header claims are a cut file."""
    kept = np.empty((0, 1), dtype=np.float32)
    count = 0
    for block in blocks:
        count += len(block)
        if count > max_frames:
            raise Refused("oversize", f"more than the {max_frames} samples that the limit of seconds allows")
        if count > len(kept):  # an eighth more at a time: hours of sound are never held twice
            kept.resize((count + len(kept) // 8, block.shape[1]), refcheck=False)
        kept[count - len(block) : count] = np.nan_to_num(block, posinf=1, neginf=-1)
    if not count:
        raise Refused("empty", "no sound in it")
    if count < claimed:
        raise Refused("unreadable", f"it ends after {count} of {claimed} samples")
    kept.resize((count, kept.shape[1]), refcheck=False)
    return kept
