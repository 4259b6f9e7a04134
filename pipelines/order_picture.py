"""The picture of an order: answers so far, those still wanted, and when they are likely to be there."""

import datetime as dt
from collections.abc import Callable, Sequence
from itertools import accumulate

from labeling.orders import Forecast, Order, Progress
from pipelines.svg import FAINT, LINE, PALE, STRONG, WARN, area, line, page, path, rect, text

WIDTH, HEIGHT = 1080, 460
MARGIN = 32
_LEFT, _RIGHT, _TOP, _BOTTOM = 92, 1048, 120, 400
_MOST_DAYS = 366  # a forecast beyond this is cut off, and says so


def draw(order: Order, now: Progress, when: Forecast | None) -> str:
    """An SVG of `WIDTH` x `HEIGHT` pixels; the same order gives the same text."""
    done, total = sum(now.per_day), sum(now.per_day) + now.num_left
    first = now.through - dt.timedelta(days=max(len(now.per_day) - 1, 0))
    deadline = order.deadline.date()
    ends = [now.through, deadline, *([] if when is None else [when.high])]
    last = min(max(ends), now.through + dt.timedelta(days=_MOST_DAYS))
    span = max((last - first).days + 1, 1)

    def x(day: dt.date) -> float:  # the end of a day
        return _LEFT + (_RIGHT - _LEFT) * min(max((day - first).days + 1, 0), span) / span

    due = (order.deadline - dt.datetime.combine(first, dt.time(), dt.UTC)) / dt.timedelta(days=1)
    x_due = _LEFT + (_RIGHT - _LEFT) * min(max(due, 0), span) / span

    def y(answers: float) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * answers / max(total, 1)

    days = [first + dt.timedelta(days=number) for number in range(len(now.per_day))]
    reached = [(x(day), y(sofar)) for day, sofar in zip(days, accumulate(now.per_day), strict=True)]
    parts = [
        *_head(order, now, when, done, total),
        *(rect(x(day) - (_RIGHT - _LEFT) / span + 1, y(num), (_RIGHT - _LEFT) / span - 2, _BOTTOM - y(num), PALE, 0.7)
          for day, num in zip(days, now.per_day, strict=True) if num),
        line(_LEFT, _BOTTOM, _RIGHT, _BOTTOM, LINE),
        line(_LEFT, y(total), _RIGHT, y(total), LINE, 1, "4 3"),
        text(_LEFT - 8, y(total) + 4, f"{total:,}", size=11, anchor="end", fill=FAINT),
        text(_LEFT - 8, _BOTTOM + 4, "0", size=11, anchor="end", fill=FAINT),
        path([(_LEFT, _BOTTOM), *reached], STRONG, 2.5),
    ]  # fmt: skip
    if when is not None and now.num_left:
        start = (x(now.through), y(done))
        parts.append(area([start, (x(when.low), y(total)), (x(when.high), y(total))], STRONG, 0.15))
        parts.append(line(*start, x(when.median), y(total), STRONG, 1.5, "5 4"))
    parts += [
        line(x_due, _TOP - 10, x_due, _BOTTOM, WARN, 1.5),
        text(x_due - 6, _BOTTOM - 8, f"deadline {order.deadline:%Y-%m-%d %H:%M}", size=11, anchor="end", fill=WARN),
        *_dates(first, last, x),
    ]
    return page(WIDTH, HEIGHT, f"How far the order {order.name} is", parts)


def _head(order: Order, now: Progress, when: Forecast | None, done: int, total: int) -> Sequence[str]:
    said = "nobody has answered yet"
    if not now.num_left:
        said = "all answers are there"
    elif when is not None:
        said = (
            f"done by {when.median} (80 %: {when.low} to {when.high}); in time with a chance of "
            f"{when.meets_deadline:.0%}, at {when.answers_per_day:,.1f} answers a day"
        )
    items = f"{now.num_items_done:,} of {len(order.item_ids):,} items"
    return (
        text(MARGIN, 48, f"{order.name} for {order.customer}", size=24, weight=600),
        text(MARGIN, 72, f"{items}, {done:,} of {total:,} answers by {now.through}", size=13),
        text(MARGIN, 92, said, size=13, fill=FAINT),
    )


def _dates(first: dt.date, last: dt.date, place: Callable[[dt.date], float]) -> Sequence[str]:
    num = (last - first).days + 1
    step = max(1, -(-num // 8))
    return [
        text(place(day), _BOTTOM + 20, f"{day:%m-%d}", size=11, anchor="middle", fill=FAINT)
        for day in (first + dt.timedelta(days=number) for number in range(0, num, step))
    ]
