"""`trialbase dataset` and `trialbase lake`: versions of datasets, and the health of what they rest on."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lake.errors import NotFound, SettingsError
from pipelines.settings import Settings
from pipelines.show import Table, print_json, print_table, progress_bar

if TYPE_CHECKING:
    from lake.changes import Diff
    from lake.versions import DvcVersions

dataset_app = typer.Typer(help="Dataset versions.", no_args_is_help=True)
lake_app = typer.Typer(help="What the lake holds, and whether it is whole.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print data instead of a table.")]
Version = Annotated[str, typer.Argument(help="A version, such as digits@v1.", show_default=False)]
Folder = Annotated[Path, typer.Argument(help="A folder that does not exist yet.", show_default=False)]
SHOWN_ROWS = 20


@dataset_app.command("list")
def dataset_list(
    scenario: Annotated[str | None, typer.Argument(help="Only this scenario.")] = None, as_json: Json = False
) -> None:
    """All dataset versions."""
    versions = _versions().list(scenario)
    if scenario is not None and not versions:
        raise NotFound(
            f"there is no version of {scenario}",
            remedy="`trialbase dataset list` shows all; a version is made when a batch is signed: `trialbase status`",
        )
    if as_json:
        print_json([dataclasses.asdict(one) for one in versions])
        return
    rows = [
        (one.tag, one.num_items, one.gate, one.signed_by, one.dataset_hash[:12], one.revision[:10]) for one in versions
    ]
    print_table(Table(("version", "items", "gate", "signed by", "content", "git"), rows))


@dataset_app.command("commit")
def dataset_commit(
    scenario: Annotated[str, typer.Argument(help="A scenario's name, or the path of its folder.", show_default=False)],
    batch: Annotated[str | None, typer.Option(help="Only this batch; otherwise all that are signed.")] = None,
    as_json: Json = False,
) -> None:
    """Make a version of what is signed and in none yet; what is committed is not committed again."""
    from assets.scenario import open_scenario
    from pipelines.commit import commit_signed
    from pipelines.ports import open_ports

    settings = Settings.existing()
    found = open_scenario(scenario, settings.scenario_folders)
    made = commit_signed(settings, found, open_ports(settings), batch)
    if as_json:
        print_json([dataclasses.asdict(one) for one in made])
        return
    for one in made:
        print(f"{one.tag}: {one.num_items} items, content {one.dataset_hash[:12]}, signed by {one.signed_by}")


@dataset_app.command("card")
def dataset_card(version: Version) -> None:
    """What a version is: its items, where they are from, who labelled them, what is known to be missing."""
    print(_versions().text(version, "card.md").rstrip())


@dataset_app.command("diff")
def dataset_diff(
    before: Version,
    after: Annotated[str, typer.Argument(help="Another one.", show_default=False)],
    picture: Annotated[Path | None, typer.Option(help="Draw it into this SVG file too.")] = None,
    as_json: Json = False,
) -> None:
    """What changed from one version to another, label by label."""
    if picture is not None and picture.suffix != ".svg":
        raise SettingsError(f"--picture {picture} is no SVG file", remedy="give a name that ends in .svg")
    found = _versions().diff(before, after)
    if picture is not None:
        from lake.blobs import replace_text
        from pipelines.diff_picture import draw

        replace_text(picture.absolute(), draw(found, before, after))
    if as_json:
        fields = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
        print_json({name: list(one) if isinstance(one, tuple) else one.to_pylist() for name, one in fields.items()})
        return
    _print_diff(found, before, after)


@dataset_app.command("checkout")
def dataset_checkout(version: Version, to: Folder) -> None:
    """Put a version's files into a new folder."""
    print(_versions().checkout(version, to.absolute()))


@dataset_app.command("export")
def dataset_export(
    version: Version,
    to: Folder,
    form: Annotated[
        str, typer.Option("--format", help="coco, yolo, webdataset, parquet, csv or label-studio.", show_default=False)
    ],
) -> None:
    """Write a version into a new folder as other tools read it; refuses what a format cannot hold."""
    from lake.export import export

    with progress_bar(f"export {version}") as progress:
        made = export(_versions(), version, form, to.absolute(), progress)
    print(made)


# --- the lake


