"""Who answers without looking: answers too fast, one answer whatever is shown, or no better than chance."""

import math
import operator
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from labeling.crew_answers import HeldAnswer, Same, chance_agreement, most_say
from lake.intervals import wilson

_DIGITS = 9

SPAM_SCHEMA = pa.schema(
    [
        pa.field("annotator", pa.string(), nullable=False),
        pa.field("num_answers", pa.int64(), nullable=False),
        pa.field("num_timed", pa.int64(), nullable=False),
        pa.field("fast_share", pa.float64(), nullable=False),  # of the timed answers, below `min_seconds`
        pa.field("fast_low", pa.float64(), nullable=False),  # 95 %, Wilson
        pa.field("top_answer", pa.string(), nullable=False),  # what this annotator says most
        pa.field("top_share", pa.float64(), nullable=False),
        pa.field("top_low", pa.float64(), nullable=False),  # 95 %, Wilson
        pa.field("top_others_high", pa.float64(), nullable=False),  # the others' share of it, on the same items
        pa.field("entropy_bits", pa.float64(), nullable=False),  # of this annotator's answers
        pa.field("num_compared", pa.int64(), nullable=False),  # items on which most of the others say the same
        pa.field("agreement", pa.float64(), nullable=False),
        pa.field("by_chance", pa.float64(), nullable=False),  # agreement of the same answers, dealt out to other items
        pa.field("kappa", pa.float64(), nullable=False),  # (agreement - by_chance) / (1 - by_chance)
        pa.field("kappa_high", pa.float64(), nullable=False),  # 95 %
        pa.field("gold_low", pa.float64(), nullable=False),  # lower end of the accuracy on gold; 0 without any
    ]
)


@dataclass(frozen=True, kw_only=True)
class SpamRules:
    """What makes an annotator suspect; each rule asks for certainty at 95 %, not for the bare share."""

    min_answers: int  # fewer say nothing
    min_seconds: float  # nobody who looks is faster
    max_fast_share: float  # of answers below `min_seconds`
    max_top_share: float  # of one and the same answer
    max_kappa: float  # agreement beyond chance that somebody who looks exceeds


@dataclass(frozen=True, kw_only=True)
class Suspect:
    """Somebody whose answers look like spam, and why; for a person to look at, never to punish by itself."""

    annotator: str
    reasons: tuple[str, ...]  # sentences with their figures, one a rule


def spam_signals(answers: Sequence[HeldAnswer], *, min_seconds: float, same: Same = operator.eq) -> pa.Table:
    """SPAM_SCHEMA, by annotator.

    answers: all of a crew (`crew_answers.held`). Agreement is with what more than half of the others say; what chance
    would give comes from the same answers held against other items, so that the frequency of answers is accounted
    for. Kappa is NaN where chance always agrees. Source: Cohen 1960, "A coefficient of agreement for nominal scales".
    """
    by_item: dict[str, dict[str, str]] = {}
    for one in answers:
        by_item.setdefault(one.item_id, {})[one.annotator] = one.answer
    own: dict[str, list[HeldAnswer]] = {}
    for one in sorted(answers, key=lambda one: (one.annotator, one.item_id)):
        own.setdefault(one.annotator, []).append(one)
    rows = [_row(who, said, by_item, min_seconds=min_seconds, same=same) for who, said in own.items()]
    return pa.Table.from_pylist([{name: _rounded(value) for name, value in row.items()} for row in rows], SPAM_SCHEMA)


def spammers(answers: Sequence[HeldAnswer], rules: SpamRules, *, same: Same = operator.eq) -> tuple[Suspect, ...]:
    """Annotators who break a rule, by name.

    Too fast: more than `max_fast_share` of the answers take less than `min_seconds`. One answer: more than
    `max_top_share` say the same, and the others say it of the same items significantly less. Chance: agreement with
    the others lies no further above chance than `max_kappa`, even at the upper end of its interval; whoever does
    better than that chance on gold is not blamed for a crew that answers at random.
    """
    suspects = []
    for row in spam_signals(answers, min_seconds=rules.min_seconds, same=same).to_pylist():
        reasons = []
        if row["num_timed"] >= rules.min_answers and row["fast_low"] > rules.max_fast_share:
            reasons.append(
                f"{row['fast_share']:.0%} of {row['num_timed']} answers took less than {rules.min_seconds:g} s"
            )
        one_answer = row["top_low"] > max(rules.max_top_share, row["top_others_high"])
        if row["num_answers"] >= rules.min_answers and one_answer:
            reasons.append(
                f'{row["top_share"]:.0%} of {row["num_answers"]} answers are "{row["top_answer"][:40]}", '
                f"of the others' at most {row['top_others_high']:.0%}"
            )
        by_chance = row["kappa_high"] < rules.max_kappa and row["gold_low"] <= row["by_chance"]
        if row["num_compared"] >= rules.min_answers and by_chance:
            reasons.append(
                f"agrees with the others on {row['agreement']:.0%} of {row['num_compared']} items, "
                f"where chance gives {row['by_chance']:.0%}"
            )
        if reasons:
            suspects.append(Suspect(annotator=row["annotator"], reasons=tuple(reasons)))
    return tuple(suspects)


def _row(
    who: str, own: Sequence[HeldAnswer], by_item: dict[str, dict[str, str]], *, min_seconds: float, same: Same
) -> dict[str, object]:
    timed = [one.seconds for one in own if not math.isnan(one.seconds)]
    fast = wilson(sum(one < min_seconds for one in timed), len(timed))
    counts = Counter(one.answer for one in own)
    top_answer = min(counts, key=lambda answer: (-counts[answer], answer))
    top = wilson(counts[top_answer], len(own))
    others = {one.item_id: [said for name, said in by_item[one.item_id].items() if name != who] for one in own}
    gold = [one.gold for one in own if one.gold is not None]
    told = [said for all_ in others.values() for said in all_]
    return {
        "annotator": who,
        "num_answers": len(own),
        "num_timed": len(timed),
        "fast_share": fast.value,
        "fast_low": fast.low,
        "top_answer": top_answer,
        "top_share": top.value,
        "top_low": top.low,
        "top_others_high": wilson(told.count(top_answer), len(told)).high,
        "entropy_bits": -sum(num / len(own) * math.log2(num / len(own)) for num in counts.values()) + 0.0,
        **_beyond_chance(own, others, same),
        "gold_low": wilson(sum(gold), len(gold)).low,
    }


def _beyond_chance(own: Sequence[HeldAnswer], others: dict[str, list[str]], same: Same) -> dict[str, float]:
    pairs = {}
    for one in own:
        most = most_say(others[one.item_id], same)
        if most is not None:
            pairs[one.item_id] = (one.answer, most)
    agreed = wilson(sum(same(mine, theirs) for mine, theirs in pairs.values()), len(pairs))
    chance = chance_agreement(pairs, same)
    defined = chance < 1  # False for NaN too
    return {
        "num_compared": len(pairs),
        "agreement": agreed.value,
        "by_chance": chance,
        "kappa": (agreed.value - chance) / (1 - chance) if defined else math.nan,
        "kappa_high": (agreed.high - chance) / (1 - chance) if defined else math.nan,
    }


def _rounded(value: object) -> object:
    return round(value, _DIGITS) if isinstance(value, float) and not math.isnan(value) else value
