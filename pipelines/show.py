"""What people see in a terminal: tables, trees, progress. The only place that draws there."""

import datetime as dt
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lake.lineage import Node

_BEGIN = time.monotonic()
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
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable

    drawn = RichTable(box=box.SIMPLE_HEAD, show_header=any(table.head), pad_edge=False)
    for column, name in enumerate(table.head):
        numeric = bool(table.rows) and all(isinstance(row[column], int | float) for row in table.rows)
        drawn.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in table.rows:
        drawn.add_row(*(_text(cell) for cell in row))
    console = Console(highlight=False, markup=False)
    console.print(drawn)


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
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dt.datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
