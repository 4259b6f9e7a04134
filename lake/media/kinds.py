"""What media are, and what one file of them may cost."""

from dataclasses import dataclass, field
from typing import Any

from pydantic import Field

from lake.errors import TrialbaseError
from lake.records import Modality
from lake.spec import Spec


class Limits(Spec):
    """What one file may cost us. A limit that a modality needs and that is not stated refuses all its files."""

    max_bytes: int = Field(gt=0, description="size of a file")
    max_pixels: int = Field(gt=0, description="pixels of a picture, all frames together; of one frame of a video")
    max_seconds: float | None = Field(default=None, gt=0, description="length of a sound or video")
    max_values: int | None = Field(default=None, gt=0, description="numbers in a series, table or point cloud")


@dataclass(frozen=True)
class Media:
    """What a file turned out to be."""

    modality: Modality
    media_type: str  # IANA; of a text with its charset where that is not UTF-8
    decoded: Any = field(default=None, compare=False, repr=False)  # what decoding gave, for probes


class Refused(TrialbaseError):
    """One file that goes to quarantine; `reason` is one of lake.ingest.REASONS."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}", remedy="mend the file and deliver it again")
        self.reason = reason
        self.detail = detail


# media type -> endings that may name it, the usual one first
ENDINGS: dict[str, tuple[str, ...]] = {
    "image/png": ("png",),
    "image/jpeg": ("jpg", "jpeg", "jpe", "jfif"),
    "image/gif": ("gif",),
    "image/bmp": ("bmp", "dib"),
    "image/webp": ("webp",),
    "image/tiff": ("tif", "tiff"),
    "text/plain": ("txt", "text"),
    "audio/wav": ("wav", "wave"),
    "audio/flac": ("flac",),
    "audio/ogg": ("ogg", "oga", "opus"),
    "audio/mpeg": ("mp3",),
    "video/mp4": ("mp4", "m4v", "mov"),
    "video/matroska": ("mkv",),
    "video/webm": ("webm", "mkv"),
    "video/x-msvideo": ("avi",),
    "text/csv": ("csv",),
    "text/tab-separated-values": ("tsv", "tab"),
    "application/json": ("json",),
    "application/x-numpy": ("npy",),
    "application/x-matlab-data": ("mat",),
    "application/vnd.apache.parquet": ("parquet",),
    "application/x-kitti-velodyne": ("bin",),
    "application/x-pcd": ("pcd",),
    "application/x-ply": ("ply",),
}
TYPE_OF_ENDING = {ending: kind for kind, endings in ENDINGS.items() for ending in endings}


def extension(media_type: str) -> str:
    """The usual ending of a media type, without a dot. Raises KeyError for a type that is not taken in."""
    return ENDINGS[media_type.partition(";")[0]][0]


def stated(limits: Limits, name: str) -> float:
    """A limit that this kind of file needs; a scenario that takes this kind states it. Raises Refused."""
    value = getattr(limits, name)
    if value is None:
        raise Refused("wrong modality", f"a kind of media for which source.{name} would have to be stated")
    return float(value)


def decoding_s(limits: Limits) -> float:
    """Processor time after which a decoder in a process of its own is ended."""
    return 30 + 2 * (limits.max_seconds or 0)
