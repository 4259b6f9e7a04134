"""From bytes to tensors, and the networks' own promises."""

import io
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from PIL import Image

from tests.datasets import digits, png
from training.recipes import image_classifier, recipe, text_classifier

GRAY: Mapping[str, int] = {"channels": 1, "side": 16, "num_classes": 10}
COLOUR: Mapping[str, int] = {"channels": 3, "side": 32, "num_classes": 10}
TEXT: Mapping[str, int] = {"num_features": 1 << 14, "num_classes": 2}


def encoded(picture: Image.Image, kind: str = "png", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def test_the_shape_of_a_network_follows_the_pictures() -> None:
    gray = [sample.media for sample in digits(0, 5)]
    assert image_classifier.describe(gray, 10) == GRAY
    assert image_classifier.describe([*gray, png(np.zeros((32, 32, 3)))], 10) == COLOUR
    assert image_classifier.describe([png(np.zeros((200, 90)))], 10) == {**GRAY, "side": 32}


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
@pytest.mark.parametrize("shape", [GRAY, COLOUR], ids=["gray", "colour"])
def test_every_mode_of_picture_becomes_the_same_size_of_tensor(mode: str, shape: Mapping[str, int]) -> None:
    picture = Image.new(mode, (40, 20))
    kind = "tiff" if mode in ("CMYK", "F") else "png"
    tensor = image_classifier.prepare(encoded(picture, kind), shape)
    assert tensor.dtype == torch.uint8
    assert tensor.shape == (shape["channels"], shape["side"], shape["side"])


def test_sixteen_bits_keep_their_contrast() -> None:
    samples = np.linspace(1000, 3000, 16 * 16).reshape(16, 16).astype(np.uint16)
    tensor = image_classifier.prepare(encoded(Image.fromarray(samples)), GRAY)
    assert int(tensor.min()) == 0
    assert int(tensor.max()) == 255


def test_a_picture_is_turned_upright_as_a_browser_shows_it() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side
    pixels = np.zeros((32, 32), dtype=np.uint8)
    pixels[:16] = 255
    upright = image_classifier.prepare(encoded(Image.fromarray(pixels), exif=exif), {**GRAY, "side": 32})[0]
    assert int(upright[:, 20:].min()) == 255
    assert int(upright[:, :12].max()) == 0


@pytest.mark.parametrize("media", [b"", b"no picture", encoded(Image.new("RGB", (64, 64)))[:-60]])
def test_what_is_no_picture_is_refused(media: bytes) -> None:
    with pytest.raises(ValueError, match="picture"):
        image_classifier.prepare(media, GRAY)


def test_a_shift_moves_a_picture_and_keeps_it_whole() -> None:
    batch = torch.zeros(50, 1, 16, 16, dtype=torch.uint8)
    batch[:, :, 8, 8] = 9
    shifted = image_classifier.augment(batch, torch.Generator().manual_seed(1))
    places = {tuple(place) for place in (shifted[:, 0] == 9).nonzero()[:, 1:].tolist()}
    assert shifted.shape == batch.shape
    assert int((shifted == 9).sum()) == 50
    assert len(places) > 10
    assert all(6 <= row <= 10 and 6 <= column <= 10 for row, column in places)


def test_texts_that_look_alike_to_a_reader_are_alike() -> None:
    plain = text_classifier.prepare("Good hotel 酒店 no. 1".encode(), TEXT)
    wide = text_classifier.prepare("\ufeffＧＯＯＤ hotel 酒店 no. １\n".encode(), TEXT)
    assert torch.equal(plain, wide)
    assert not torch.equal(plain, text_classifier.prepare("Bad hotel 酒店 no. 1".encode(), TEXT))


def test_ngrams_are_counted() -> None:
    counts = text_classifier.prepare(b"ab", TEXT)  # " ab " has 3 pairs, 2 threes, 1 four
    assert int(counts.sum()) == 6
    assert int(text_classifier.prepare(b"a" * 5000, TEXT).max()) == 255


def test_the_hash_stays_what_it_was() -> None:
    """Registered models count on it."""
    buckets = text_classifier.prepare("酒".encode(), TEXT).nonzero().flatten().tolist()
    assert buckets == [1029, 3222, 3346, 3385, 3514, 3744, 7871, 9705, 9869, 15469]


@pytest.mark.parametrize("media", [b"", b" ", b"x"])
def test_the_shortest_texts_are_texts(media: bytes) -> None:
    logits = text_classifier.build(TEXT)(text_classifier.prepare(media, TEXT)[None])
    assert logits.isfinite().all()


def test_what_is_not_utf8_is_refused() -> None:
    with pytest.raises(ValueError, match="utf-8"):
        text_classifier.prepare("酒店".encode("gb18030"), TEXT)


@pytest.mark.parametrize("shape", [GRAY, COLOUR], ids=["gray", "colour"])
def test_a_network_takes_a_single_item(shape: Mapping[str, int]) -> None:
    network = recipe("image_classifier").build(shape)
    batch = torch.zeros(1, shape["channels"], shape["side"], shape["side"], dtype=torch.uint8)
    assert network(batch).shape == (1, 10)
    assert network.eval()(batch).shape == (1, 10)
