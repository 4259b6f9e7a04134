"""Templates to HTML; every sentence of the portal stands in a template."""

import datetime as dt
from pathlib import Path

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

_FOLDER = Path(__file__).parent
STATIC = _FOLDER / "static"


def _number(value: int) -> str:
    return f"{value:,}"


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"


def _when(value: dt.datetime) -> str:
    return value.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")


def _figure(value: object) -> str:
    """A measured value in at most four significant digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": _number, "share": _share, "when": _when, "figure": _figure}
    return environment


_ENVIRONMENT = _environment()


def render(template: str, status: int = 200, **context: object) -> HTMLResponse:
    """A page; values are escaped."""
    text = _ENVIRONMENT.get_template(f"{template}.html").render(**context)
    return HTMLResponse(text, status, {"Cache-Control": "no-store"})
