"""A trial on one page that opens anywhere, and the same as data."""

import dataclasses
import json
from collections.abc import Iterable, Sequence
from html import escape

from lake.records import SliceMetric
from quality.trial.compare import Judgement
from quality.trial.failures import groups_of
from quality.trial.runner import TrialResult

_NUM_SHOWN = 200  # failures on the page; the data has all of them
_WIDTH, _HEIGHT = 260, 14
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1d2733 }
table { border-collapse: collapse; margin: 0 0 2rem } th, td { text-align: left; padding: .25rem .9rem .25rem 0 }
th { border-bottom: 1px solid #aab } td.number { text-align: right; font-variant-numeric: tabular-nums }
.promote { color: #14713b } .hold { color: #8a5a00 } .reject { color: #a11d2b } code { font-size: 85% }
"""


def to_json(result: TrialResult, judgement: Judgement) -> str:
    """All that the page shows and every failure: {suite, overall, slices, worst, failures, judgement}."""
    shown = ("suite", "overall", "slices", "worst", "failures")
    data = {name: _plain(getattr(result, name)) for name in shown}
    text = json.dumps({**data, "judgement": _plain(judgement)}, ensure_ascii=False, indent=1, sort_keys=True)
    return text + "\n"


def page(result: TrialResult, judgement: Judgement, *, title: str) -> str:
    """One self-contained HTML page: no script, no style sheet, picture or font from elsewhere."""
    worst = result.worst.name if result.worst else None
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style></head><body>
<h1>{escape(title)}</h1>
<p>Suite <code>{escape(result.suite)}</code></p>
<h2 class="{judgement.verdict}">Verdict: {judgement.verdict}</h2>
<ul>{"".join(f"<li>{escape(reason)}</li>" for reason in judgement.reasons)}</ul>
<h2>Accuracy</h2>
<p>The bar is the accuracy, the line its 95 % interval.</p>
{_table(("slice", "cases", "accuracy", "", ""), _slice_rows(result, worst))}
<h2>Failures</h2>
{_failures(result)}
</body></html>
"""


def _slice_rows(result: TrialResult, worst: str | None) -> Iterable[Sequence[str]]:
    for one in (result.overall, *result.slices):
        accuracy = f"{one.accuracy:.3f}" if one.num_cases else "no cases"
        mark = "worst" if one.name == worst else ""
        yield escape(one.name), _number(one.num_cases), _number(accuracy), _bar(one), mark


def _failures(result: TrialResult) -> str:
    if not result.failures:
        return "<p>None: every case was answered right.</p>"
    reason_of = dict(zip(*(result.outcomes[name].to_pylist() for name in ("item_id", "reason")), strict=True))
    groups = [
        (_number(len(group.item_ids)), escape(group.expected), escape(group.predicted) or "nothing")
        for group in groups_of(result.failures)
    ]
    rows = [
        (
            f"<code>{escape(one.item_id[:12])}</code>",
            escape(one.expected),
            escape(one.predicted) or "nothing",
            _number(f"{one.confidence:.2f}"),
            escape(reason_of[one.item_id]),
            escape(", ".join(one.slices)),
        )
        for one in result.failures[:_NUM_SHOWN]
    ]
    num_more = len(result.failures) - len(rows)
    more = f"<p>And {num_more} more, in the data beside this page.</p>" if num_more else ""
    heads = ("item", "expected", "predicted", "confidence", "why", "slices")
    return f"{_table(('cases', 'expected', 'predicted'), groups)}\n{_table(heads, rows)}\n{more}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are HTML already; one that `_number` made brings its own tag."""
    head = "".join(f"<th>{name}</th>" for name in heads)
    body = "\n".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>"


def _cell(content: str) -> str:
    return content if content.startswith("<td") else f"<td>{content}</td>"


def _number(value: int | str) -> str:
    return f'<td class="number">{value}</td>'


def _bar(metric: SliceMetric) -> str:
    """The accuracy as a bar from 0 to 1 with its interval."""
    full, low, high = (round(share * _WIDTH, 1) for share in (metric.accuracy, metric.low, metric.high))
    middle = _HEIGHT / 2
    return (
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" role="img" '
        f'aria-label="{metric.accuracy:.3f}, 95 % {metric.low:.3f} to {metric.high:.3f}">'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#e8ecf1"/>'
        f'<rect width="{full}" height="{_HEIGHT}" fill="#5b8db8"/>'
        f'<line x1="{low}" x2="{high}" y1="{middle}" y2="{middle}" stroke="#1d2733" stroke-width="2"/></svg>'
    )


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return value
