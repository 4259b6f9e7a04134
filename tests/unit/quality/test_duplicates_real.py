"""Copies planted among real texts, pictures, sounds and series: nearly all are found, and what differs stays apart."""

import csv
import io
import json
import re
import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from quality.duplicates import Nearness, Points, near_pairs, parse_hashes
from quality.probes import Probe, probe
from quality.probes.text import _grams
from tests.shared_data import data_set
from tests.unit.quality.pictures import encoded

Samples = npt.NDArray[np.float64]
TEXT = Nearness(14, 0.8)


@dataclass(frozen=True)
class Found:
    """What a search says of originals and of copies planted among them."""

    recall: float
    false: set[tuple[int, int]]  # pairs that are no copy and its original; copies are named by their originals


def search(originals: list[Probe], copies: list[tuple[int, Probe]], nearness: Nearness) -> Found:
    """copies: place of the original, and the copy's probes."""
    probes = [*originals, *(one for _, one in copies)]
    source = [*range(len(originals)), *(place for place, _ in copies)]
    side = Points(
        parse_hashes([one.phash for one in probes]), np.array([one.embedding for one in probes], dtype=np.float32)
    )
    pairs = {
        (a, b)
        for here, there in near_pairs(side, side, nearness)
        for a, b in zip(here.tolist(), there.tolist(), strict=True)
    }
    hits = sum((place, len(originals) + number) in pairs for number, (place, _) in enumerate(copies))
    return Found(hits / len(copies), {(source[a], source[b]) for a, b in pairs if source[a] != source[b]})


def hotel_reviews() -> list[str]:
    path = data_set("zh_hotel_reviews") / "ChnSentiCorp_htl_all.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [text for row in csv.DictReader(file) if (text := row["review"].strip())]


def news_sentences() -> list[str]:
    lines = (data_set("zh_cluener_ner") / "train.json").read_text(encoding="utf-8").splitlines()
    return [str(json.loads(line)["text"]) for line in lines]


def film_sentences() -> list[str]:
    path = data_set("crowd_sentence_polarity") / "Sentiment_text_train.txt"
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def another_word(text: str, random: Random) -> str:
    if text.isascii():
        words = text.split()
        words[random.randrange(len(words))] = random.choice(["film", "story", "actor", "never"])
        return " ".join(words)
    place = random.randrange(len(text) - 1)
    return text[:place] + "".join(random.choices("房间环境服务早餐交通便利公司市场", k=2)) + text[place + 2 :]


def signed(text: str, _: Random) -> str:
    return text + (" -- posted by john" if text.isascii() else "——来自网友小王")


def other_punctuation(text: str, _: Random) -> str:
    if text.isascii():
        return re.sub(r" ?([,.;!?]) ?", r"\1 ", text) + "!"
    return text.translate(str.maketrans("，。!,.", " ！.、…", "~"))


def full_width(text: str, _: Random) -> str:
    return "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in text)


def overlap(one: str, other: str) -> float:
    a, b = set(_grams(one).tolist()), set(_grams(other).tolist())
    return len(a & b) / max(1, len(a | b))


@pytest.mark.parametrize("texts", [hotel_reviews, news_sentences, film_sentences])
def test_near_copies_of_longer_texts_are_found_and_different_ones_are_not(texts: Callable[[], list[str]]) -> None:
    """Pairs of originals that are found share more than half of their 3-grams: people do post reviews twice."""
    known, random = texts(), Random(0)
    changes = [another_word, signed, other_punctuation, full_width]
    places = random.sample([place for place, text in enumerate(known) if len(text) >= 40], 400)
    copies = [(place, changes[number % 4](known[place], random)) for number, place in enumerate(places)]
    found = search([of_text(text) for text in known], [(place, of_text(text)) for place, text in copies if text], TEXT)
    assert found.recall >= 0.99
    wrong = [pair for pair in found.false if overlap(known[pair[0]], known[pair[1]]) <= 0.5]
    assert len(wrong) <= 0.01 * len(copies)


def of_text(text: str) -> Probe:
    return probe(text.encode(), "text", "text/plain")


