"""The picture of a diff: an SVG of counts before and after, and of which class became which."""

from collections.abc import Iterable, Sequence

import pyarrow as pa

from lake.changes import Diff
from pipelines.svg import FAINT, INK, PALE, STRONG, cut, page, rect, text

WIDTH = 1080
MARGIN = 32
MAX_CLASSES = 16
MAX_CONFUSED = 10
MAX_PEOPLE = 8
_BEFORE, _AFTER, _INK, _FAINT = PALE, STRONG, INK, FAINT
_ROW = 30  # height of a pair of bars
_CELL = 44
_NAMES = 130  # room for names left of bars and cells


def draw(diff: Diff, before: str, after: str) -> str:
    """An SVG of `WIDTH` pixels; the same diff gives the same text."""
    half = (WIDTH - 3 * MARGIN) / 2
    left, left_end = _bars("How often each class is given", diff.classes, "class", MARGIN, 140, half, MAX_CLASSES)
    people, people_end = _bars(
        "Labels that each annotator took part in", diff.annotators, "annotator", MARGIN, left_end + 36, half, MAX_PEOPLE
    )
    x = 2 * MARGIN + half
    right, right_end = _confusion(diff.confusion, x, 140, half)
    shapes, shapes_end = _shapes(diff, x, right_end + 36, half)
    height = max(people_end, shapes_end) + MARGIN
    body = [*_head(diff, before, after), *left, *people, *right, *shapes]
    return page(WIDTH, height, f"What changed from {before} to {after}", body)


def _head(diff: Diff, before: str, after: str) -> Iterable[str]:
    yield text(MARGIN, 48, f"{before} → {after}", size=24, weight=600)
    facts = [
        (len(diff.added), "added"),
        (len(diff.removed), "removed"),
        (diff.relabelled.num_rows, "relabelled"),
        (diff.split_changed.num_rows, "in another split"),
    ]
    for number, (count, name) in enumerate(facts):
        yield text(MARGIN + number * 150, 88, f"{count:,}", size=20, weight=600)
        yield text(MARGIN + number * 150, 106, name, size=12, fill=_FAINT)
    x = WIDTH - MARGIN - 250
    for name, colour, at in ((before, _BEFORE, 78), (after, _AFTER, 98)):
        yield rect(x, at, 12, 12, colour)
        yield text(x + 20, at + 11, name, size=12, fill=_FAINT)


def _bars(
    title: str, counts: pa.Table, name: str, x: float, y: float, width: float, most: int
) -> tuple[list[str], float]:
    """A pair of bars a row, the rows with the largest counts; the parts, and where they end."""
    rows = sorted(counts.to_pylist(), key=lambda row: (-max(row["before"], row["after"]), row[name]))
    shown = sorted(rows[:most], key=lambda row: row[name])
    drawn = [text(x, y, title, size=14, weight=600)]
    top = y + 16
    longest = max((max(row["before"], row["after"]) for row in shown), default=0) or 1
    room = width - _NAMES - 110
    for number, row in enumerate(shown):
        at = top + number * _ROW
        drawn.append(text(x + _NAMES - 10, at + 17, cut(row[name] or "(no answer)"), size=12, anchor="end"))
        for value, colour, shift in ((row["before"], _BEFORE, 3), (row["after"], _AFTER, 13)):
            long = max(room * value / longest, 1.0 if value else 0.0)
            drawn.append(rect(x + _NAMES, at + shift, long, 9, colour))
        end = x + _NAMES + room * max(row["before"], row["after"]) / longest + 8
        change = row["after"] - row["before"]
        said = f"{row['after']:,}" + (f" ({change:+,})" if change else "")
        drawn.append(text(end, at + 17, said, size=11, fill=_INK if change else _FAINT))
    end_y = top + max(len(shown), 1) * _ROW
    if not shown:
        drawn.append(text(x, top + 17, "none", size=12, fill=_FAINT))
    if len(rows) > len(shown):
        drawn.append(text(x + _NAMES, end_y + 14, f"and {len(rows) - len(shown)} more", size=11, fill=_FAINT))
        end_y += 20
    return drawn, end_y


