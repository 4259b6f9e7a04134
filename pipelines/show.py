"""What people see in a terminal: tables, trees, progress. The only place that draws there."""

import datetime as dt
import json
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lake.lineage import Node

_BEGIN = time.monotonic()
_READABLE = 16  # columns that a sentence needs at least
_GAP = 3  # columns between two cells, as the box draws them
Cell = str | int | float | bool | None


@dataclass(frozen=True)
class Table:
    """Rows of cells under a head; an empty head is not drawn."""

    head: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]


def say(text: str) -> None:
    """A line on what is going on, apart from the data that a command prints, and after how many seconds."""
    print(f"{time.monotonic() - _BEGIN:5.0f} s  {text}", file=sys.stderr, flush=True)


def print_table(table: Table) -> None:
    """As wide as the terminal, or as its content where there is none. The first column, a name, is never broken.

    Other cells are wrapped between words; where that does not do, each row becomes lines under its name.
    """
    rows = [[_text(cell) for cell in row] for row in table.rows]
    room = shutil.get_terminal_size((0, 0)).columns
    widths = _widths([table.head, *rows], room)
    if widths is None:
        _print_blocks(table.head, rows, room)
    else:
        _print_grid(table, rows, widths)


def _widths(lines: Sequence[Sequence[str]], room: int) -> list[int] | None:
    """How wide each column is drawn; None where words would have to be broken. room: 0 for no limit."""
    from rich.cells import cell_len

    columns = list(zip(*lines, strict=True))
    wanted = [max(map(cell_len, column)) for column in columns]
    least = [
        want if number == 0 else max(min(want, _READABLE), _longest_word(column))
        for number, (want, column) in enumerate(zip(wanted, columns, strict=True))
    ]
    spare = room - _GAP * len(columns) - sum(least)
    if not room:
        return wanted
    if spare < 0:
        return None
    widths = list(least)
    for done, number in enumerate(sorted(range(len(columns)), key=lambda one: wanted[one] - least[one])):
        more = min(wanted[number] - least[number], spare // (len(columns) - done))
        widths[number] += more
        spare -= more
    return widths


def _longest_word(texts: Sequence[str]) -> int:
    from rich.cells import cell_len

    return max((cell_len(word) for text in texts for word in text.split()), default=0)


def _print_grid(table: Table, rows: Sequence[Sequence[str]], widths: Sequence[int]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable

    drawn = RichTable(box=box.SIMPLE_HEAD, show_header=any(table.head), pad_edge=False)
    for column, (name, width) in enumerate(zip(table.head, widths, strict=True)):
        numeric = bool(table.rows) and all(isinstance(row[column], int | float) for row in table.rows)
        drawn.add_column(name, justify="right" if numeric else "left", overflow="fold", width=width)
    for row in rows:
        drawn.add_row(*row)
    total = sum(widths) + _GAP * len(widths)
    Console(highlight=False, markup=False, width=total).print(drawn)


def _print_blocks(head: Sequence[str], rows: Sequence[Sequence[str]], room: int) -> None:
    """Each row as lines: its name, and under it the rest."""
    indent = max(map(len, head[1:])) + 4
    for name, *rest in rows:
        print(f"\n{head[0]} {name}".rstrip() if head[0] else f"\n{name}")
        for title, text in zip(head[1:], rest, strict=True):
            wrapped = textwrap.wrap(text, max(_READABLE, room - indent), break_long_words=False, break_on_hyphens=False)
            for number, line in enumerate(wrapped or [""]):
                print(f"  {title if number == 0 else '':{indent - 2}}{line}".rstrip())
    print()


def printable(text: str) -> str:
    """A text that moves no cursor and rings no bell: what cannot be printed is written as an escape."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def print_json(data: object) -> None:
    """Data as JSON; money as text, times as ISO 8601."""
    print(json.dumps(data, indent=2, ensure_ascii=False, default=_plain))


def print_tree(node: "Node") -> None:
    from rich.console import Console
    from rich.tree import Tree

    def grow(tree: Tree, children: "Sequence[Node]") -> None:
        for child in children:
            grow(tree.add(_node(child)), child.children)

    root = Tree(_node(node))
    grow(root, node.children)
    Console(highlight=False, markup=False).print(root)


@contextmanager
def progress_bar(title: str, *, shown: bool = True, of_bytes: bool = False) -> Iterator[Callable[[int, int], None]]:
    """Something to call with (done, total) while long work goes on: a bar with rate and time left."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    console = Console(stderr=True)
    amount: list[ProgressColumn] = [DownloadColumn(), TransferSpeedColumn()] if of_bytes else [MofNCompleteColumn()]
    columns = (TextColumn("{task.description}"), BarColumn(), *amount, TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not (shown and console.is_terminal), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _node(node: "Node") -> str:
    return f"{node.kind} {node.name}" + (f"  ({node.says})" if node.says else "")


def _text(cell: Cell) -> str:
    if cell is None:
        return "-"
    return f"{cell:.3f}" if isinstance(cell, float) else printable(str(cell))


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dt.datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
