"""Parts of the pictures that are drawn here: one look, text and shapes as SVG."""

from collections.abc import Iterable, Sequence
from html import escape

INK, FAINT, LINE = "#1f2933", "#616e7c", "#d9e0e6"
PALE, STRONG, WARN = "#b8c2cc", "#0b6e99", "#c2410c"
FONT = "system-ui, -apple-system, Segoe UI, Noto Sans, Noto Sans CJK SC, sans-serif"


def page(width: float, height: float, label: str, parts: Iterable[str]) -> str:
    """A whole SVG file on white."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" role="img" aria-label="{escape(label)}" font-family="{FONT}">'
        f'<rect width="100%" height="100%" fill="#ffffff"/>{"".join(parts)}</svg>\n'
    )


def rect(x: float, y: float, width: float, height: float, fill: str, opacity: float = 1.0) -> str:
    """A rectangle with slightly round corners."""
    shown = f' fill-opacity="{opacity:.2f}"' if opacity < 1 else ""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="2" fill="{fill}"{shown}/>'


def line(x1: float, y1: float, x2: float, y2: float, stroke: str, width: float = 1.0, dash: str = "") -> str:
    """A line, dashed where `dash` says how."""
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}" '
        f'stroke-width="{width:g}"{dashed}/>'
    )


def path(points: Sequence[tuple[float, float]], stroke: str, width: float = 1.5) -> str:
    """A line through points."""
    if not points:
        return ""
    way = " ".join(f"{'M' if number == 0 else 'L'}{x:.1f} {y:.1f}" for number, (x, y) in enumerate(points))
    return f'<path d="{way}" fill="none" stroke="{stroke}" stroke-width="{width:g}"/>'


def area(points: Sequence[tuple[float, float]], fill: str, opacity: float) -> str:
    """A filled area within points."""
    if not points:
        return ""
    way = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polygon points="{way}" fill="{fill}" fill-opacity="{opacity:.2f}"/>'


def dot(x: float, y: float, fill: str, radius: float = 4.0) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{fill}"/>'


def text(
    x: float,
    y: float,
    said: str,
    *,
    size: int,
    weight: int = 400,
    anchor: str = "start",
    fill: str = INK,
    turn: int = 0,
) -> str:
    """A line of text."""
    turned = f' transform="rotate({turn} {x:.1f} {y:.1f})"' if turn else ""
    heavy = f' font-weight="{weight}"' if weight != 400 else ""
    aligned = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}"{heavy}{aligned}{turned}>{escape(said)}</text>'
    )


def cut(name: str, length: int = 18) -> str:
    """A name, shortened where it is longer."""
    return name if len(name) <= length else f"{name[: length - 1]}…"
