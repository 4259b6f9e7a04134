"""Archives are read in place; what is dangerous or broken in them is told and stays out."""

import bz2
import gzip
import io
import lzma
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lake.errors import DeliveryError
from lake.ingest.reading import Damaged, Source
from lake.ingest.sources import guard, open_source, streams
from lake.ingest.sources.guard import plain_name, wrong_name

FILES = {"b/two.txt": b"two" * 1000, "a.txt": b"one", "b/c/three.txt": b""}


def tar(files: Mapping[str, bytes], *more: tarfile.TarInfo, form: int = tarfile.PAX_FORMAT) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info in more:
            archive.addfile(info)
    return file.getvalue()


def zipped(files: Mapping[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", packing) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return file.getvalue()


def zstd(data: bytes) -> bytes:
    return bytes(pa.compress(data, codec="zstd", asbytes=True))


PACKED: dict[str, Callable[[Mapping[str, bytes]], bytes]] = {
    "d.tar": tar,
    "d.tar.gz": lambda files: gzip.compress(tar(files)),
    "d.tgz": lambda files: gzip.compress(tar(files)),
    "d.tar.bz2": lambda files: bz2.compress(tar(files)),
    "d.tar.xz": lambda files: lzma.compress(tar(files)),
    "d.tar.zst": lambda files: zstd(tar(files)),
    "d.zip": zipped,
    "stored.zip": lambda files: zipped(files, zipfile.ZIP_STORED),
    "lzma.ZIP": lambda files: zipped(files, zipfile.ZIP_LZMA),
}


def put(tmp_path: Path, name: str, data: bytes) -> Source:
    (tmp_path / name).write_bytes(data)
    return open_source(tmp_path / name)


@pytest.mark.parametrize("name", PACKED)
def test_an_archive_gives_the_same_as_its_folder(tmp_path: Path, name: str) -> None:
    source = put(tmp_path, name, PACKED[name](FILES))
    assert [(file.path, file.size_bytes) for file in source.files()] == sorted((a, len(b)) for a, b in FILES.items())
    for path in (*sorted(FILES), *FILES):  # in two orders
        assert source.read(path, 10_000) == FILES[path]
        assert source.read(path, 2) == FILES[path][:3]
        with source.open(path) as file:
            assert file.read() == FILES[path]
            file.seek(1)
            assert file.read(2) == FILES[path][1:3]
    assert source.unread() == ()
    assert source.identity() == open_source(tmp_path / name).identity()


def test_a_packed_archive_is_unpacked_to_a_scratch_file_only_out_of_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    whole = tempfile.TemporaryFile

    def counted() -> object:
        made.append(whole())
        return made[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", counted)
    source = put(tmp_path, "d.tar.gz", gzip.compress(tar(FILES)))
    for path in FILES:
        source.read(path, 10_000)
    assert made == []
    source.read("b/two.txt", 10_000)
    source.read("a.txt", 10_000)
    assert len(made) == 1


def test_nothing_of_a_tar_leads_out_of_it(tmp_path: Path) -> None:
    def special(name: str, kind: bytes) -> tarfile.TarInfo:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, "/etc/passwd"
        return info

    more = [special("link", tarfile.SYMTYPE), special("hard", tarfile.LNKTYPE), special("device", tarfile.CHRTYPE)]
    more += [special("pipe", tarfile.FIFOTYPE), special("folder", tarfile.DIRTYPE)]
    files = {"/abs.txt": b"1", "../up.txt": b"2", "a/../../up.txt": b"3", "./fine.txt": b"4", "C:\\x.txt": b"5"}
    source = put(tmp_path, "d.tar", tar(files, *more))
    assert [file.path for file in source.files()] == ["fine.txt"]
    assert {one.path: one.reason for one in source.unread()} == {
        "../up.txt": "unreadable",
        "/abs.txt": "unreadable",
        "C:\\x.txt": "unreadable",
        "a/../../up.txt": "unreadable",
        "device": "link",
        "hard": "link",
        "link": "link",
        "pipe": "link",
    }


def test_of_two_members_with_one_name_the_later_is_taken_and_that_is_said(tmp_path: Path) -> None:
    first, second = tar({"a.txt": b"old"}), tar({"./a.txt": b"new!"})
    source = put(tmp_path, "d.tar", first[:1024] + second)
    assert source.read("a.txt", 99) == b"new!"
    assert [(one.path, one.reason) for one in source.unread()] == [("a.txt", "unreadable")]


def test_a_tar_name_that_is_not_utf8_stays_out(tmp_path: Path) -> None:
    data = tar({"xx.txt": b"1", "ok.txt": b"2"}, form=tarfile.USTAR_FORMAT)
    bad = bytearray(data)
    bad[0:2] = b"\xbb\xaa"
    bad[148:156] = b"%06o\0 " % (sum(bad[:148]) + sum(bad[156:512]) + 8 * 32)
    source = put(tmp_path, "d.tar", bytes(bad))
    assert [file.path for file in source.files()] == ["ok.txt"]
    assert [(one.path, one.reason) for one in source.unread()] == [("\\xbb\\xaa.txt", "unreadable")]


def old_zip(name: bytes, data: bytes = b"1") -> bytes:
    """A zip whose only name is these bytes, without saying in which charset."""
    plain = zipped({"x" * len(name): data}, zipfile.ZIP_STORED)
    return plain.replace(b"x" * len(name), name)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("标注/图片.txt".encode("gb18030"), "标注/图片.txt"),
        ("標註的圖片.txt".encode("big5"), "標註的圖片.txt"),
        ("图片.txt".encode(), "图片.txt"),
        (b"caf\x82.txt", "café.txt"),
    ],
)
def test_zip_names_without_a_charset_are_read_as_their_writers_meant_them(
    tmp_path: Path, raw: bytes, name: str
) -> None:
    assert [file.path for file in put(tmp_path, "d.zip", old_zip(raw)).files()] == [name]


def test_encrypted_linked_and_oddly_packed_members_of_a_zip_stay_out(tmp_path: Path) -> None:
    data = bytearray(zipped({"secret.txt": b"1", "link": b"/etc/passwd", "odd.txt": b"2", "ok.txt": b"3"}))
    source = put(tmp_path, "plain.zip", bytes(data))
    assert len(source.files()) == 4
    at = [index for index in range(len(data)) if data[index : index + 4] == b"PK\x01\x02"]
    data[at[0] + 8] |= 1
    data[at[1] + 41] = 0xA1  # a symbolic link
    data[at[2] + 10] = 97
    source = put(tmp_path, "d.zip", bytes(data))
    assert [file.path for file in source.files()] == ["ok.txt"]
    assert [(one.path, one.reason) for one in source.unread()] == [
        ("link", "link"),
        ("odd.txt", "unsupported"),
        ("secret.txt", "unreadable"),
    ]


def test_a_bomb_costs_what_the_caller_allows(tmp_path: Path) -> None:
    source = put(tmp_path, "d.zip", zipped({"bomb.txt": bytes(200_000_000)}))
    assert source.read("bomb.txt", 1000) == bytes(1001)


def test_a_packed_tar_that_unfolds_beyond_its_bound_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_FREE_BYTES", 1 << 20)
    source = put(tmp_path, "d.tar.bz2", bz2.compress(tar({"bomb.txt": bytes(50_000_000)})))
    with pytest.raises(DeliveryError, match="unpacks to more than"):
        source.files()


def test_a_header_that_claims_to_be_huge_takes_no_memory(tmp_path: Path) -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 3 << 20
    source = put(tmp_path, "d.tar", info.tobuf(tarfile.USTAR_FORMAT) + bytes(4 << 20))
    with pytest.raises(DeliveryError, match="a header of"):
        source.files()


@pytest.mark.parametrize("name", ["d.tar", "d.zip"])
def test_an_archive_of_too_many_members_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(guard, "MAX_MEMBERS", 2)
    with pytest.raises(DeliveryError, match="more than 2 members"):
        put(tmp_path, name, PACKED[name](FILES)).files()


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.7])
def test_a_cut_off_archive_is_an_error_with_a_remedy(tmp_path: Path, name: str, share: float) -> None:
    whole = PACKED[name]({f"{number}.bin": bytes(range(256)) * 40 for number in range(9)} | FILES)
    source = put(tmp_path, name, whole[: int(len(whole) * share)])
    with pytest.raises(DeliveryError, match="to mend it"):
        source.files()


