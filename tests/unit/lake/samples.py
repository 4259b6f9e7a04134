"""Small media, whole deliveries of them, and processes that die at a chosen moment."""

import io
import os
import signal
import subprocess
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from lake.ingest import SourceSpec
from lake.store import Lake

ROOT = Path(__file__).resolve().parents[3]
SPEC = SourceSpec(max_bytes=100_000, max_pixels=10_000, licence="CC0", consent="none needed")


def picture(number: int, size: tuple[int, int] = (8, 8)) -> Image.Image:
    """A picture of its own for every number."""
    made = Image.new("RGB", size)
    made.putdata([((number * 7 + at) % 256, (number >> 8) % 256, number % 256) for at in range(size[0] * size[1])])
    return made


def encoded(made: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    made.save(file, kind, **options)
    return file.getvalue()


def png(number: int, size: tuple[int, int] = (8, 8)) -> bytes:
    return encoded(picture(number, size))


def animation(kind: str, frames: int, size: tuple[int, int] = (8, 8)) -> bytes:
    first, *others = (picture(number, size) for number in range(frames))
    return encoded(first, kind, save_all=True, append_images=others)


def png_claiming(width: int, height: int) -> bytes:
    """A file of some 100 bytes that says it holds that many pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4) + name + body + zlib.crc32(name + body).to_bytes(4)

    header = width.to_bytes(4) + height.to_bytes(4) + bytes([1, 0, 0, 0, 0])
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def gif_of_frames(count: int, extent: tuple[int, int] = (1, 1)) -> bytes:
    """A GIF of 1×1 whose every frame but the first claims `extent`, 15 bytes each."""

    def frame(width: int, height: int) -> bytes:
        sides = width.to_bytes(2, "little") + height.to_bytes(2, "little")
        return b"\x2c\0\0\0\0" + sides + b"\0" + b"\x02\x02\x4c\x01\0"

    head = b"GIF89a\x01\0\x01\0\x80\0\0" + bytes(3) + bytes([255] * 3)
    return head + frame(1, 1) + frame(*extent) * (count - 1) + b";"


def deliver(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write files below a folder and return it."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def stored(lake: Lake) -> dict[str, bytes]:
    """Every file below the lake's root by its path: equal means equal byte for byte."""
    root = lake.blobs.local_path("")
    assert root is not None
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


_PRELUDE = """
import os, signal, sys, traceback

acts = 0

def mortal(place, due):
    def watch(event, args):
        global acts
        if event == "subprocess.Popen":
            path = os.fsdecode(args[2] or "")
        elif event == "open":
            path = args[0] if isinstance(args[0], str) and args[2] & (os.O_WRONLY | os.O_RDWR) else ""
        elif event in ("os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir"):
            path = os.fsdecode(args[0])
        else:
            return
        if path.startswith(place):
            acts += 1
            if acts == due:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(watch)

def live(home, due, work, before):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            before(home)
            mortal(home, due)
            work(home)
            os.write(writer, str(acts).encode())
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.close(writer)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with os.fdopen(reader) as told:
        return code, int(told.read() or 0)

def deaths(base, step, work, before=lambda home: None):
    code, count = live(f"{base}/0", 0, work, before)
    print(0, code)
    for due in range(1, count + 1, step):
        print(due, live(f"{base}/{due}", due, work, before)[0], flush=True)
"""


def run_python(code: str, *arguments: str, own_group: bool = False) -> subprocess.Popen[str]:
    """A fresh interpreter that runs some code, with helpers for dying at a chosen moment.

    mortal(place, n): the process gets SIGKILL just before its n-th act below `place`: an open for writing,
    a rename, link, removal, new folder or child process. 0 for never.
    deaths(base, step, work, before): `work(home)` in a process that lives (home `base/0`), then in one for
    each step-th of its acts n, which dies there (home `base/n`); `before(home)` makes each home ready.
    """
    return subprocess.Popen(
        [sys.executable, "-c", _PRELUDE + code, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=own_group,
    )


def die_everywhere(code: str, base: Path, *arguments: str, step: int = 1) -> list[Path]:
    """Call `deaths` after some code that defines `work` and may define `before`; the homes of the dead, in order."""
    end = "\ndeaths(sys.argv[1], int(sys.argv[2]), work, globals().get('before', lambda home: None))\n"
    process = run_python(code + end, str(base), str(step), *arguments)
    out, problems = process.communicate(timeout=300)
    ends = {int(due): int(code) for due, code in map(str.split, out.splitlines())}
    assert process.returncode == 0, problems
    assert ends.pop(0) == 0, problems
    assert set(ends.values()) == {-signal.SIGKILL}, problems
    return [base / str(due) for due in ends]
