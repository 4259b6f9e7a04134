"""Hostile and broken videos."""

import io
import time
from typing import Any

import pytest

from lake.media import Limits
from lake.media.whole import demand_whole
from tests.media_samples import sample, sound, video
from tests.unit.lake.media.refusing import refused, taken


def remuxed(container: str, codec: str) -> bytes:
    """A sound alone in a container for videos."""
    import av

    file = io.BytesIO()
    told: Any
    with av.open(io.BytesIO(sound("WAV", rate_hz=48000))) as told, av.open(file, "w", format=container) as made:
        stream: Any = made.add_stream(codec, rate=48000)
        for frame in told.decode(audio=0):
            made.mux(stream.encode(frame))
        made.mux(stream.encode())
    return file.getvalue()


@pytest.mark.parametrize("name", ["h264.mp4", "mpeg4.avi", "mjpeg.avi", "h264.mkv", "vp8.webm"])
def test_frames_and_seconds_are_those_that_were_made(name: str) -> None:
    clip = taken(sample(name), name).decoded
    assert (clip.width, clip.height, clip.num_frames) == (64, 48, 15)
    assert clip.duration_s == pytest.approx(1, abs=0.01)
    assert 1 <= len(clip.frames) <= 8


def test_frames_are_kept_small_and_spread_over_the_whole() -> None:
    clip = taken(video("mp4", "libx264", (640, 320), count=60), "x.mp4").decoded
    assert {frame.size for frame in clip.frames} == {(256, 128)}
    assert len(clip.frames) == 8
    columns = [max(range(256), key=lambda x: frame.convert("L").getpixel((x, 6))) for frame in clip.frames]
    assert columns == sorted(columns)
    assert columns[-1] - columns[0] > 50


def test_absurd_dimensions_are_refused_before_anything_is_decoded() -> None:
    small = Limits(max_bytes=1 << 20, max_pixels=64 * 48 - 1, max_seconds=5)
    assert refused(sample("h264.mp4"), "x.mp4", limits=small) == ("oversize", "64 x 48 pixels, limit 3071")


def test_a_video_of_many_frames_stops_at_the_limit() -> None:
    data = video("mp4", "libx264", (16, 16), count=3000, fps=30)
    begun = time.perf_counter()
    assert refused(data, "x.mp4") == ("oversize", "longer than 5 s")
    assert time.perf_counter() - begun < 5


def test_sound_alone_is_no_video() -> None:
    assert refused(remuxed("mp4", "aac"), "x.mp4") == ("unsupported", "no picture in it")


def test_a_form_that_few_have_tried_is_unsupported() -> None:
    reason, detail = refused(video("avi", "cinepak", pixels="rgb24"), "x.avi")
    assert (reason, detail) == ("unsupported", "a video of the form cinepak")


def test_a_playlist_that_names_other_files_is_no_video() -> None:
    playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
    assert refused(playlist, "x.mp4")[0] == "unreadable"
    assert refused(b"ffconcat version 1.0\nfile /etc/passwd\n", "x.mkv")[0] == "unreadable"


def test_a_box_that_ends_beyond_the_file_is_a_cut() -> None:
    data = sample("h264.mp4")
    assert refused(data + b"\0\0\xff\xffmdat", "x.mp4")[0] == "unreadable"
    demand_whole(data + b"\0\0\0\0mdat", "video/mp4")  # up to the end, however far that is


def test_a_live_stream_of_matroska_has_no_size() -> None:
    data = bytearray(sample("h264.mkv"))
    at = data.index(b"\x18\x53\x80\x67") + 4
    data[at : at + 8] = b"\x01" + b"\xff" * 7
    assert taken(bytes(data), "x.mkv").modality == "video"
