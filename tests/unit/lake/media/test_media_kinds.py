"""Every kind of media is known by its bytes, and where it is cut off it does not come in."""

import pytest

from lake.errors import LakeError
from lake.media import Limits, Refused, decode_again, extension
from lake.media.kinds import ENDINGS
from quality.probes import probe_row
from tests.media_samples import SAMPLES, modality_of, sample
from tests.unit.lake.media.refusing import refused, taken

SAID_BY_ENDING = {"txt", "csv", "tsv", "json", "bin"}  # whose bytes have no mark, and which any end leaves whole
ENDLESS = {"txt", "csv", "tsv", "bin"}
STATED = {
    "audio": "max_seconds",
    "video": "max_seconds",
    "time_series": "max_values",
    "tabular": "max_values",
    "point_cloud": "max_values",
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_what_its_bytes_say(name: str) -> None:
    media = taken(sample(name), name, modality_of(name))
    assert media.modality == modality_of(name)
    assert name.rpartition(".")[2] in ENDINGS[media.media_type.partition(";")[0]]
    assert media.decoded is not None


@pytest.mark.parametrize("name", SAMPLES)
def test_what_came_in_is_decoded_again_to_the_same_probes(name: str) -> None:
    media = taken(sample(name), name, modality_of(name))
    assert decode_again(sample(name), media.media_type, media.modality) is not None
    again = probe_row(sample(name), media.modality, media.media_type)
    assert again == probe_row(sample(name), media.modality, media.media_type, media.decoded)


@pytest.mark.parametrize("name", [name for name in SAMPLES if name.rpartition(".")[2] not in ENDLESS])
def test_a_truncated_file_is_refused(name: str) -> None:
    data = sample(name)
    for keep in (len(data) * 2 // 3, len(data) * 9 // 10):
        reason, _ = refused(data[:keep], name, modality_of(name))
        assert reason == "unreadable"


@pytest.mark.parametrize("name", [name for name in SAMPLES if name.rpartition(".")[2] not in SAID_BY_ENDING])
def test_a_file_under_another_name_is_mistyped(name: str) -> None:
    other = "x.txt" if modality_of(name) != "text" else "x.png"
    assert refused(sample(name), other, modality_of(name))[0] == "mistyped"


@pytest.mark.parametrize("name", ["pcm16.wav", "h264.mp4", "series.csv", "table.csv", "scan.bin"])
def test_a_limit_that_is_not_stated_takes_nothing_in(name: str) -> None:
    bare = Limits(max_bytes=1 << 20, max_pixels=1 << 20)
    reason, detail = refused(sample(name), name, modality_of(name), bare)
    assert reason == "wrong modality"
    assert STATED[modality_of(name)] in detail


@pytest.mark.parametrize(
    ("limit", "names"),
    [
        ({"max_seconds": 0.2}, ["pcm16.wav", "plain.flac", "vorbis.ogg", "plain.mp3", "h264.mp4", "vp8.webm"]),
        ({"max_pixels": 1000}, ["h264.mp4", "mpeg4.avi", "plain.jpg"]),
        ({"max_values": 30}, ["series.csv", "double.npy", "plain.mat", "snappy.parquet", "scan.bin", "ascii.ply"]),
        ({"max_bytes": 100}, ["plain.jpg", "pcm16.wav", "scan.bin"]),
    ],
)
def test_what_is_beyond_a_limit_is_oversize(limit: dict[str, float], names: list[str]) -> None:
    plain = {"max_bytes": 1 << 20, "max_pixels": 1 << 20, "max_seconds": 5, "max_values": 100_000}
    for name in names:
        reason, detail = refused(sample(name), name, modality_of(name), Limits(**plain | limit))  # type: ignore[arg-type]
        assert (reason, bool(detail)) == ("oversize", True), name


@pytest.mark.parametrize(
    ("media_type", "ending"),
    [("image/jpeg", "jpg"), ("text/plain; charset=gb18030", "txt"), ("video/webm", "webm"), ("text/csv", "csv")],
)
def test_a_media_type_has_a_usual_ending(media_type: str, ending: str) -> None:
    assert extension(media_type) == ending


def test_bytes_that_are_another_modality_by_now_are_not_decoded_again() -> None:
    with pytest.raises(Refused, match="not image"):
        decode_again(sample("pcm16.wav"), "audio/wav", "image")
    with pytest.raises(LakeError, match="no longer be decoded"):
        probe_row(sample("pcm16.wav"), "video", "video/mp4")


@pytest.mark.parametrize(
    ("data", "name", "modality"),
    [
        (b"ID3 of the patient,count\nA1,2\n", "x.csv", "tabular"),
        (b"The ftyp box is the first one.", "x.txt", "text"),
        ("UTF-16 begins as a sound might: 多模态".encode("utf-16"), "x.txt", "text"),
        (b"\xff\xfb\x00\x3f" * 4, "x.bin", "point_cloud"),  # as an MP3 frame begins
    ],
)
def test_bytes_that_begin_like_another_kind_are_not_mistaken(data: bytes, name: str, modality: str) -> None:
    assert taken(data, name, modality).modality == modality