def pictures(name: str) -> list[Path]:
    return sorted(data_set(name).rglob("*.jpg"))


def damaged(path: Path, number: int) -> bytes:
    """Recompressed, brighter or noisy, in turn."""
    with Image.open(path) as image:
        levels = np.asarray(image).astype(np.float64)
    if number % 3 == 0:
        return encoded(Image.fromarray(levels.astype(np.uint8)), "JPEG", quality=60)
    change = 8.0 if number % 3 == 1 else np.random.default_rng(number).normal(0, 4, levels.shape)
    return encoded(Image.fromarray(np.clip(levels + change, 0, 255).astype(np.uint8)))


def test_smears_of_blood_look_alike_and_only_copies_are_near() -> None:
    paths = pictures("bccd_blood_cells")[:150]
    copies = [(place, of_image(damaged(paths[place], place))) for place in range(0, 150, 5)]
    found = search([of_image(path.read_bytes()) for path in paths], copies, Nearness(4, 0.998))
    assert found.recall == 1
    assert not found.false


def test_a_circuit_board_with_a_flaw_is_near_its_template_unless_a_scenario_asks_for_more() -> None:
    """Flaws are a few pixels of 640 x 640: thresholds that suit scanned digits take many pairs for copies."""
    paths = pictures("deeppcb_defects")
    originals = [of_image(path.read_bytes()) for path in paths]
    copies = [(place, of_image(damaged(paths[place], place))) for place in range(0, len(paths), 7)]
    assert len(search(originals, copies, Nearness(4, 0.998)).false) > 20
    found = search(originals, copies, Nearness(2, 0.9999))
    assert found.recall == 1
    assert not found.false


def of_image(media: bytes) -> Probe:
    return probe(media, "image", "image/jpeg")


def spoken() -> list[Path]:
    return sorted(data_set("fsdd_spoken_digits").rglob("*.wav"))[::4]


def read_wav(path: Path) -> tuple[int, Samples]:
    with wave.open(str(path)) as file:
        return file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64)


def of_sound(rate: int, samples: Samples) -> Probe:
    sink = io.BytesIO()
    with wave.open(sink, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.clip(samples.round(), -32768, 32767).astype("<i2").tobytes())
    return probe(sink.getvalue(), "audio", "audio/wav")


def test_a_spoken_digit_is_found_again_when_quieter_noisier_or_at_another_rate() -> None:
    from scipy.signal import resample_poly

    sounds = [read_wav(path) for path in spoken()]
    copies = []
    for place, (rate, samples) in list(enumerate(sounds))[::4]:
        noise = np.random.default_rng(place).normal(0, np.sqrt((samples**2).mean()) / 31.6, len(samples))  # 30 dB below
        copies += [(place, of_sound(rate, 0.6 * samples)), (place, of_sound(rate, samples + noise))]
        copies.append((place, of_sound(2 * rate, resample_poly(samples, 2, 1))))
    found = search([of_sound(*one) for one in sounds], copies, Nearness(6, 0.99))
    assert found.recall >= 0.99
    assert len(found.false) <= 0.01 * len(copies)


def of_series(values: Samples) -> Probe:
    rows = "\n".join(f"{place},{value!r}" for place, value in enumerate(values.tolist()))
    return probe(f"time,value\n{rows}\n".encode(), "time_series", "text/csv")


def test_a_series_is_found_again_in_another_unit_and_with_a_little_noise() -> None:
    known = []
    for path in sorted((data_set("nab_timeseries_anomalies") / "data").rglob("*.csv")):
        with path.open(newline="") as file:
            known.append(np.array([float(row["value"]) for row in csv.DictReader(file)]))
    copies = []
    for place, values in enumerate(known):
        noise = np.random.default_rng(place).normal(0, 0.01 * values.std(), len(values))
        copies += [(place, of_series(1.8 * values + 32)), (place, of_series(values + noise))]
    found = search([of_series(values) for values in known], copies, Nearness(6, 0.99))
    assert found.recall >= 0.99
    assert not found.false
