"""Hostile and broken sounds."""

import io
import struct
import time

import numpy as np
import pytest

from lake.media import Limits
from tests.media_samples import recorded, sample, sound, tone
from tests.unit.lake.media.refusing import refused, taken


def changed(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value) :]


def wave(rate_hz: int = 8000, channels: int = 1, bits: int = 16, body: bytes = bytes(400)) -> bytes:
    """A WAV that says whatever it is told to."""
    block = channels * bits // 8
    head = struct.pack("<HHIIHH", 1, channels, rate_hz, rate_hz * block & 0xFFFFFFFF, block & 0xFFFF, bits)
    chunks = b"fmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def test_samples_are_those_that_were_recorded() -> None:
    made = tone(channels=2)
    kept = taken(recorded(made, 8000, "FLAC", "PCM_16"), "x.flac").decoded
    assert kept.rate_hz == 8000
    assert kept.samples.shape == made.shape
    assert np.abs(kept.samples - made).max() < 1e-4


@pytest.mark.parametrize(("rate_hz", "channels"), [(2_000_000_000, 1), (1_000_000, 1), (384_000, 8), (8000, 500)])
def test_absurd_rates_and_channels_are_oversize(rate_hz: int, channels: int) -> None:
    assert refused(wave(rate_hz, channels, body=bytes(2000)), "x.wav")[0] == "oversize"


def test_a_header_that_promises_more_than_there_is_is_a_cut_file() -> None:
    data = sample("pcm16.wav")
    more = changed(changed(data, 4, (10**9).to_bytes(4, "little")), 40, (10**9).to_bytes(4, "little"))
    assert refused(more, "x.wav") == ("unreadable", f"it ends after {len(data)} of at least {10**9 + 8} bytes")


def test_a_stream_that_never_knew_its_length_is_taken() -> None:
    data = changed(sample("pcm16.wav"), 4, b"\xff\xff\xff\xff")
    assert taken(changed(data, data.index(b"data") + 4, b"\xff\xff\xff\xff"), "x.wav").media_type == "audio/wav"


def test_hours_of_silence_in_a_small_file_stop_at_the_limit() -> None:
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, np.zeros((8000 * 1200, 1), dtype=np.int16), 8000, format="FLAC")
    assert len(file.getvalue()) < 200_000
    begun = time.perf_counter()
    assert refused(file.getvalue(), "x.flac") == (
        "oversize",
        "more than the 40000 samples that the limit of seconds allows",
    )
    assert time.perf_counter() - begun < 5


def test_no_sound_in_a_sound_is_empty() -> None:
    assert refused(wave(body=b""), "x.wav")[0] == "empty"


def test_what_is_no_number_in_a_float_sound_is_silence() -> None:
    samples = np.array([[np.nan], [np.inf], [-np.inf], [0.5]], dtype=np.float32)
    assert taken(recorded(samples, 8000, "WAV", "FLOAT"), "x.wav").decoded.samples.ravel().tolist() == [0, 1, -1, 0.5]


def test_other_forms_that_the_library_reads_are_unsupported() -> None:
    assert refused(sound("AIFF"), "x.aiff")[0] == "unsupported"


def test_an_ogg_without_its_last_page_is_cut() -> None:
    data = sample("vorbis.ogg")
    assert refused(data[: data.rindex(b"OggS")], "x.ogg") == ("unreadable", "its last page is not there")


def test_the_same_bytes_are_refused_in_the_same_words() -> None:
    data = changed(sample("plain.flac"), 20, bytes(200))
    assert refused(data, "x.flac") == refused(data, "x.flac")
    assert "0x" not in refused(data, "x.flac")[1]


def test_limits_are_inclusive() -> None:
    exact = Limits(max_bytes=1 << 20, max_pixels=1, max_seconds=0.5)
    assert taken(sound("WAV"), "x.wav", limits=exact)


def test_an_mp3_that_does_not_say_its_length_is_taken_whole() -> None:
    data = recorded(tone(2, 16000), 16000, "MP3")
    bare = data[data.index(data[:2], 4) :]  # without the first frame, which tells of the others
    for tail in (b"", b"TAG" + bytes(125)):
        assert len(taken(bare + tail, "x.mp3").decoded.samples) == pytest.approx(32_000, abs=3000)


def test_an_mp3_with_a_tag_is_an_mp3() -> None:
    tag = b"ID3\x04\0\0" + bytes([0, 0, 1, 0]) + bytes(128)
    assert taken(tag + sample("plain.mp3"), "x.mp3").media_type == "audio/mpeg"
    assert refused(tag + sample("plain.mp3")[:900], "x.mp3")[0] == "unreadable"


def test_a_tag_before_nothing_is_unreadable() -> None:
    assert refused(b"ID3\x04\0\0\0\0\x7f\x7f" + bytes(1000), "x.mp3")[0] == "unreadable"