def test_a_tar_that_is_damaged_in_the_middle_does_not_end_there_silently(tmp_path: Path) -> None:
    data = bytearray(tar({"a.txt": b"1", "b.txt": b"2", "c.txt": b"3"}))
    data[1024:1030] = b"\xff" * 6
    with pytest.raises(DeliveryError, match="is damaged"):
        put(tmp_path, "d.tar", bytes(data)).files()


def test_what_stands_behind_the_end_of_a_tar_is_told(tmp_path: Path) -> None:
    source = put(tmp_path, "d.tar", tar({"a.txt": b"1"}) + tar({"hidden.txt": b"2"}))
    assert [file.path for file in source.files()] == ["a.txt"]
    assert [(one.path, one.reason) for one in source.unread()] == [("d.tar", "unsupported")]


def test_one_damaged_member_does_not_keep_the_others_out(tmp_path: Path) -> None:
    data = bytearray(zipped({"bad.txt": b"x" * 5000, "good.txt": b"y"}, zipfile.ZIP_STORED))
    data[2000] ^= 1
    source = put(tmp_path, "d.zip", bytes(data))
    with pytest.raises(Damaged, match=r"bad\.txt cannot be read: Bad CRC-32"):
        source.read("bad.txt", 10_000)
    assert source.read("good.txt", 10) == b"y"


