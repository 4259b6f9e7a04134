"""Small media of every kind that is taken in, made on the spot; the same bytes on every call."""

import io
import json
import struct
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

SENTENCES = "The cell was charged at 1 C and rested for an hour. 房间很大，服务员态度很好，早餐也不错。\n"


def picture(form: str, mode: str = "RGB", size: tuple[int, int] = (48, 32), **options: Any) -> bytes:
    """A gradient with some texture in it."""
    y, x = np.mgrid[: size[1], : size[0]]
    bands = np.stack([x * 5, y * 7, (x * y) % 251], axis=-1).astype(np.uint8)
    return saved(Image.fromarray(bands).convert(mode), form, **options)


def saved(image: Image.Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def photograph() -> bytes:
    """A JPEG with an EXIF that says how it was held and where."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[1] = "N"
    return picture("JPEG", exif=exif)


def frames(form: str, count: int = 4) -> bytes:
    first, *others = (Image.new("RGB", (24, 24), (60 * number, 90, 30)) for number in range(count))
    return saved(first, form, save_all=True, append_images=others)


def tone(seconds: float = 0.5, rate_hz: int = 8000, channels: int = 1, hz: float = 440) -> npt.NDArray[np.float32]:
    """(frames, channels): a tone that fades."""
    at = np.arange(round(seconds * rate_hz)) / rate_hz
    one = 0.5 * np.sin(2 * np.pi * hz * at) * np.exp(-2 * at)
    return np.repeat(one[:, None], channels, axis=1).astype(np.float32)


def sound(form: str, subtype: str | None = None, rate_hz: int = 8000, **options: Any) -> bytes:
    """A tone in one of libsndfile's forms."""
    return recorded(tone(rate_hz=rate_hz, **options), rate_hz, form, subtype)


def recorded(samples: npt.NDArray[np.float32], rate_hz: int, form: str = "WAV", subtype: str | None = None) -> bytes:
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=form, subtype=subtype)
    return file.getvalue()


def numbered_ogg(data: bytes) -> bytes:
    """An Ogg file with 1 for the random number of its stream, and with check sums that are right."""
    made = bytearray(data)
    at = 0
    while at + 27 <= len(made):
        end = at + 27 + made[at + 26] + sum(made[at + 27 : at + 27 + made[at + 26]])
        made[at + 14 : at + 18], made[at + 22 : at + 26] = (1).to_bytes(4, "little"), bytes(4)
        made[at + 22 : at + 26] = _ogg_check(bytes(made[at:end])).to_bytes(4, "little")
        at = end
    return bytes(made)


def _ogg_check(page: bytes) -> int:
    """The check sum of RFC 3533: CRC-32 without turning bits round."""
    check = 0
    for byte in page:
        check ^= byte << 24
        for _ in range(8):
            check = (check << 1 ^ (0x04C11DB7 if check >> 31 else 0)) & 0xFFFFFFFF
    return check


