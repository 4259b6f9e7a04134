"""The picture of a crew: how well each annotator answers, with intervals, and how that went from day to day."""

import math
from collections.abc import Collection, Sequence
from typing import Any

from labeling.crew_figures import CrewFigures
from pipelines.svg import FAINT, INK, LINE, PALE, STRONG, WARN, area, cut, dot, line, page, path, text

WIDTH = 1080
MARGIN = 32
MAX_PEOPLE = 40
_ROW = 44
_NAMES = 190
_FOREST = 400  # width of the part with intervals
_DAYS = 270
_TOP = 132
_SURE = 0.9  # a drift less probable than this is not drawn


def draw(figures: CrewFigures, title: str, suspects: Collection[str] = ()) -> str:
    """An SVG of `WIDTH` pixels, a row an annotator: accuracy on gold where they answered any, else agreement with most.

    Beside it agreement by day, of which there are more answers. suspects: whose votes are left out. Those with most
    answers are shown; the same figures give the same text.
    """
    rows = sorted(figures.annotators.to_pylist(), key=lambda row: (-row["num_answers"], row["annotator"]))
    shown = sorted((row for row in rows[:MAX_PEOPLE] if row["num_answers"]), key=_order)
    days: dict[str, list[dict[str, Any]]] = {}
    for day in figures.days.to_pylist():
        if day["num_answers"]:
            days.setdefault(day["annotator"], []).append(day)
    bottom = _TOP + max(len(shown), 1) * _ROW
    parts = [*_head(title), *_axis(bottom)]
    for number, row in enumerate(shown):
        y = _TOP + (number + 0.5) * _ROW
        parts += _row(row, days.get(row["annotator"], []), y, suspect=row["annotator"] in suspects)
    if not shown:
        parts.append(text(MARGIN, _TOP + 20, "nobody has answered yet", size=12, fill=FAINT))
    if len(rows) > len(shown):
        parts.append(text(MARGIN, bottom + 40, f"and {len(rows) - len(shown)} more", size=11, fill=FAINT))
    return page(WIDTH, bottom + 60, f"How well the crew of {title} answers", parts)


def measure(row: dict[str, Any]) -> tuple[str, float, float, float, int]:
    """What an annotator is judged by: its name, value, low, high, and number of answers."""
    name, num = ("gold_accuracy", "num_gold") if row["num_gold"] else ("agreement", "num_compared")
    return name, row[name], row[f"{name}_low"], row[f"{name}_high"], row[num]


def _order(row: dict[str, Any]) -> tuple[float, str]:
    value = measure(row)[1]
    return (-1.0 if math.isnan(value) else -value, row["annotator"])


def _head(title: str) -> Sequence[str]:
    return (
        text(MARGIN, 48, f"Crew of {title}", size=24, weight=600),
        text(MARGIN, 72, "dot: share of right answers; line: its 95 % interval (Wilson)", size=12, fill=FAINT),
        dot(MARGIN + 4, 90, STRONG),
        text(MARGIN + 16, 94, "on gold", size=12, fill=FAINT),
        dot(MARGIN + 84, 90, PALE),
        text(MARGIN + 96, 94, "agreement with most of the others, where there was no gold", size=12, fill=FAINT),
        text(_days_x(), 94, "agreement by day; dashed: a likely change", size=12, fill=FAINT),
    )


def _axis(bottom: float) -> Sequence[str]:
    parts = []
    for tenth in range(0, 11, 2):
        x = _x(tenth / 10)
        parts.append(line(x, _TOP - 8, x, bottom, LINE))
        parts.append(text(x, bottom + 18, f"{tenth * 10} %", size=11, anchor="middle", fill=FAINT))
    return parts


def _row(row: dict[str, Any], days: Sequence[dict[str, Any]], y: float, *, suspect: bool) -> Sequence[str]:
    name, value, low, high, num = measure(row)
    colour = WARN if suspect else STRONG if name == "gold_accuracy" else PALE
    parts = [
        text(MARGIN, y, cut(row["annotator"], 26), size=13, weight=600, fill=WARN if suspect else INK),
        text(MARGIN, y + 15, _says(row, num, suspect=suspect), size=11, fill=FAINT),
    ]
    if not math.isnan(value):
        parts += [
            line(_x(low), y, _x(high), y, colour, 3),
            dot(_x(value), y, colour, 5),
            text(_x(1) + 12, y + 4, f"{value:.0%}", size=12),
        ]
    return [*parts, *_by_day(row, days, y)]


def _says(row: dict[str, Any], num: int, *, suspect: bool) -> str:
    said = f"{row['num_answers']:,} answers, {num:,} judged"
    return f"{said}; left out" if suspect else said


def _by_day(row: dict[str, Any], days: Sequence[dict[str, Any]], y: float) -> Sequence[str]:
    """A line through the days, in a band of their intervals; where a change is likely, a mark."""
    names = ("agreement", "agreement_low", "agreement_high")
    points = [(one["day"], *(one[name] for name in names)) for one in days if one["num_compared"]]
    if not points:
        return ()
    top, tall = y - _ROW / 2 + 6, _ROW - 12
    first, span = points[0][0], max((points[-1][0] - points[0][0]).days, 1)

    def at(day: Any, share: float) -> tuple[float, float]:
        return _days_x() + _DAYS * (day - first).days / span, top + tall * (1 - share)

    band = [at(day, high) for day, _, _, high in points] + [at(day, low) for day, _, low, _ in reversed(points)]
    parts = [
        line(_days_x(), top + tall, _days_x() + _DAYS, top + tall, LINE),
        area(band, STRONG, 0.15),
        path([at(day, value) for day, value, _, _ in points], STRONG),
        *(dot(*at(day, value), STRONG, 2) for day, value, _, _ in points),
        text(_days_x() + _DAYS + 8, y + 4, _period(points[0][0], points[-1][0]), size=10, fill=FAINT),
    ]
    if (row["drift_probability"] or 0) >= _SURE:
        since = min(max(row["drift_since"].date(), points[0][0]), points[-1][0])
        x = at(since, 0)[0]
        parts.append(line(x, top, x, top + tall, WARN, 1.5, "3 2"))
        moved = f"{row['drift_before']:.0%} → {row['drift_after']:.0%}"
        late = x > _days_x() + _DAYS - 70
        parts.append(
            text(x - 4 if late else x + 4, top + tall - 2, moved, size=10, fill=WARN, anchor="end" if late else "start")
        )
    return parts


def _period(first: Any, last: Any) -> str:
    return f"{first:%m-%d}" if first == last else f"{first:%m-%d}…{last:%m-%d}"


def _x(share: float) -> float:
    return MARGIN + _NAMES + _FOREST * share


def _days_x() -> float:
    return MARGIN + _NAMES + _FOREST + 80