@lake_app.command("verify")
def lake_verify(
    quick: Annotated[bool, typer.Option("--quick", help="Do not read packs through; finds no flipped bits.")] = False,
    as_json: Json = False,
) -> None:
    """Look whether packs, tables, items and versions are there and as they were written; exit 1 where not."""
    from lake.verify import verify
    from pipelines.ports import open_ports

    ports = open_ports(Settings.existing())
    with progress_bar("verify", shown=not as_json) as progress:
        verdict = verify(ports.lake, ports.versions, quick=quick, progress=progress)
    if as_json:
        print_json(dataclasses.asdict(verdict))
    else:
        if verdict.findings:
            rows = [(one.problem, one.where, one.says) for one in verdict.findings]
            print_table(Table(("problem", "where", "what is known of it"), rows))
        print(
            f"{verdict.packs} packs, {verdict.tables} tables, {verdict.items} items, {verdict.versions} versions, "
            f"{verdict.hashed_bytes / 2**20:,.1f} MiB read through: "
            + (f"{len(verdict.findings)} problems" if verdict.findings else "all is well")
        )
        for scenario in verdict.ingesting:
            print(f"an ingest of {scenario} is running: orphan packs were not looked for")
    if verdict.findings:
        raise typer.Exit(1)


@lake_app.command("gc")
def lake_gc(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: Json = False,
) -> None:
    """Remove what no batch and no version needs: orphan packs, old checkouts, objects of DVC that no tag names."""
    from lake.gc import collect
    from pipelines.ports import open_ports

    ports = open_ports(Settings.existing())
    sweep = collect(ports.lake, ports.versions, dry_run=dry_run)
    if as_json:
        print_json(dataclasses.asdict(sweep))
        return
    if sweep.removals:
        print_table(
            Table(("kind", "where", "bytes"), [(one.kind, one.where, one.size_bytes) for one in sweep.removals])
        )
    total = sum(one.size_bytes for one in sweep.removals)
    print(f"{len(sweep.removals)} {'would go' if dry_run else 'removed'}, {total / 2**20:,.1f} MiB")
    for scenario in sweep.ingesting:
        print(f"an ingest of {scenario} is running: packs stay")


# --- inside


def _versions() -> "DvcVersions":
    from pipelines.ports import open_ports

    return open_ports(Settings.existing()).versions


def _print_diff(found: "Diff", before: str, after: str) -> None:
    print(
        f"{len(found.added)} added, {len(found.removed)} removed, {found.relabelled.num_rows} relabelled, "
        f"{found.split_changed.num_rows} in another split"
    )
    shapes = {row["item_id"]: row for row in found.shapes.to_pylist()}
    relabelled = [
        (row["item_id"][:12], *_what(row, shapes.get(row["item_id"])), _who(row))
        for row in found.relabelled.slice(0, SHOWN_ROWS).to_pylist()
    ]
    _print_rows(("item", "before", "after", "by"), relabelled, found.relabelled.num_rows)
    moved = [tuple(row.values()) for row in found.split_changed.slice(0, SHOWN_ROWS).to_pylist()]
    _print_rows(
        ("item", "split before", "split after"), [(one[:12], *two) for one, *two in moved], found.split_changed.num_rows
    )
    for table, name in ((found.classes, "class"), (found.annotators, "annotator")):
        rows = [(row[name] or "(no answer)", row["before"], row["after"]) for row in table.to_pylist()]
        largest = sorted(rows, key=lambda row: -max(row[1], row[2]))[:SHOWN_ROWS]
        _print_rows((name, before, after), sorted(largest), table.num_rows)


def _print_rows(head: tuple[str, ...], rows: Sequence[tuple[str | int, ...]], total: int) -> None:
    if rows:
        print_table(Table(head, rows))
    if total > len(rows):
        print(f"... and {total - len(rows)} more; --json prints all")


def _what(row: dict[str, str], shapes: dict[str, Any] | None) -> tuple[str, str]:
    """Before and after of one item; of shapes what became of them."""
    if shapes is None:
        return _short(row["before"]), _short(row["after"])
    ious = ", ".join(f"{value:.2f}" for value in shapes["moved"])
    gone = f"{shapes['kept']} kept, {shapes['removed']} removed, {shapes['renamed']} renamed"
    return (
        f"{shapes['kind']}: {gone}",
        f"{len(shapes['moved'])} moved{f' (IoU {ious})' if ious else ''}, {shapes['added']} added",
    )


def _short(answer: str) -> str:
    return answer if len(answer) <= 60 else f"{answer[:57]}..."


def _who(row: dict[str, Any]) -> str:
    judge = row["adjudicated_by"]
    return f"{judge} (adjudicated)" if judge else ", ".join(row["annotators"] or ())
