"""Every answer of a crew held against gold, against the others and against the label that came of it."""

import datetime as dt
import math
import operator
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lake import ids
from lake.records import Annotation, Label

Same = Callable[[str, str], bool]  # whether two answers say the same

_NUM_SHIFTS = 8  # items that an answer is held against to see how often chance agrees


@dataclass(frozen=True, kw_only=True)
class HeldAnswer:
    """One person's last word on one item, and what can be said of it; None where nothing can."""

    annotator: str
    item_id: str
    answer: str
    at: dt.datetime
    seconds: float  # NaN where the platform did not measure it
    gold: bool | None  # says what the expert says
    others: bool | None  # says what more than half of the others say, where there is such an answer
    label: bool | None  # says what the item's label says
    first: bool | None  # its first answer to the item says what the label says, and no second was needed

    @property
    def right(self) -> bool | None:
        """Against gold where the item is gold, else against the label."""
        return self.label if self.gold is None else self.gold


def held(
    annotations: Sequence[Annotation],
    labels: Iterable[Label],
    gold: Mapping[str, str],
    *,
    same: Same = operator.eq,
) -> tuple[HeldAnswer, ...]:
    """Every counted answer, by annotator, time and item; skipped ones are left out.

    labels: those that were accepted. same: `operator.eq` for answers of one word; for shapes or spans the distance of
    their `consensus.votes.Method` below a limit. An annotator who answers an item again has said only the last.
    """
    words: dict[tuple[str, str], list[Annotation]] = {}
    for one in sorted(annotations, key=lambda one: (one.updated_at, one.annotation_id)):
        if not one.cancelled:
            words.setdefault((one.item_id, one.annotator), []).append(one)
    by_item: dict[str, dict[str, str]] = {}
    for (item_id, annotator), said in words.items():
        by_item.setdefault(item_id, {})[annotator] = said[-1].answer
    agreed = {label.item_id: label.answer for label in labels}
    rows = []
    for (item_id, annotator), said in words.items():
        last, label = said[-1], agreed.get(item_id)
        others = [answer for who, answer in by_item[item_id].items() if who != annotator]
        rows.append(
            HeldAnswer(
                annotator=annotator,
                item_id=item_id,
                answer=last.answer,
                at=last.updated_at,
                seconds=last.lead_time_s if last.lead_time_s > 0 else math.nan,
                gold=same(last.answer, gold[item_id]) if item_id in gold else None,
                others=_says_what_most_say(last.answer, others, same),
                label=None if label is None else same(last.answer, label),
                first=None if label is None else len(said) == 1 and same(last.answer, label),
            )
        )
    return tuple(sorted(rows, key=lambda one: (one.annotator, one.at, one.item_id)))


def most_say(answers: Sequence[str], same: Same) -> str | None:
    """The first of the answers, sorted, that says the same as more than half of them; None where none does."""
    for candidate in sorted(set(answers)):
        if 2 * sum(same(candidate, one) for one in answers) > len(answers):
            return candidate
    return None


def chance_agreement(pairs: Mapping[str, tuple[str, str]], same: Same) -> float:
    """How often somebody would agree with the others who answered without looking: a share.

    pairs: of each item, the person's answer and what most of the others say. Each answer is held against what the
    others say of eight other items, or of all where there are fewer, that follow in an order by hash. NaN for fewer
    than two items.
    """
    order = sorted(pairs, key=lambda item_id: (ids.key("chance agreement", item_id), item_id))
    if len(order) < 2:
        return math.nan
    own, others = [pairs[one][0] for one in order], [pairs[one][1] for one in order]
    shifts = range(1, min(_NUM_SHIFTS, len(order) - 1) + 1)
    hits = [same(own[i], others[(i + shift) % len(order)]) for shift in shifts for i in range(len(order))]
    return sum(hits) / len(hits)


def median_seconds(answers: Iterable[HeldAnswer]) -> float:
    """NaN where no time was measured."""
    known = [one.seconds for one in answers if not math.isnan(one.seconds)]
    return statistics.median(known) if known else math.nan


def _says_what_most_say(answer: str, others: Sequence[str], same: Same) -> bool | None:
    most = most_say(others, same)
    return None if most is None else same(answer, most)
