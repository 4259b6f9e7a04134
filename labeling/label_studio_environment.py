"""Label Studio's virtual environment: what its processes know, and the empty database that new servers start from."""

import logging
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from labeling.hosting import launch
from lake import ids
from lake.errors import ServiceError
from lake.servers import locked

log = logging.getLogger(__name__)

LAUNCH = Path(launch.__file__)
DATABASE = "label_studio.sqlite3"


def check_environment(venv: Path) -> None:
    """Raises ServiceError where no Label Studio is installed."""
    if not (venv / "bin" / "python").exists() or not (venv / "bin" / "label-studio").exists():
        raise ServiceError(f"no Label Studio is installed in {venv}", remedy="run `make setup`")


def prepare_environment(venv: Path) -> Path | None:
    """An empty Label Studio database, made by its own migrations once for each state of an environment.

    The migrations of 1.23 take 40 s, and every new installation would wait for them. None where the
    environment cannot be written to. Raises ServiceError when the migrations fail.
    """
    folder = venv / "share" / "trialbase"
    empty = folder / f"label_studio-{packages(venv)[:16]}.sqlite3"
    if empty.exists():
        return empty
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / "lock"), tempfile.TemporaryDirectory(dir=folder) as scratch:
            if not empty.exists():
                log.info("making an empty Label Studio database, once for this environment (about 40 s)")
                carry_out(venv, environment(venv, Path(scratch), None), "migrate")
                (Path(scratch) / DATABASE).replace(empty)
    except PermissionError:
        return None
    return empty


def packages(venv: Path) -> str:
    """Changes with every package and version that is installed, and so with every possible migration."""
    return ids.set_id(path.name for path in venv.glob("lib/python*/site-packages/*.dist-info"))


def environment(venv: Path, data_dir: Path, database_url: str | None) -> dict[str, str]:
    """All that Label Studio's process gets to know: offline, on loopback, its data in `data_dir`."""
    known = {
        "PATH": f"{venv / 'bin'}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(data_dir),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "DJANGO_SETTINGS_MODULE": "core.settings.label_studio",
        "LABEL_STUDIO_BASE_DATA_DIR": str(data_dir),
        "COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
        "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
        "SSRF_PROTECTION_ENABLED": "false",  # media and webhooks of the same machine; nothing else can reach it
        "ML_BLOCK_LOCAL_IP": "false",
        "TASK_LOCK_TTL": "3600",  # an abandoned tab gives its task back after an hour, not a day
    }
    if database_url is None:
        return {**known, "DJANGO_DB": "sqlite"}
    at = urlsplit(database_url)
    return {
        **known,
        "DJANGO_DB": "default",
        "POSTGRE_HOST": at.hostname or "localhost",
        "POSTGRE_PORT": str(at.port or 5432),
        "POSTGRE_USER": unquote(at.username or "postgres"),
        "POSTGRE_PASSWORD": unquote(at.password or ""),
        "POSTGRE_NAME": at.path.lstrip("/") or "postgres",
    }


def carry_out(venv: Path, environment: dict[str, str], *arguments: str) -> None:
    """Run launch.py to its end. Raises ServiceError with the end of what it said."""
    command = [str(venv / "bin" / "python"), str(LAUNCH), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        said = "\n".join(done.stderr.splitlines()[-12:])
        raise ServiceError(
            f"Label Studio's `{arguments[0]}` failed:\n{said}", remedy="mend what it says, or run `make setup`"
        )