def _confusion(confusion: pa.Table, x: float, y: float, width: float) -> tuple[list[str], float]:
    """A cell for each pair of classes, darker where more items went that way."""
    counts = {(row["before"], row["after"]): row["count"] for row in confusion.to_pylist()}
    drawn = [text(x, y, "Which class became which (rows before, columns after)", size=14, weight=600)]
    if not counts:
        return [*drawn, text(x, y + 33, "no class became another", size=12, fill=_FAINT)], y + 46
    weight: dict[str, int] = {}
    for (old, new), count in counts.items():
        weight[old] = weight.get(old, 0) + count
        weight[new] = weight.get(new, 0) + count
    names = sorted(sorted(weight, key=lambda name: (-weight[name], name))[:MAX_CONFUSED])
    cell = min(_CELL, (width - _NAMES) / len(names))
    top, most = y + 112, max(counts.values())
    for number, name in enumerate(names):
        middle = x + _NAMES + (number + 0.5) * cell
        drawn.append(text(middle + 4, top - 8, cut(name), size=12, turn=-45))
        drawn.append(text(x + _NAMES - 10, top + (number + 0.5) * cell + 4, cut(name), size=12, anchor="end"))
    for row, old in enumerate(names):
        for column, new in enumerate(names):
            drawn += _cell(
                counts.get((old, new), 0), most, x + _NAMES + column * cell, top + row * cell, cell, same=old == new
            )
    end = top + len(names) * cell
    if len(weight) > len(names):
        drawn.append(text(x + _NAMES, end + 18, f"and {len(weight) - len(names)} classes more", size=11, fill=_FAINT))
        end += 22
    return drawn, end


def _cell(count: int, most: int, x: float, y: float, side: float, *, same: bool) -> Sequence[str]:
    share = (count / most) ** 0.5 if count else 0.0  # of its area, so that rare ways are seen too
    fill = _AFTER if count else ("#f5f7fa" if not same else "#e4e7eb")
    opacity = 0.15 + 0.85 * share if count else 1.0
    square = rect(x + 1, y + 1, side - 2, side - 2, fill, opacity)
    if not count:
        return [square]
    ink = "#ffffff" if share > 0.5 else _INK
    return [square, text(x + side / 2, y + side / 2 + 4, _compact(count), size=11, anchor="middle", fill=ink)]


def _shapes(diff: Diff, x: float, y: float, width: float) -> tuple[list[str], float]:
    """What became of boxes, spans, segments and solids; how far those that moved still cover their old place."""
    if not diff.shapes.num_rows:
        return [], y - 36
    rows = diff.shapes.to_pylist()
    ious = [value for row in rows for value in row["moved"]]
    sums = [(name, sum(row[name] for row in rows)) for name in ("kept", "renamed", "added", "removed")]
    said = ", ".join([f"{len(ious):,} moved", *(f"{count:,} {name}" for name, count in sums)])
    drawn = [
        text(x, y, "Shapes in relabelled items", size=14, weight=600),
        text(x, y + 22, said, size=12, fill=_FAINT),
    ]
    if not ious:
        return drawn, y + 36
    bins = [0] * 10
    for value in ious:
        bins[min(int(value * 10), 9)] += 1
    top, tall, step = y + 40, 90.0, (width - _NAMES) / 10
    for number, count in enumerate(bins):
        high = tall * count / max(bins)
        at = x + _NAMES + number * step
        drawn.append(rect(at + 1, top + tall - high, step - 2, high, _AFTER))
        drawn.append(text(at, top + tall + 15, f"{number / 10:.1f}", size=10, anchor="middle", fill=_FAINT))
    drawn.append(text(x + _NAMES + 10 * step, top + tall + 15, "1.0", size=10, anchor="middle", fill=_FAINT))
    drawn.append(text(x + _NAMES - 12, top + tall / 2, "moved, by IoU", size=12, anchor="end"))
    return drawn, top + tall + 20


def _compact(count: int) -> str:
    return f"{count:,}" if count < 10_000 else f"{count / 1000:.0f}k" if count < 1_000_000 else f"{count / 1e6:.1f}M"
