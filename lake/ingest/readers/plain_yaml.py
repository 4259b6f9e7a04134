"""YAML without what makes it dangerous: no tags, no aliases that unfold without end."""

from typing import Any

import yaml


class _Plain(yaml.SafeLoader):
    """Anchors may stand there; nothing may refer to them."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it holds an alias")
        return super().compose_node(parent, index)


def load(text: str) -> Any:
    """What a text holds: objects, lists, numbers, words. Raises ValueError."""
    try:
        return yaml.load(text, Loader=_Plain)  # a SafeLoader
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"no YAML: {str(error).partition(chr(10))[0]}") from error
