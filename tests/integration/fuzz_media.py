"""Mutated media, and what becomes of them; run as a program, so that a crash or a hang is that of a process.

`python -m tests.integration.fuzz_media NAME MODALITY COUNT [FIRST]`: that many mutants of one sample of
tests/media_samples.py, or of the file at that path. Writes one JSON object: how many were taken or refused for which
reason, the slowest one, peak memory.
"""

import json
import random
import resource
import struct
import sys
import time
import zlib
from collections import Counter
from pathlib import Path

from lake.ingest import REASONS
from lake.media import Limits, Refused, apart, inspect
from quality.probes import probe_row, probe_schema
from tests.media_samples import SAMPLES, modality_of, numbered_ogg, sample

LIMITS = Limits(max_bytes=1 << 20, max_pixels=1 << 20, max_seconds=10, max_values=1 << 18)
_EXTREMES = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1]


def mutant(data: bytes, others: list[bytes], seed: str) -> bytes:
    """Some damage to some bytes; the same for the same seed."""
    draw = random.Random(seed)
    damages = (_flip, _flip, _cut, _extreme, _extreme, _extreme, _leave_out, _repeat, _noise, _zeros)
    if draw.random() < 0.15:
        return _splice(data, draw.choice(others), draw)
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        data = draw.choice(damages)(data, draw) or b"\0"
    return _with_checks(data) if draw.random() < 0.5 else data


def _with_checks(data: bytes) -> bytes:
    """Right check sums for a PNG or an Ogg file, so that decoders look at what lies behind them."""
    if data.startswith(b"OggS"):
        return numbered_ogg(data)
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    made, at = bytearray(data), 8
    while at + 12 <= len(made):
        end = at + 8 + int.from_bytes(made[at : at + 4])
        if end + 4 <= len(made):
            made[end : end + 4] = zlib.crc32(made[at + 4 : end]).to_bytes(4)
        at = end + 4
    return bytes(made)


def _place(data: bytes, draw: random.Random) -> int:
    """Heads are hit more often than bodies."""
    return draw.randrange(min(len(data), draw.choice((64, 512, len(data)))))


def _flip(data: bytes, draw: random.Random) -> bytes:
    made = bytearray(data)
    for _ in range(draw.choice((1, 1, 4, 30))):
        made[_place(data, draw)] ^= 1 << draw.randrange(8)
    return bytes(made)


def _cut(data: bytes, draw: random.Random) -> bytes:
    return data[: draw.randrange(len(data))]


def _extreme(data: bytes, draw: random.Random) -> bytes:
    """A number of 1 to 8 bytes becomes one that programs trip over."""
    form = draw.choice(("<B", "<H", ">H", "<I", ">I", "<Q", ">Q"))
    width = struct.calcsize(form)
    at = _place(data, draw)
    return data[:at] + struct.pack(form, draw.choice(_EXTREMES) & (1 << 8 * width) - 1) + data[at + width :]


def _leave_out(data: bytes, draw: random.Random) -> bytes:
    at = _place(data, draw)
    return data[:at] + data[at + draw.choice((1, 4, 100)) :]


def _repeat(data: bytes, draw: random.Random) -> bytes:
    at, length = _place(data, draw), draw.choice((4, 50, 1000))
    return data[:at] + data[at : at + length] * draw.choice((2, 20, 300)) + data[at + length :]


def _noise(data: bytes, draw: random.Random) -> bytes:
    at, length = _place(data, draw), draw.choice((2, 16, 200))
    return data[:at] + draw.randbytes(length) + data[at + length :]


def _zeros(data: bytes, draw: random.Random) -> bytes:
    at, length = _place(data, draw), draw.choice((8, 64, 2000))
    return data[:at] + bytes(length) + data[at + length :]


def _splice(data: bytes, other: bytes, draw: random.Random) -> bytes:
    """The head of one file and the tail of another, or both whole."""
    if draw.random() < 0.3:
        return data + other
    return data[: _place(data, draw) + 1] + other[_place(other, draw) :]


def fuzz(name: str, modality: str, count: int, first: int = 0) -> dict[str, object]:
    """Takes in `count` mutants of a file; raises what a mutant raises beside Refused."""
    data = sample(name) if name in SAMPLES else Path(name).read_bytes()
    ending = name.rpartition(".")[2]
    kin = [sample(one) for one in SAMPLES if modality_of(one) == modality]
    outcomes: Counter[str] = Counter()
    slowest = 0.0
    for number in range(first, first + count):
        begun = time.perf_counter()
        outcomes[outcome(mutant(data, kin, f"{ending} {number}"), f"x.{ending}", modality)] += 1
        slowest = max(slowest, time.perf_counter() - begun)
    apart.close()  # only children that have ended are counted
    return {
        "outcomes": dict(outcomes),
        "slowest_s": slowest,
        "peak_mib": _peak_mib(),
        "child_peak_mib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
    }


def _peak_mib() -> float:
    """Linux's high-water mark of this program alone: getrusage counts what its parent held when it was started."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) / 1024


def outcome(data: bytes, file: str, wanted: str) -> str:
    """`taken`, or why not. What is taken has probes that fit their columns."""
    try:
        media = inspect(data, file, LIMITS, wanted)  # type: ignore[arg-type]  # a modality's name
    except Refused as refusal:
        if refusal.reason not in REASONS or not refusal.detail:
            raise
        return refusal.reason
    row, schema = probe_row(data, media.modality, media.media_type, media.decoded), probe_schema(media.modality)
    for value, field in zip(row, schema, strict=True):
        assert value is not None
        _check(value, field.name)
    return "taken"


def _check(value: object, name: str) -> None:
    values = value if isinstance(value, tuple) else (value,)
    assert all(not isinstance(one, float) or abs(one) < 1e300 for one in values), f"{name} is {value}"


if __name__ == "__main__":
    print(json.dumps(fuzz(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))))
