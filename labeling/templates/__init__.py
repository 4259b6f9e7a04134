"""Label configs to begin with, one for each kind of question; each says in a comment what it is for."""

from importlib.resources import files

from lake.errors import NotFound


def names() -> tuple[str, ...]:
    """The names of all templates, sorted."""
    folder = files(__name__)
    return tuple(sorted(one.name.removesuffix(".xml") for one in folder.iterdir() if one.name.endswith(".xml")))


def read(name: str) -> str:
    """The label config of a template, to be parsed with LabelConfig.parse. Raises NotFound."""
    if name not in names():
        raise NotFound(f'no label config is named "{name}"', remedy=f"take one of {', '.join(names())}")
    return (files(__name__) / f"{name}.xml").read_text(encoding="utf-8")
