"""Migrations, users and the web server of Label Studio, in one process of its own environment.

Started by `labeling.server` with the Python of Label Studio's virtual environment; imports nothing of
Trialbase. One process for all of it, because importing Label Studio is most of what each of them costs.
"""

# mypy: disable-error-code="import-not-found, import-untyped, misc"
# (Django, gunicorn and Label Studio are installed in the other environment only)

import argparse
import gc
import importlib.util
import json
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ADMIN = "admin@trialbase.example"  # no mail ever leaves for .example (RFC 2606)

# With Django's defaults, answers that are saved at one moment on SQLite collide: "database is locked", and
# Label Studio lets that request sleep a second. Write-ahead logging lets readers go on meanwhile, and a
# transaction that takes its lock when it begins waits for its turn instead of failing at its first write.
SQLITE_OPTIONS = {
    "timeout": 30,
    "transaction_mode": "IMMEDIATE",
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
}


def set_up() -> None:
    """Import Label Studio and its models."""
    spec = importlib.util.find_spec("label_studio")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("label_studio is not installed in this environment")
    sys.path.append(spec.submodule_search_locations[0])
    import django
    from django.conf import settings

    if settings.DJANGO_DB == settings.DJANGO_DB_SQLITE:
        settings.DATABASES["default"]["OPTIONS"] = SQLITE_OPTIONS
    django.setup()


def migrate() -> None:
    """Bring the database to this version of Label Studio."""
    from django.core.management import call_command
    from django.db import connections

    call_command("migrate", verbosity=0)
    connections.close_all()


def ensure_users(emails: Sequence[str], credentials: Path) -> None:
    """Create the administrator and `emails` where missing; their tokens go into `credentials`."""
    from django.db import connections, transaction

    known = json.loads(credentials.read_text()) if credentials.exists() else {}
    missing = [email for email in (ADMIN, *emails) if email not in known]
    if not missing:
        return
    with transaction.atomic():
        known |= {email: _create(email) for email in missing}
    connections.close_all()
    _write_private(credentials, json.dumps(known, indent=1))


def _create(email: str) -> dict[str, str]:
    """A member of the one organisation with a personal access token; the administrator also gets a password.

    The others cannot log in with a password: a person signs up by the invitation link instead.
    """
    from jwt_auth.models import LSAPIToken
    from organizations.models import Organization
    from users.models import User

    user = User.objects.filter(email=email).first() or User(email=email, username=email)
    secret = {}
    if email == ADMIN:
        secret["password"] = secrets.token_urlsafe(16)
        user.set_password(secret["password"])
        user.is_staff = user.is_superuser = True
    else:
        user.set_unusable_password()
    user.save()
    organization = Organization.objects.first()
    if organization is None:
        organization = Organization.create_organization(created_by=user, title="Trialbase")
    organization.add_user(user)
    user.active_organization = organization
    user.save()
    return {**secret, "token": LSAPIToken.for_user(user).get_full_jwt()}


def _write_private(path: Path, text: str) -> None:
    """Replace a file at once; it is readable by its owner alone from its first byte on."""
    new = path.with_name(f"{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    new.replace(path)


def serve(port: int) -> None:
    """Serve Label Studio on loopback until told to stop."""
    from django.core.wsgi import get_wsgi_application
    from django.urls import get_resolver
    from gunicorn.app.base import BaseApplication

    application = get_wsgi_application()
    _ = get_resolver().url_patterns  # imports every view, once for all workers

    class Server(BaseApplication):
        def load_config(self) -> None:
            options: dict[str, object] = {
                "bind": f"127.0.0.1:{port}",
                "workers": 2,
                "threads": 4,
                "worker_class": "gthread",
                "preload_app": True,
                "timeout": 300,
                "graceful_timeout": 5,
                "keepalive": 60,
                "limit_request_line": 8190,  # filters travel in the query
                "control_socket_disable": True,
            }
            for name, value in options.items():
                self.cfg.set(name, value)

        def load(self) -> Any:
            return application

    # What was imported stays: no collection need look at it again, no worker copies its pages (+13 % answers/s).
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    Server().run()


def main() -> None:
    """`launch.py migrate`, `launch.py users FILE EMAIL...` or `launch.py serve FILE --port N EMAIL...`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("action", choices=["migrate", "users", "serve"])
    parser.add_argument("credentials", type=Path, nargs="?")
    parser.add_argument("emails", nargs="*")
    parser.add_argument("--migrate", action="store_true", help="before serving")
    parser.add_argument("--port", type=int)
    given = parser.parse_args()
    set_up()
    if given.action == "migrate" or given.migrate:
        migrate()
    if given.action != "migrate":
        ensure_users(given.emails, given.credentials)
    if given.action == "serve":
        serve(given.port)


if __name__ == "__main__":
    main()