def video(
    container: str,
    codec: str,
    size: tuple[int, int] = (64, 48),
    count: int = 15,
    fps: int = 15,
    pixels: str = "yuv420p",
) -> bytes:
    """A bright square that wanders over a gradient."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format=container, options={"fflags": "+bitexact"}) as made:
        stream: Any = made.add_stream(codec, rate=fps, options={"threads": "1"})
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        for number in range(count):
            levels = np.tile(np.linspace(40, 200, size[0]).astype(np.uint8), (size[1], 1))
            levels[8:20, 3 * number % size[0] : 3 * number % size[0] + 12] = 250
            made.mux(stream.encode(av.VideoFrame.from_ndarray(np.stack([levels] * 3, axis=-1), format="rgb24")))
        made.mux(stream.encode())
    return file.getvalue()


def series(rows: int = 60) -> npt.NDArray[np.float64]:
    """(rows, 3): seconds, volts that fall, degrees that rise."""
    at = np.arange(rows, dtype=np.float64)
    return np.column_stack([10 * at, 4.2 - 0.01 * at - 0.2 * (at > 40), 24 + np.sqrt(at)])


def csv_series() -> bytes:
    rows = (",".join(f"{value:.4f}" for value in row) for row in series())
    return "\n".join(["time,voltage,temperature", *rows, ""]).encode()


def csv_table(encoding: str = "utf-8", delimiter: str = ",") -> bytes:
    rows = [
        ("城市", "day", "count", "share"),
        *((f"城市{at % 3}", f"2024-01-{at + 1:02}", at, at / 7) for at in range(20)),
    ]
    return "\r\n".join(delimiter.join(map(str, row)) for row in rows).encode(encoding)


def json_rows() -> bytes:
    rows = [{"cell": f"B{at}", "cycles": 100 + at, "fade": None if at == 2 else at / 9} for at in range(8)]
    return json.dumps(rows).encode()


def npy(values: npt.NDArray[Any], **options: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, values, **options)
    return file.getvalue()


def mat(*, compressed: bool = True) -> bytes:
    """Variables and a nested struct, as batteries come."""
    from scipy.io import savemat

    file = io.BytesIO()
    time, volts, degrees = series().T
    cycle = {"type": "discharge", "data": {"Time": time, "Voltage": volts, "Temperature": degrees}}
    savemat(file, {"B1": {"cycle": [cycle, cycle]}, "capacity": np.arange(6.0)}, do_compression=compressed)
    data = file.getvalue()
    return b"MATLAB 5.0 MAT-file made for a test".ljust(116) + data[116:]  # scipy writes the hour into it


def parquet(**options: Any) -> bytes:
    import datetime as dt

    import pyarrow as pa
    import pyarrow.parquet as pq

    days = [dt.datetime(2024, 1, 1, tzinfo=dt.UTC) + dt.timedelta(hours=at) for at in range(40)]
    table = pa.table(
        {
            "at": pa.array(days, pa.timestamp("ms", "UTC")),
            "value": [None if at == 3 else at**0.5 for at in range(40)],
            "name": [f"n{at % 4}" for at in range(40)],
            "many": [[at, at] for at in range(40)],
        }
    )
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def points(count: int = 200) -> npt.NDArray[np.float32]:
    """(count, 4): x, y, z, intensity on a wavy floor."""
    at = np.arange(count)
    x, y = at % 20, at // 20
    return np.column_stack([x, y, np.sin(x / 3), (at % 7) / 7]).astype(np.float32)


def pcd(form: str = "binary") -> bytes:
    body = points().tobytes() if form == "binary" else "\n".join(" ".join(map(str, row)) for row in points()).encode()
    head = (
        "# .PCD v0.7 - Point Cloud Data file format\nVERSION 0.7\nFIELDS x y z intensity\nSIZE 4 4 4 4\nTYPE F F F F\n"
        f"COUNT 1 1 1 1\nWIDTH 200\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS 200\nDATA {form}\n"
    )
    return head.encode() + body


def ply(form: str = "binary_little_endian") -> bytes:
    names = ("x", "y", "z", "intensity")
    properties = "".join(f"property float {name}\n" for name in names)
    head = f"ply\nformat {form} 1.0\ncomment made for a test\nelement vertex 200\n{properties}"
    head += "element face 1\nproperty list uchar int vertex_indices\nend_header\n"
    if form == "ascii":
        return (head + "\n".join(" ".join(map(str, row)) for row in points()) + "\n3 0 1 2\n").encode()
    order = "<" if "little" in form else ">"
    return head.encode() + points().astype(f"{order}f4").tobytes() + struct.pack(f"{order}Biii", 3, 0, 1, 2)


SAMPLES: dict[str, Callable[[], bytes]] = {
    "grey.png": lambda: picture("PNG", "L"),
    "colour.png": lambda: picture("PNG"),
    "palette.png": lambda: picture("PNG", "P"),
    "moving.png": lambda: frames("PNG"),
    "plain.jpg": lambda: picture("JPEG"),
    "progressive.jpg": lambda: picture("JPEG", progressive=True),
    "inks.jpg": lambda: picture("JPEG", "CMYK"),
    "photograph.jpg": photograph,
    "moving.gif": lambda: frames("GIF"),
    "plain.bmp": lambda: picture("BMP"),
    "plain.webp": lambda: picture("WEBP"),
    "moving.webp": lambda: frames("WEBP"),
    "lzw.tif": lambda: picture("TIFF", compression="tiff_lzw"),
    "pages.tif": lambda: frames("TIFF"),
    "jpeg.tif": lambda: picture("TIFF", compression="jpeg"),
    "utf8.txt": lambda: SENTENCES.encode(),
    "gb18030.txt": lambda: (SENTENCES * 3).encode("gb18030"),
    "big5.txt": lambda: ("房間很大，服務員的態度也很好，早餐還可以，下次來的時候還會住在這裡。" * 3).encode("big5"),
    "utf16.txt": lambda: SENTENCES.encode("utf-16"),
    "pcm16.wav": lambda: sound("WAV", "PCM_16", channels=2),
    "float.wav": lambda: sound("WAV", "FLOAT"),
    "adpcm.wav": lambda: sound("WAV", "IMA_ADPCM"),
    "plain.flac": lambda: sound("FLAC"),
    "vorbis.ogg": lambda: numbered_ogg(sound("OGG", "VORBIS")),
    "opus.ogg": lambda: numbered_ogg(sound("OGG", "OPUS")),
    "plain.mp3": lambda: sound("MP3", rate_hz=16000),
    "h264.mp4": lambda: video("mp4", "libx264"),
    "mpeg4.avi": lambda: video("avi", "mpeg4"),
    "mjpeg.avi": lambda: video("avi", "mjpeg", pixels="yuvj420p"),
    "h264.mkv": lambda: video("matroska", "libx264"),
    "vp8.webm": lambda: video("webm", "libvpx"),
    "series.csv": csv_series,
    "table.csv": csv_table,
    "gb18030.csv": lambda: csv_table("gb18030"),
    "table.tsv": lambda: csv_table(delimiter="\t"),
    "rows.json": json_rows,
    "double.npy": lambda: npy(series()),
    "fortran.npy": lambda: npy(np.asfortranarray(series().astype(">f4"))),
    "points.npy": lambda: npy(points()),
    "packed.mat": mat,
    "plain.mat": lambda: mat(compressed=False),
    "snappy.parquet": parquet,
    "zstd.parquet": lambda: parquet(compression="zstd", use_dictionary=False, data_page_version="2.0"),
    "scan.bin": lambda: points().tobytes(),
    "binary.pcd": pcd,
    "ascii.pcd": lambda: pcd("ascii"),
    "little.ply": ply,
    "big.ply": lambda: ply("binary_big_endian"),
    "ascii.ply": lambda: ply("ascii"),
}
MODALITIES = {
    "image": ("png", "jpg", "gif", "bmp", "webp", "tif"),
    "text": ("txt",),
    "audio": ("wav", "flac", "ogg", "mp3"),
    "video": ("mp4", "avi", "mkv", "webm"),
    "time_series": ("series.csv", "double.npy", "fortran.npy", "mat"),
    "tabular": ("table.csv", "gb18030.csv", "tsv", "json", "parquet"),
    "point_cloud": ("bin", "pcd", "ply", "points.npy"),
}


@cache
def sample(name: str) -> bytes:
    """The bytes of one of SAMPLES."""
    return SAMPLES[name]()


def modality_of(name: str) -> str:
    """What a sample is."""
    return next(kind for kind, ends in MODALITIES.items() if name.endswith(ends))
