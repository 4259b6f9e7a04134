"""KITTI object data: a lidar scan and a picture are one sample; label_2 holds boxes in both.

Format: Geiger, Lenz, Urtasun 2012, "Are we ready for Autonomous Driving?", object development kit readme.
"""

import math
from collections.abc import Iterator
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

from lake.answers import Box, Solid, is_finite, shapes_text
from lake.ingest.readers.paths import folder_names, is_document
from lake.ingest.reading import Beside, Fault, Read, ReaderSpec, Said, Sample, Source, medium

_MAX_BYTES = 10_000_000
_PARTS = {"velodyne": "", "image_2": "image_2", "image_3": "image_3"}
_BESIDE = ("calib", "label_2", "planes")
_IGNORED = "DontCare"
Floats = npt.NDArray[np.float64]


class Kitti:
    """The scan is the main part, pictures are further ones. Regions that are marked as DontCare are left out."""

    NAME = "kitti"
    KEYS: frozenset[str] = frozenset()

    def __init__(self, spec: ReaderSpec) -> None:
        del spec

    def recognises(self, source: Source) -> bool:
        return {"velodyne", "image_2"} <= folder_names(source.files())

    def read(self, source: Source) -> Iterator[Read]:
        frames: dict[tuple[str, str], dict[str, str]] = {}
        for file in source.files():
            pure = PurePosixPath(file.path)
            if pure.parent.name in (*_PARTS, *_BESIDE):
                frames.setdefault((str(pure.parent.parent), pure.stem), {})[pure.parent.name] = file.path
            elif is_document(file.path) or (pure.suffix == ".txt" and "ImageSets" in pure.parts):
                yield Beside(file.path)
        for _, files in sorted(frames.items()):
            yield from _frame(source, files)


def _frame(source: Source, files: dict[str, str]) -> Iterator[Read]:
    yield from (Beside(path) for name, path in files.items() if name in _BESIDE)
    parts = tuple(medium(source, files[name], part) for name, part in _PARTS.items() if name in files)
    if "velodyne" not in files:
        yield from (
            Fault(part.file, "frame without a scan", "only frames with a velodyne file come in") for part in parts
        )
        return
    said: tuple[Said, ...] = ()
    if "label_2" in files:
        boxes: list[Box] = []
        solids: list[Solid] = []
        for one in _objects(source, files["label_2"], _to_scan(source, files.get("calib"))):
            if isinstance(one, Fault):
                yield one
            elif isinstance(one, Box):
                boxes.append(one)
            else:
                solids.append(one)
        said = (
            Said("label_2", shapes_text("solids", solids)),
            Said("label_2 image_2", shapes_text("boxes", boxes)),
        )
    yield Sample(source=files["velodyne"], parts=parts, said=said)


def _to_scan(source: Source, calib: str | None) -> Floats | None:
    """(4, 4), from coordinates of the rectified camera to those of the scan; None where nothing says."""
    if calib is None:
        return None
    text = source.read(calib, _MAX_BYTES).decode("utf-8", "replace")
    try:
        rows = {
            key: [float(one) for one in value.split()]
            for key, _, value in (x.partition(":") for x in text.splitlines())
        }
        camera, rectified = np.eye(4), np.eye(4)
        camera[:3] = np.reshape(rows["Tr_velo_to_cam"], (3, 4))
        rectified[:3, :3] = np.reshape(rows["R0_rect"], (3, 3))
        return np.asarray(np.linalg.inv(rectified @ camera), dtype=np.float64)
    except (ValueError, KeyError, np.linalg.LinAlgError):
        return None


def _objects(source: Source, path: str, to_scan: Floats | None) -> Iterator[Box | Solid | Fault]:
    """type truncated occluded alpha, box left top right bottom, height width length, x y z, rotation."""
    if to_scan is None:
        yield Fault(path, "no calibration", "boxes in space are left out: calib has no Tr_velo_to_cam and R0_rect")
    for number, line in enumerate(source.read(path, _MAX_BYTES).decode("utf-8", "replace").splitlines(), 1):
        words = line.split()
        if not words or words[0] == _IGNORED:
            continue
        try:
            left, top, right, bottom, height, width, length, x, y, z, turn = (float(one) for one in words[4:15])
        except ValueError:
            yield Fault(f"{path}:{number}", "annotation unreadable", line[:80])
            continue
        if not is_finite(left, top, right, bottom, height, width, length, x, y, z, turn):
            yield Fault(f"{path}:{number}", "box without numbers", line[:80])
        elif right <= left or bottom <= top or min(height, width, length) <= 0:
            yield Fault(f"{path}:{number}", "box without extent", line[:80])
        else:
            yield Box(words[0], left, top, round(right - left, 6), round(bottom - top, 6))
            if to_scan is not None:
                yield _solid(words[0], (x, y, z), (length, width, height), turn, to_scan)


def _solid(
    label: str, place: tuple[float, float, float], size: tuple[float, float, float], turn: float, to_scan: Floats
) -> Solid:
    """A box of the camera's coordinates (x right, y down, z ahead) in those of the scan (x ahead, y left, z up)."""
    x, y, z = (round(float(one), 6) for one in (to_scan @ np.array([*place, 1.0]))[:3])
    ahead = to_scan[:3, :3] @ np.array([math.cos(turn), 0.0, -math.sin(turn)])
    yaw = round(math.atan2(float(ahead[1]), float(ahead[0])), 6)
    return Solid(label, x, y, z, *size, yaw)
