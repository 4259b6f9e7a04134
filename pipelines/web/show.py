"""Items as pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.web.items import Found, Items

EXCERPT_CHARS = 160


@dataclass(frozen=True)
class Shown:
    """An item as a page shows it; `found` is None for an item that this lake does not hold."""

    item_id: str
    found: Found | None
    excerpt: str | None


def show_items(items: Items, scenario: str, item_ids: Sequence[str]) -> tuple[Shown, ...]:
    """Items with what a small picture or the first words need."""
    shown = []
    for item_id in item_ids:
        found = items.find(scenario, item_id)
        excerpt = None if found is None else items.excerpt(found, EXCERPT_CHARS)
        shown.append(Shown(item_id, found, excerpt))
    return tuple(shown)
