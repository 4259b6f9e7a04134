"""Probes of sounds, videos, series, tables and point clouds: right values, and hashes that tell copies from others."""

import math
import re

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from PIL import Image

from lake.media.audio import Sound
from lake.media.numbers import Numbers
from lake.media.video import Clip
from quality.probes import EMBEDDING_SIZE, probe, probe_row, probe_schema
from quality.probes.audio import probe_audio
from quality.probes.point_cloud import probe_point_cloud
from quality.probes.tabular import probe_tabular
from quality.probes.time_series import probe_time_series
from quality.probes.video import probe_video
from tests.media_samples import MODALITIES, SAMPLES, modality_of, points, recorded, sample, series, tone
from tests.shared_data import ROOT

Floats = npt.NDArray[np.float64]


def bits_apart(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


def cosine(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    return float(np.dot(one, other))


@pytest.mark.parametrize("modality", MODALITIES)
def test_every_modality_has_rows_that_fit_their_schema(modality: str) -> None:
    names = [name for name in SAMPLES if modality_of(name) == modality]
    types = {"mp4": "video/mp4", "wav": "audio/wav", "bin": "application/x-kitti-velodyne"}
    from lake.media import Limits, inspect

    limits = Limits(max_bytes=1 << 20, max_pixels=1 << 20, max_seconds=10, max_values=1 << 20)
    rows = []
    for name in names:
        media = inspect(sample(name), name, limits, modality)  # type: ignore[arg-type]
        assert types.get(name[-3:], media.media_type) == media.media_type
        rows.append(probe_row(sample(name), media.modality, media.media_type, media.decoded))
    schema = probe_schema(modality)
    columns = [pa.array(list(one), field.type) for one, field in zip(zip(*rows, strict=True), schema, strict=True)]
    table = pa.Table.from_arrays(columns, schema=schema)
    table.validate(full=True)
    assert all(column.null_count == 0 for column in table.columns)
    assert {len(phash) for phash in table["probe_phash"].to_pylist()} == {16}
    for embedding in table["probe_embedding"].to_pylist():
        assert len(embedding) == EMBEDDING_SIZE
        assert np.linalg.norm(embedding) == pytest.approx(1, abs=1e-4) or set(embedding) == {0.0}


def test_a_tone_measures_what_it_is() -> None:
    half = np.concatenate([np.sin(np.arange(8000) * 0.3), np.zeros(8000)]).astype(np.float32)
    found = probe_audio(Sound(np.stack([half, half], axis=1), 8000))
    assert (found.duration_s, found.sample_rate_hz, found.num_channels) == (2.0, 8000, 2)
    assert found.loudness_db == pytest.approx(10 * math.log10(0.25), abs=0.05)
    assert found.silence_share == 0.5
    assert found.clipping_share < 0.05


def test_clipping_is_counted() -> None:
    loud = np.clip(3 * np.sin(np.arange(8000) * 0.05), -1, 1).astype(np.float32)[:, None]
    assert probe_audio(Sound(loud, 8000)).clipping_share == pytest.approx(0.78, abs=0.02)


def test_silence_has_no_direction() -> None:
    found = probe_audio(Sound(np.zeros((4000, 1), dtype=np.float32), 8000))
    assert (found.loudness_db, found.silence_share, set(found.embedding)) == (-120.0, 1.0, {0.0})


def test_a_sound_of_one_sample_can_be_probed() -> None:
    assert probe_audio(Sound(np.ones((1, 1), dtype=np.float32), 8000)).duration_s == 1 / 8000


def sweep(start_hz: float, end_hz: float, rate_hz: int = 16000) -> npt.NDArray[np.float32]:
    at = np.arange(2 * rate_hz) / rate_hz
    return (0.4 * np.sin(2 * np.pi * (start_hz * at + (end_hz - start_hz) * at**2 / 4)))[:, None].astype(np.float32)


def test_a_quieter_or_coded_copy_sounds_the_same_and_another_sound_does_not() -> None:
    whole = probe_audio(Sound(sweep(200, 3000), 16000))
    quiet = probe_audio(Sound(sweep(200, 3000) * 0.5, 16000))
    coded = probe(recorded(sweep(200, 3000), 16000, "OGG", "VORBIS"), "audio", "audio/ogg")
    other = probe_audio(Sound(sweep(3000, 200), 16000))
    assert bits_apart(whole.phash, quiet.phash) <= 2
    assert bits_apart(whole.phash, coded.phash) <= 10
    assert cosine(whole.embedding, coded.embedding) > 0.98
    assert bits_apart(whole.phash, other.phash) > 16


def test_a_sound_in_another_rate_is_near_to_itself() -> None:
    one, other = (probe_audio(Sound(tone(1, rate_hz=rate), rate)) for rate in (16000, 48000))
    assert cosine(one.embedding, other.embedding) > 0.95


def clip(levels: list[npt.NDArray[np.uint8]]) -> Clip:
    frames = tuple(Image.fromarray(one) for one in levels)
    return Clip(*frames[0].size, 30, 1.5, "h264", frames)


def moving(step: int) -> list[npt.NDArray[np.uint8]]:
    frames = [np.tile(np.linspace(0, 255, 128).astype(np.uint8), (96, 1)) for _ in range(8)]
    for number, frame in enumerate(frames):
        frame[40:60, step * number : step * number + 20] = 255
    return frames


def test_a_video_measures_what_it_is() -> None:
    found = probe_video(clip(moving(10)))
    assert (found.width, found.height, found.num_frames, found.fps) == (128, 96, 30, 20.0)
    assert 0.4 < found.brightness < 0.7
    assert 0 < found.dark_share < found.light_share < 0.1
    assert 0 < found.motion < 0.1


def test_the_same_scene_with_another_motion_is_another_video() -> None:
    one, other = probe_video(clip(moving(10))), probe_video(clip([frame[::-1].copy() for frame in moving(2)]))
    brighter = probe_video(clip([(frame * 0.9).astype(np.uint8) for frame in moving(10)]))
    assert bits_apart(one.phash, brighter.phash) <= 6
    assert cosine(one.embedding, brighter.embedding) > 0.99
    assert cosine(one.embedding, other.embedding) < 0.9


def test_a_video_of_one_frame_does_not_move() -> None:
    assert probe_video(clip(moving(1)[:1])).motion == 0.0


def table(values: Floats, names: tuple[str, ...] = (), texts: tuple[bool, ...] = ()) -> Numbers:
    return Numbers.of(values, names, texts)


def test_a_series_measures_what_it_is() -> None:
    values = series(100)
    values[10:15, 1] = np.nan
    values[50:, 0] += 100  # a gap
    found = probe_time_series(table(values, ("time", "voltage", "temperature")))
    assert (found.num_values, found.num_channels, found.interval) == (100, 2, 10.0)
    assert found.nan_share == 5 / 200
    assert found.gap_share == 1 / 99
    assert found.is_monotonic
    assert found.constant_share == 0.0


def test_time_that_leads_back_or_is_missing_is_not_monotonic() -> None:
    back, missing = series(), series()
    back[[5, 6], 0] = back[[6, 5], 0]
    missing[7, 0] = np.nan
    names = ("Time (s)", "a", "b")
    assert probe_time_series(table(series(), names)).is_monotonic
    assert not probe_time_series(table(back, names)).is_monotonic
    assert not probe_time_series(table(missing, names)).is_monotonic


def test_without_a_time_rows_are_counted() -> None:
    found = probe_time_series(table(np.column_stack([np.ones(30), np.sin(np.arange(30))])))
    assert (found.num_channels, found.interval, found.gap_share, found.constant_share) == (2, 1.0, 0.0, 0.5)
    assert found.is_monotonic


def test_columns_of_texts_are_no_channels() -> None:
    values = np.column_stack([np.arange(9.0), np.arange(9.0)[::-1], np.full(9, 77.0)])
    assert probe_time_series(table(values, ("t", "v", "note"), (False, False, True))).num_channels == 1


def test_a_scaled_or_resampled_series_has_the_same_shape_and_another_does_not() -> None:
    at = np.linspace(0, 6, 400)
    wave = np.column_stack([at, np.sin(at) + at / 3, np.cos(at)])
    scaled = wave * [1, 5, 0.1] + [0, 2, 0]
    other = np.column_stack([at, np.sin(3 * at), np.cos(at)])
    one, same, half, far = (probe_time_series(table(x)) for x in (wave, scaled, wave[::2], other))
    assert bits_apart(one.phash, same.phash) <= 1
    assert cosine(one.embedding, same.embedding) > 0.999
    assert cosine(one.embedding, half.embedding) > 0.999
    assert cosine(one.embedding, far.embedding) < 0.9


def test_series_that_differ_in_their_last_channel_are_told_apart() -> None:
    at = np.arange(100.0)
    one, other = (
        probe_time_series(table(np.column_stack([at, np.sin(at / 9), last])))
        for last in (np.cos(at / 5), np.sin(at / 4))
    )
    assert cosine(one.embedding, other.embedding) < 0.9


@pytest.mark.parametrize("values", [np.ones((1, 1)), np.full((3, 2), np.nan), np.ones((2, 1)), np.full((5, 3), 9e99)])
def test_series_and_tables_without_a_shape_can_be_probed(values: Floats) -> None:
    for found in (probe_time_series(table(values)), probe_tabular(table(values))):
        assert found.constant_share >= 0
        assert all(map(math.isfinite, found.embedding))


def test_a_table_measures_what_it_is() -> None:
    values = np.array([[1, 5, 9.0], [2, 5, np.nan], [3, 5, 9.0], [4, 5, 7.0]])
    found = probe_tabular(table(values, ("a", "b", "word"), (False, False, True)))
    assert (found.num_rows, found.num_columns, found.num_text_columns) == (4, 3, 1)
    assert found.missing_share == 1 / 12
    assert found.constant_share == 1 / 3


def test_a_table_with_other_order_is_the_same_and_with_other_values_is_not() -> None:
    draw = np.random.default_rng(1)
    values = draw.normal(size=(50, 6)) * [1, 10, 100, 1, 5, 2] + [0, 3, 50, -2, 9, 1]
    names = tuple("abcdef")
    one = probe_tabular(table(values, names))
    turned = probe_tabular(table(values[::-1][:, ::-1], names[::-1]))
    other = probe_tabular(table(values * -3 + 7, names))
    assert cosine(one.embedding, turned.embedding) > 0.999999
    assert cosine(one.embedding, other.embedding) < 0.95


def test_points_measure_what_they_are() -> None:
    found = probe_point_cloud(table(points().astype(np.float64)))
    assert found.num_points == 200
    assert (found.extent_x, found.extent_y) == (19.0, 9.0)
    assert found.density == pytest.approx(200 / (19 * 9 * found.extent_z))
    assert found.intensity_low == 0.0
    assert found.intensity_high == pytest.approx(6 / 7)
    holes = points().astype(np.float64)
    holes[:20, 1] = np.nan
    assert probe_point_cloud(table(holes)).nan_share == pytest.approx(0.1)


@pytest.mark.parametrize("values", [np.full((4, 3), np.nan), np.zeros((1, 3)), np.ones((9, 4)), np.eye(3) * 1e-200])
def test_points_without_an_extent_can_be_probed(values: Floats) -> None:
    found = probe_point_cloud(table(values))
    assert found.density == 0.0
    assert set(found.embedding) == {0.0} or found.num_points == 3


def test_a_thinned_cloud_is_near_to_itself_and_another_is_not() -> None:
    draw = np.random.default_rng(2)
    cloud = np.column_stack([draw.gamma(2, 9, 9000), draw.normal(0, 6, 9000), draw.normal(0, 1, 9000)])
    other = np.column_stack([draw.uniform(0, 50, 9000), draw.uniform(0, 50, 9000) ** 2, draw.normal(0, 1, 9000)])
    one, thin, far = (probe_point_cloud(table(x)) for x in (cloud, cloud[::2], other))
    assert cosine(one.embedding, thin.embedding) > 0.98
    assert cosine(one.embedding, far.embedding) < 0.9


def test_values_are_those_of_every_other_machine() -> None:
    """Pinned: a change here changes every stored probe."""
    assert probe(sample("pcm16.wav"), "audio", "audio/wav").phash == "212f3dc76e45bb9d"
    assert probe(sample("double.npy"), "time_series", "application/x-numpy").phash == "07e3be0739ed67a5"
    assert probe(sample("table.csv"), "tabular", "text/csv").phash == "fd3bcae7f05a1b1e"
    assert probe(sample("scan.bin"), "point_cloud", "application/x-kitti-velodyne").phash == "9f73bc12b863f252"
    assert probe(sample("colour.png"), "image", "image/png").phash == "801f3e7873676c49"


@pytest.mark.parametrize("modality", MODALITIES)
def test_every_probe_is_described(modality: str) -> None:
    page = (ROOT / "docs" / "media.md").read_text(encoding="utf-8")
    part = page.partition(f"\n### {modality}\n")[2].partition("\n### ")[0]
    names = set(probe_schema(modality).names) - {"probe_phash", "probe_embedding"}
    assert names
    assert set(re.findall(r"`(probe_\w+)`", part)) == names
