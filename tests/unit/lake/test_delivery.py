"""Deliveries: whatever lies in a folder is seen, and what is wrong is named by file and line."""

import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path

import pytest

from lake.errors import DeliveryError
from lake.ingest import register
from lake.ingest.beside import ANSWERS, GROUPS, ORDER, Order, read_orders, read_pairs
from lake.ingest.sources import open_source, readable
from lake.store import Lake
from tests.unit.lake.samples import deliver, png

A_KNOWN_ID = "ab" * 32


@dataclass(frozen=True)
class Delivery:
    """All that is seen of a folder before anything of it is taken in."""

    files: tuple[str, ...]  # without the three beside
    links: tuple[str, ...]
    misnamed: tuple[str, ...]
    answers: dict[str, str]
    groups: dict[str, str]
    orders: tuple[Order, ...]
    delivery_id: str


def read_delivery(folder: Path) -> Delivery:
    source = open_source(folder)
    return Delivery(
        files=tuple(one.path for one in source.files() if one.path not in (ANSWERS, GROUPS, ORDER)),
        links=tuple(one.path for one in source.unread() if one.reason == "link"),
        misnamed=tuple(one.path for one in source.unread() if one.reason == "unreadable"),
        answers=read_pairs(source, ANSWERS, "answer"),
        groups=read_pairs(source, GROUPS, "group"),
        orders=tuple(read_orders(source)),
        delivery_id=source.identity(),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return deliver(tmp_path / "delivery", {"a.png": png(1), "b.png": png(2)})


def test_a_delivery_holds_its_files_and_what_is_said_of_them(folder: Path) -> None:
    deliver(
        folder,
        {
            "answers.csv": "\ufefffile,answer,note\na.png, seven ,sure\n\n".encode(),
            "groups.csv": b"group,file\r\npatient 1,a.png\r\npatient 1,b.png\r\n",
            "order.jsonl": json.dumps(order()).encode(),
        },
    )
    delivery = read_delivery(folder)
    assert delivery.files == ("a.png", "b.png")
    assert delivery.answers == {"a.png": "seven"}
    assert delivery.groups == {"a.png": "patient 1", "b.png": "patient 1"}
    assert [vars(one) for one in delivery.orders] == [order()]


def test_nested_folders_and_odd_names_are_taken_as_they_are(tmp_path: Path) -> None:
    names = {
        "z/y/x/deep.png",
        "标注/图 1.png",
        "with space.png",
        "new\nline.png",
        "a,b.png",
        '"quoted".png',
        ".hidden.png",
    }
    names |= {"sub/answers.csv", "u\u0308.png", "\u00fc.png", "🐈.png", "-rf", "C:\\x.png"}
    folder = deliver(tmp_path / "delivery", {name: name.encode() for name in names})
    assert set(read_delivery(folder).files) == names
    assert list(read_delivery(folder).files) == sorted(names)


def test_csv_may_name_odd_files(tmp_path: Path) -> None:
    folder = deliver(tmp_path / "delivery", {'a,b\n"c".png': b"x"})
    deliver(folder, {"answers.csv": b'file,answer\n"a,b\n""c"".png",seven\n'})
    assert read_delivery(folder).answers == {'a,b\n"c".png': "seven"}


def test_a_name_that_is_not_utf8_is_shown_and_not_taken(folder: Path) -> None:
    deliver(folder, {os.fsdecode(b"caf\xe9.png"): png(3)})
    delivery = read_delivery(folder)
    assert delivery.misnamed == ("caf\\xe9.png",)
    assert delivery.files == ("a.png", "b.png")


def test_a_deep_folder_is_walked(tmp_path: Path) -> None:
    depth, here = 400, os.open(tmp_path, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        here, before = os.open("d", os.O_RDONLY, dir_fd=here), here
        os.close(before)
    os.close(os.open("deep.txt", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    assert read_delivery(tmp_path).files == ("d/" * depth + "deep.txt",)


def test_links_pipes_and_sockets_are_never_followed(folder: Path, tmp_path: Path) -> None:
    secret = deliver(tmp_path / "elsewhere", {"secret.png": png(9)})
    (folder / "file.png").symlink_to(secret / "secret.png")
    (folder / "folder").symlink_to(secret)
    (folder / "itself").symlink_to(folder)
    (folder / "nowhere.png").symlink_to(tmp_path / "nothing")
    os.mkfifo(folder / "pipe.png")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(folder / "socket.png"))  # short: a socket's path has 107 bytes
    delivery = read_delivery(folder)
    assert delivery.files == ("a.png", "b.png")
    assert delivery.links == ("file.png", "folder", "itself", "nowhere.png", "pipe.png", "socket.png")


@pytest.mark.parametrize("name", ["answers.csv", "groups.csv", "order.jsonl"])
def test_a_link_in_the_place_of_a_table_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    deliver(tmp_path, {"elsewhere": b"file,answer,group\na.png,secret,secret\n"})
    (folder / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DeliveryError, match=f"{name} is not a plain file"):
        read_delivery(folder)


def test_the_id_is_of_names_and_bytes_and_of_nothing_else(tmp_path: Path) -> None:
    def made(where: str, *changes: dict[str, bytes]) -> str:
        files = {"a.png": b"1", "b/c.png": b"2"}
        for change in changes:
            files |= change
        return read_delivery(deliver(tmp_path / where, files)).delivery_id

    plain = made("one")
    os.utime(tmp_path / "one" / "a.png", (1, 1))
    assert read_delivery(tmp_path / "one").delivery_id == plain == made("other name")
    answers = {"answers.csv": b"file,answer\na.png,7\n"}
    others = [made("2", {"a.png": b"x"}), made("3", {"d.png": b"1"}), made("4", answers)]
    assert len({plain, *others}) == 4
    (tmp_path / "one" / "link").symlink_to("a.png")
    assert read_delivery(tmp_path / "one").delivery_id != plain


def test_what_is_no_delivery_is_said_so(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "folder" / "of" / "folders").mkdir(parents=True)
    for name, says in (("nothing", "is neither a folder nor a file"), ("folder", "holds no files")):
        with pytest.raises(DeliveryError, match=says):
            register(lake, "s", [tmp_path / name])


def test_a_delivery_of_orders_alone_is_one(tmp_path: Path) -> None:
    folder = deliver(tmp_path / "delivery", {"order.jsonl": json.dumps(order()).encode()})
    assert read_delivery(folder).files == ()


WRONG_CSV = {
    "no header": (b"a.png,seven\n", 1, "the first line must name the columns file and answer"),
    "empty": (b"", 1, "the first line must name"),
    "another column": (b"file,label\na.png,seven\n", 1, "the first line must name"),
    "semicolons": (b"file;answer\na.png;seven\n", 1, "the first line must name"),
    "a column twice": (b"file,answer,answer\na.png,1,2\n", 1, "the first line must name"),
    "too few columns": (b"file,answer\na.png,seven\nb.png\n", 3, "1 columns where the first line names 2"),
    "too many columns": (b"file,answer\na.png,seven, or nine\n", 2, "3 columns where the first line names 2"),
    "no file": (b"file,answer\n,seven\n", 2, "no file"),
    "no value": (b"file,answer\na.png,  \n", 2, "no answer"),
    "unknown file": (b"file,answer\na.png,seven\n./b.png,nine\n", 3, "'./b.png' is not in the delivery"),
    "two values": (b"file,answer\na.png,seven\na.png,nine\n", 3, "a second answer for 'a.png'"),
    "latin-1": ("file,answer\na.png,sieben\nb.png,f\u00fcnf\n".encode("latin-1"), 3, "is not UTF-8"),
    "UTF-16": ("file,answer\na.png,seven\n".encode("utf-16"), 1, "is not UTF-8"),
    "an open quote": (b'file,answer\na.png,"seven\nb.png,nine\n', 3, "not CSV"),
    "a field without end": (b"file,answer\na.png," + b"x" * 200_000, 2, "not CSV"),
    "itself": (b"file,answer\nanswers.csv,seven\n", 2, "is not in the delivery"),
}


@pytest.mark.parametrize("name", ["answers", "groups"])
@pytest.mark.parametrize("case", WRONG_CSV)
def test_what_is_wrong_in_a_csv_is_named_by_line(folder: Path, name: str, case: str) -> None:
    data, line, says = WRONG_CSV[case]
    column = name.removesuffix("s")
    for word in (b"answers", b"answer"):
        data = data.replace(word, word.replace(b"answer", column.encode()))
    deliver(folder, {f"{name}.csv": data})
    with pytest.raises(DeliveryError) as refusal:
        read_delivery(folder)
    assert refusal.value.what.startswith(f"{folder / name}.csv:{line}: ")
    assert says.replace("answer", column) in refusal.value.what


def test_the_same_line_twice_says_nothing_new(folder: Path) -> None:
    deliver(folder, {"answers.csv": b"file,answer\na.png,seven\na.png,seven\n"})
    assert read_delivery(folder).answers == {"a.png": "seven"}


def order(**changes: object) -> dict[str, object]:
    return {"item_id": A_KNOWN_ID, "reason": "review", "why": "two lines\u2028apart", "weight": 2.5} | changes


def without(name: str) -> str:
    return json.dumps({key: value for key, value in order().items() if key != name})


WRONG_ORDERS = {
    **{f"no {name}": (without(name), f"no {name}") for name in order()},
    "not JSON": ("{", "Expecting property name"),
    "a list": ("[]", "list instead of an object"),
    "null": ("null", "NoneType instead of an object"),
    "an empty line": ("", "Expecting value"),
    "deep JSON": ("[" * 100_000, "recursion"),
    "a short id": (json.dumps(order(item_id="abab")), "item_id 'abab'"),
    "a path for an id": (json.dumps(order(item_id="../" * 20 + "abcd")), "item_id '../"),
    "a number for an id": (json.dumps(order(item_id=7)), "item_id 7"),
    "an unknown reason": (json.dumps(order(reason="because")), "reason 'because'"),
    "a list for a reason": (json.dumps(order(reason=["new"])), "reason ['new']"),
    "no text for why": (json.dumps(order(why=None)), "why None"),
    "a text for a weight": (json.dumps(order(weight="2")), "weight '2'"),
    "true for a weight": (json.dumps(order(weight=True)), "weight True"),
    "NaN for a weight": (json.dumps(order(weight=float("nan"))), "weight nan"),
    "infinity for a weight": (json.dumps(order(weight=float("inf"))), "weight inf"),
    "a huge weight": (json.dumps(order(weight=10**400)), "weight 1000"),
}


@pytest.mark.parametrize("case", WRONG_ORDERS)
def test_what_is_wrong_in_an_order_is_named_by_line(folder: Path, case: str) -> None:
    line, says = WRONG_ORDERS[case]
    deliver(folder, {"order.jsonl": f"{json.dumps(order(), ensure_ascii=False)}\n{line}\n".encode()})
    with pytest.raises(DeliveryError) as refusal:
        read_delivery(folder)
    assert refusal.value.what.startswith(f"{folder / 'order.jsonl'}:2: not an order: ")
    assert says in refusal.value.what


def test_an_order_in_another_encoding_is_named_by_line(folder: Path) -> None:
    deliver(folder, {"order.jsonl": json.dumps(order()).encode() + b"\n\xff\xfe"})
    with pytest.raises(DeliveryError, match=r"order\.jsonl:2: byte \d+ is not UTF-8"):
        read_delivery(folder)


def test_a_file_that_cannot_be_read_is_said_so(folder: Path) -> None:
    (folder / "a.png").unlink()
    with pytest.raises(DeliveryError, match=r"a\.png cannot be read: No such file"), readable(folder):
        (folder / "a.png").read_bytes()
