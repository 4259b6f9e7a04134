"""`trialbase labels`: from any table of answers to labels, without a server or a scenario."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pyarrow as pa
import typer

from lake.errors import SettingsError
from pipelines.show import Table, print_json, print_table

if TYPE_CHECKING:
    from labeling.answer_tables import AnswerTable
    from labeling.consensus.votes import Agreed, Fitted, Votes
    from lake.intervals import Interval

labels_app = typer.Typer(help="Labels from any table of answers.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print data instead of a table.")]
SHOWN_ROWS = 12
_SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")


@labels_app.command("agree")
def labels_agree(
    file: Annotated[
        Path,
        typer.Argument(
            help="Answers with columns item, annotator, answer: CSV, TSV, JSONL, Parquet, or a Label Studio export.",
            show_default=False,
        ),
    ],
    kind: Annotated[
        str,
        typer.Option("--type", help="choice, classes, text, spans, boxes, masks, ...; auto looks at the answers."),
    ] = "auto",
    out: Annotated[
        Path | None, typer.Option(help="Write the labels to this .csv, .tsv, .jsonl or .parquet file.")
    ] = None,
    gold: Annotated[
        Path | None, typer.Option(help="A table with columns item and answer: what is known to be true.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="label_config.xml of a Label Studio export that asks more than one choice.")
    ] = None,
    method: Annotated[
        str, typer.Option(help="Of choices: auto, majority, one_coin, dawid_skene, ibcc or ebcc.")
    ] = "auto",
    as_json: Json = False,
) -> None:
    """One label an item with its confidence, the method and why, and figures of each annotator."""
    from labeling.agreement import agreement_with_others, krippendorff_alpha, pair_agreement
    from labeling.answer_tables import read_answers, read_gold
    from labeling.config import LabelConfig
    from labeling.consensus.classes import Choices
    from labeling.consensus.methods import method_for
    from labeling.consensus.votes import Votes

    if out is not None and out.suffix not in _SUFFIXES:
        raise SettingsError(f"--out {out} has no ending that is known", remedy=f"end it in {', '.join(_SUFFIXES)}")
    question = None if config is None else LabelConfig.parse(_read(config), where=str(config))
    answers = read_answers(file, config=question)
    votes = Votes.of_table(answers.table)
    agreeing = method_for(votes, kind)
    if isinstance(agreeing, Choices):
        agreeing = Choices(method=method)  # type: ignore[arg-type]
    elif method != "auto":
        raise SettingsError(f"--method {method} is of choices, these are not", remedy="leave --method out")
    fitted = agreeing.fit(votes, gold=read_gold(gold) if gold else {})
    nominal = isinstance(agreeing, Choices)
    distance = None if nominal else agreeing.distance
    alpha = krippendorff_alpha(votes, distance)
    if out is not None:
        _write(labels_table(fitted), out)
    if as_json:
        print_json(
            {
                "method": fitted.method,
                "why": fitted.why,
                "alpha": _interval(alpha),
                "labels": [dataclasses.asdict(one) for one in fitted.labels],
                "annotators": fitted.annotators.to_pylist(),
                "pairs": pair_agreement(votes, distance).to_pylist(),
                "left_out": [dataclasses.asdict(one) for one in answers.left_out],
            }
        )
        return
    _print(fitted, votes, answers, alpha, agreement_with_others(votes, distance))
    if out is not None:
        print(f"written to {out}")


def labels_table(fitted: "Fitted") -> pa.Table:
    """item, answer, confidence, agreement, method, annotators (by name, with ";" between)."""
    labels = fitted.labels
    columns: dict[str, Sequence[Any]] = {
        "item": [one.item for one in labels],
        "answer": [one.answer for one in labels],
        "confidence": [one.confidence for one in labels],
        "agreement": [one.agreement for one in labels],
        "method": [fitted.method] * len(labels),
        "annotators": [";".join(one.annotators) for one in labels],
    }
    return pa.table(columns)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"--config {path} cannot be read: {error}", remedy="give a label_config.xml") from error


def _write(table: pa.Table, path: Path) -> None:
    """Whole or not at all."""
    import json

    import pyarrow.csv
    import pyarrow.parquet as pq

    half = path.with_name(f".{path.name}.half")
    try:
        if path.suffix == ".parquet":
            pq.write_table(table, half)
        elif path.suffix == ".jsonl":
            lines = [json.dumps(row, ensure_ascii=False) for row in table.to_pylist()]
            half.write_text("\n".join([*lines, ""]), encoding="utf-8")
        else:
            mark = pyarrow.csv.WriteOptions(delimiter="\t" if path.suffix == ".tsv" else ",")
            pyarrow.csv.write_csv(table, half, mark)
        half.replace(path)
    except OSError as error:
        raise SettingsError(
            f"--out {path} cannot be written: {error}", remedy="give a file in a folder of yours"
        ) from error


def _interval(one: "Interval") -> dict[str, float | None]:
    numbers = dataclasses.asdict(one).items()
    return {name: round(value, 4) if value == value else None for name, value in numbers}


def _print(
    fitted: "Fitted", votes: "Votes", answers: "AnswerTable", alpha: "Interval", with_others: dict[str, float]
) -> None:
    doubtful = sorted(fitted.labels, key=lambda one: (one.confidence, one.item))
    print(f"{len(votes.items):,} items, {len(votes.annotators):,} annotators, {len(votes.code):,} answers")
    if answers.left_out:
        first = answers.left_out[0]
        print(f"{len(answers.left_out):,} rows left out, the first is row {first.row}: {first.why}")
    print(f"method: {fitted.method}; {fitted.why}")
    if alpha.value == alpha.value:
        print(f"Krippendorff's alpha {alpha.value:.3f} ({alpha.low:.3f} to {alpha.high:.3f})")
    else:
        print("Krippendorff's alpha cannot be told: too few items with two answers, or all say the same")
    print_table(Table(("item", "label", "confidence", "agreement"), [_row(one) for one in doubtful[:SHOWN_ROWS]]))
    if len(doubtful) > SHOWN_ROWS:
        print(f"the least certain first; {len(doubtful) - SHOWN_ROWS:,} more: --out or --json gives all")
    rows = sorted(fitted.annotators.to_pylist(), key=lambda row: (row["accuracy"], row["annotator"]))
    people = [
        (row["annotator"], row["num_answers"], round(row["accuracy"], 3), _share(with_others.get(row["annotator"])))
        for row in rows[:SHOWN_ROWS]
    ]
    print_table(Table(("annotator", "answers", "accuracy", "agrees with others"), people))
    if len(rows) > SHOWN_ROWS:
        print(f"the least accurate first, as consensus estimates it; {len(rows) - SHOWN_ROWS:,} more: --json gives all")


def _row(one: "Agreed") -> tuple[str, str, float, float]:
    shown = one.answer if len(one.answer) <= 60 else f"{one.answer[:57]}..."
    return one.item, shown, round(one.confidence, 3), round(one.agreement, 3)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
