"""The demo's deliveries: scikit-learn's scanned digits as PNG files, with faults planted and listed."""

import csv
import io
import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lake import ids

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE_PIXELS = 64  # the scans are 8 x 8; people need larger pictures
GOLD_PER_DELIVERY = 24
_SHARES = (0.4, 0.3, 0.3)  # of the pictures, in their original order


@dataclass(frozen=True)
class DemoDelivery:
    """One folder of pictures; `faults` says what was planted in it, by file."""

    path: Path
    purpose: str
    faults: dict[str, str]


@dataclass(frozen=True)
class DemoData:
    """Three deliveries, and what every picture really shows, by item_id: the demo's own answer key."""

    deliveries: tuple[DemoDelivery, ...]
    truth: dict[str, str]


def write_deliveries(root: Path, *, limit: int | None = None) -> DemoData:
    """Write two deliveries for labeling and one for trial below `root`; the same files every time.

    limit: at most so many pictures in all, spread over the three.
    Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998, as
    scikit-learn ships it: 1,797 pictures of 8 x 8 pixels and 17 grey levels.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    total = len(digits.target)
    bounds = [0, round(total * _SHARES[0]), round(total * (_SHARES[0] + _SHARES[1])), total]
    truth: dict[str, str] = {}
    deliveries = []
    for number, name in enumerate(("delivery-1", "delivery-2", "trial")):
        rows = list(range(bounds[number], bounds[number + 1]))
        rows = rows if limit is None else rows[: max(40, round(limit * _SHARES[number]))]
        pictures = {row: _picture(digits.images[row]) for row in rows}
        answers = {f"{row:04}.png": str(digits.target[row]) for row in rows}
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        for row, picture in pictures.items():
            data = _png(picture)
            (folder / f"{row:04}.png").write_bytes(data)
            truth[ids.content_id(data)] = answers[f"{row:04}.png"]
        purpose = "trial" if name == "trial" else "labeling"
        faults = _plant(folder, pictures, answers, truth) if purpose == "labeling" else {}
        step = 1 if purpose == "trial" else max(1, len(answers) // GOLD_PER_DELIVERY)
        known = dict(list(answers.items())[::step])
        _write_answers(folder, known)
        deliveries.append(DemoDelivery(folder, purpose, faults))
    return DemoData(tuple(deliveries), truth)


def _plant(
    folder: Path, pictures: "dict[int, Image]", answers: dict[str, str], truth: dict[str, str]
) -> dict[str, str]:
    """Add the faults that real deliveries have; returns file -> what is wrong with it."""
    from PIL import Image

    rows = list(pictures)
    whole = (folder / f"{rows[0]:04}.png").read_bytes()
    files: dict[str, tuple[bytes, str]] = {
        "faults/truncated.png": (whole[: len(whole) // 2], "unreadable"),
        "faults/noise.png": (random.Random(7).randbytes(400), "unreadable"),
        "faults/empty.png": (b"", "empty"),
        "faults/really-a-png.jpg": (whole, "mistyped"),
        "faults/notes.bin": (b"scanner log \x00\x01", "unsupported"),
        "faults/huge.png": (_png(Image.new("L", (1400, 1400))), "oversize"),
        "faults/copy-1.png": ((folder / f"{rows[5]:04}.png").read_bytes(), "duplicate"),
        "faults/copy-2.png": ((folder / f"{rows[9]:04}.png").read_bytes(), "duplicate"),
    }
    for number, row in enumerate(rows[20:26]):
        data = _png(_scanned_again(pictures[row], seed=row))
        files[f"faults/again-{number}.png"] = (data, "near duplicate")
        truth[ids.content_id(data)] = answers[f"{row:04}.png"]
    (folder / "faults").mkdir(exist_ok=True)
    for name, (data, _) in files.items():
        (folder / name).write_bytes(data)
    return {name: fault for name, (_, fault) in files.items()}


def _picture(image: "object") -> "Image":
    """A scan of 8 x 8 values from 0 to 16, enlarged for people."""
    import numpy as np
    from PIL import Image

    grey = (np.asarray(image) * (255 / 16)).round().astype("uint8")
    return Image.fromarray(grey).resize((SIDE_PIXELS, SIDE_PIXELS), Image.Resampling.BICUBIC)


def _scanned_again(picture: "Image", *, seed: int) -> "Image":
    """The same sheet on another day: a little sensor noise."""
    import numpy as np
    from PIL import Image

    noise = np.random.default_rng(seed).normal(0, 2, (SIDE_PIXELS, SIDE_PIXELS))
    return Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).astype("uint8"))


def _png(picture: "Image") -> bytes:
    sink = io.BytesIO()
    picture.save(sink, "PNG")
    return sink.getvalue()


def _write_answers(folder: Path, answers: dict[str, str]) -> None:
    with (folder / "answers.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "answer"])
        writer.writerows(sorted(answers.items()))
