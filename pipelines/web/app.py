"""The portal: FastAPI and Jinja2, rendered on the server; no script runs in the browser."""

import logging
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from assets.sign import present_report
from assets.stage import Work
from lake.errors import TrialbaseError
from pipelines.settings import Settings
from pipelines.web.access import User
from pipelines.web.batch import Order, Page, read_batch, shown_slice
from pipelines.web.files import docs_file, docs_pages, trial_report
from pipelines.web.headers import HEADERS, SecurityHeaders
from pipelines.web.home import read_home, services
from pipelines.web.item import read_item_view
from pipelines.web.media import media_routes
from pipelines.web.pages import STATIC, render
from pipelines.web.portal import Portal, status_code
from pipelines.web.quarantine import read_quarantine
from pipelines.web.refusal import Refusal
from pipelines.web.show import show_items
from pipelines.web.signing import MAX_REASON_CHARS, Form, Refused, decide, read_form
from pipelines.web.webhooks import webhook_routes

logger = logging.getLogger(__name__)


def create_app(settings: Settings) -> FastAPI:
    """The portal of one installation. Raises LakeError when its state database does not open."""
    portal = Portal.open(settings)
    app = FastAPI(title="Trialbase", openapi_url=None, docs_url=None, redoc_url=None)
    app.include_router(_open_routes())
    app.include_router(_page_routes(portal))
    app.include_router(_document_routes(portal))
    app.include_router(media_routes(settings, portal.guard, portal.items))
    app.include_router(webhook_routes(portal))
    app.mount("/static", StaticFiles(directory=STATIC))
    app.add_middleware(SecurityHeaders)
    _handle_errors(app)
    return app


def _open_routes() -> APIRouter:
    router = APIRouter()

    @router.get("/healthz")
    def health() -> Response:
        return JSONResponse({"status": "ok"})

    return router


def _page_routes(portal: Portal) -> APIRouter:
    router = APIRouter()
    LoggedIn = Annotated[User, Depends(portal.guard.user)]  # noqa: N806 - a type

    @router.get("/")
    def home(user: LoggedIn) -> Response:
        return render("home", user=user, home=read_home(portal))

    @router.get("/scenarios/{scenario}/batches/{batch}")
    def batch(user: LoggedIn, scenario: str, batch: str, page: int = 1, order: Order = "doubtful") -> Response:
        return _batch_page(portal, user, portal.work(scenario, batch), page=page, order=order)

    @router.post("/scenarios/{scenario}/batches/{batch}/sign")
    def sign(user: LoggedIn, scenario: str, batch: str, form: Annotated[Form, Depends(read_form)]) -> Response:
        work = portal.work(scenario, batch)
        refused = decide(work, portal.guard, user, form)
        if refused is not None:
            return _batch_page(portal, user, work, refused=refused)
        return RedirectResponse(f"/scenarios/{scenario}/batches/{batch}#decision", status_code=303)

    @router.get("/scenarios/{scenario}/batches/{batch}/checks/{number}")
    def check(user: LoggedIn, scenario: str, batch: str, number: int, page: int = 1) -> Response:
        return _check_page(portal, user, portal.work(scenario, batch), number, page)

    @router.get("/scenarios/{scenario}/batches/{batch}/quarantine")
    def quarantine(
        user: LoggedIn, scenario: str, batch: str, reason: str = "", page: int = 1, faults_page: int = 1
    ) -> Response:
        work = portal.work(scenario, batch)
        view = read_quarantine(work, portal.items, reason=reason, page=page, faults_page=faults_page)
        return render("quarantine", user=user, work=work, view=view)

    @router.get("/scenarios/{scenario}/items/{item_id}")
    def item(user: LoggedIn, scenario: str, item_id: str) -> Response:
        found = portal.scenario(scenario)
        return render("item", user=user, scenario=found, view=read_item_view(portal, found, item_id))

    return router


def _document_routes(portal: Portal) -> APIRouter:
    router = APIRouter()
    LoggedIn = Annotated[User, Depends(portal.guard.user)]  # noqa: N806 - a type

    @router.get("/data-docs/{scenario}/{batch}/")
    @router.get("/data-docs/{scenario}/{batch}/index.html")  # where the pages' own links lead
    def data_docs(user: LoggedIn, scenario: str, batch: str) -> Response:
        results, suites = docs_pages(portal.work(scenario, batch))
        return render("docs", user=user, scenario=scenario, batch=batch, results=results, suites=suites)

    @router.get("/data-docs/{scenario}/{batch}/{path:path}")
    def data_docs_file(_user: LoggedIn, scenario: str, batch: str, path: str) -> Response:
        return docs_file(portal.work(scenario, batch), path)

    @router.get("/reports/{scenario}/{batch}")
    def report(_user: LoggedIn, scenario: str, batch: str) -> Response:
        return trial_report(portal.work(scenario, batch))

    return router


def _batch_page(
    portal: Portal, user: User, work: Work, *, page: int = 1, order: Order = "doubtful", refused: Refused | None = None
) -> Response:
    view = read_batch(work, portal.items, page=page, order=order)
    return render(
        "batch",
        200 if refused is None else 409,
        user=user,
        scenario=work.scenario,
        view=view,
        refused=refused,
        token=portal.guard.form_token(user, view.report.report_hash) if view.report else "",
        max_reason_chars=MAX_REASON_CHARS,
        services=dict(services(portal)),
    )


def _check_page(portal: Portal, user: User, work: Work, number: int, page: int) -> Response:
    report = present_report(work)
    if report is None or not 1 <= number <= len(report.checks):
        raise Refusal(404, "check", str(number))
    check = report.checks[number - 1]
    at = Page.at(page, len(check.failing_item_ids))
    shown = show_items(portal.items, work.scenario.name, shown_slice(check.failing_item_ids, at))
    return render("check", user=user, work=work, check=check, number=number, page=at, items=shown)


def _handle_errors(app: FastAPI) -> None:
    """Every error is a page that says what is wrong and what to do."""

    @app.exception_handler(Refusal)
    def refused(_request: Request, error: Refusal) -> Response:
        page = render("error", error.status, user=None, refusal=error, error=None)
        page.headers.update(error.headers)
        return page

    @app.exception_handler(TrialbaseError)
    def mendable(_request: Request, error: TrialbaseError) -> Response:
        return render("error", status_code(error), user=None, refusal=None, error=error)

    @app.exception_handler(HTTPException)
    def unknown(request: Request, error: HTTPException) -> Response:
        kind = Refusal(error.status_code, "method" if error.status_code == 405 else "address", request.url.path)
        return refused(request, kind)

    @app.exception_handler(RequestValidationError)
    def unreadable(request: Request, _error: RequestValidationError) -> Response:
        return refused(request, Refusal(404, "address", request.url.path))

    @app.exception_handler(Exception)
    def broken(request: Request, _error: Exception) -> Response:
        return refused(request, Refusal(500, "broken", headers=HEADERS))  # the server logs the traceback