def test_what_is_no_archive_is_said_so(tmp_path: Path) -> None:
    for name in PACKED:
        with pytest.raises(DeliveryError, match="to mend it"):
            put(tmp_path, name, b"no archive at all " * 100).files()
    with pytest.raises(DeliveryError, match="neither a folder nor a file"):
        open_source(tmp_path / "nothing.tar")


@given(data=st.binary(max_size=60), at=st.integers(0, 3000), name=st.sampled_from(sorted(PACKED)))
def test_a_mutated_archive_is_read_or_refused_but_never_crashes(data: bytes, at: int, name: str) -> None:
    whole = bytearray(PACKED[name](FILES))
    at %= len(whole)
    whole[at : at + len(data)] = data
    with tempfile.TemporaryDirectory() as folder:
        source = put(Path(folder), name, bytes(whole))
        with suppress(DeliveryError):
            for file in source.files():
                assert wrong_name(file.path) == ""
                with suppress(Damaged):
                    assert len(source.read(file.path, 5000)) <= 5001


@given(st.text(alphabet=st.sampled_from("ab./\\:C\0é\udc80"), max_size=12))
def test_a_name_that_is_taken_stays_below_the_delivery(name: str) -> None:
    if wrong_name(plain_name(name)) == "":
        target = (Path("/in") / plain_name(name)).resolve()
        assert target.is_relative_to("/in")
        assert target != Path("/in")
        plain_name(name).encode()


def test_a_folder_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one")
    source = open_source(tmp_path)
    assert source.read("a.txt", 99) == b"one"
    (tmp_path / "a.txt").write_text("other")
    with pytest.raises(DeliveryError, match="changed while it was read"):
        source.read("a.txt", 99)
    (tmp_path / "a.txt").unlink()
    (tmp_path / "a.txt").symlink_to("/etc/passwd")
    with pytest.raises(DeliveryError, match="cannot be read"):
        source.read("a.txt", 99)
