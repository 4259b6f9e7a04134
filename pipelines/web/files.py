"""Pages that others wrote: Great Expectations' Data Docs and the reports of trials."""

import mimetypes
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from fastapi import Response
from fastapi.responses import FileResponse, HTMLResponse

from assets.stage import Work, data_docs
from assets.trial import report_path
from pipelines.web.refusal import Kind, Refusal
from quality.expectations import docs_index

# Their styles stand in the page. Scripts stay closed: Data Docs would fetch theirs from other servers, and
# what a data value smuggled into such a page must not act in a steward's name.
_POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# Without those servers the pages have no styles either; these take their place.
_STYLES = '<link rel="stylesheet" href="/static/data-docs.css">'


@dataclass(frozen=True)
class DocsPage:
    """One page of Data Docs: the results of a suite, or the suite itself."""

    suite: str
    path: str  # below the batch's Data Docs, ready for an address


def docs_pages(work: Work) -> tuple[list[DocsPage], list[DocsPage]]:
    """Pages with results, and pages with what was demanded. Raises a Refusal (404) where there are none."""
    site = docs_index(data_docs(work)).parent
    if not docs_index(data_docs(work)).is_file():
        raise Refusal(404, "data docs", work.batch_name)
    results = sorted(site.glob("validations/*/**/*.html"))
    suites = sorted(site.glob("expectations/*.html"))
    return (
        [DocsPage(path.relative_to(site).parts[1], quote(path.relative_to(site).as_posix())) for path in results],
        [DocsPage(path.stem, quote(path.relative_to(site).as_posix())) for path in suites],
    )


def docs_file(work: Work, path: str) -> Response:
    """One file of the batch's Data Docs. Raises a Refusal (404)."""
    target = _inside(docs_index(data_docs(work)).parent, path, "data docs")
    if target.suffix != ".html":
        return _policed(FileResponse(target, media_type=mimetypes.guess_type(target.name)[0]))
    text = target.read_text(encoding="utf-8", errors="replace")
    return _policed(HTMLResponse(text.replace("</head>", f"{_STYLES}</head>", 1)))


def trial_report(work: Work) -> Response:
    """The page of the batch's trial. Raises a Refusal (404)."""
    page = work.lake.home / report_path(work)
    return _policed(FileResponse(_inside(page.parent, page.name, "trial report"), media_type="text/html"))


def _policed(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = _POLICY
    return response


def _inside(folder: Path, path: str, kind: Kind) -> Path:
    """A file that lies in `folder` even when every `..` and link on the way was followed."""
    try:
        target = (folder / path).resolve()
        if target.is_relative_to(folder.resolve()) and target.is_file():
            return target
    except (OSError, RuntimeError, ValueError):  # too long, a circle of links, NUL
        pass
    raise Refusal(404, kind, path)
