"""A Label Studio server on loopback, in a virtual environment and a data folder of its own."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from labeling.hosting import launch
from labeling.label_studio_environment import (
    DATABASE,
    LAUNCH,
    carry_out,
    check_environment,
    environment,
    packages,
    prepare_environment,
)
from lake.blobs import replace_text
from lake.errors import ServiceError
from lake.servers import Launch, LocalServer, locked

_START_S = 300.0  # the migrations of a new PostgreSQL database take 170 s on two busy cores


class LocalLabelStudio(LocalServer):
    """One Label Studio server with all its state in `data_dir`.

    venv: Label Studio's virtual environment. users: e-mails of annotators, made at start. database_url:
    postgresql://user:password@host:port/name instead of SQLite.
    """

    def __init__(
        self,
        venv: Path,
        data_dir: Path,
        port: int,
        *,
        users: Sequence[str] = (),
        database_url: str | None = None,
    ) -> None:
        super().__init__("label_studio", data_dir, port, self._to_launch, health="/health/", timeout_s=_START_S)
        self.venv = venv.absolute()
        self.users = tuple(users)
        self._database_url = database_url

    @property
    def credentials_path(self) -> Path:
        """E-mail -> token (and the administrator's password) as JSON, readable by its owner alone."""
        return self.folder / "credentials.json"

    @property
    def admin_token(self) -> str:
        """The administrator's personal access token. Raises ServiceError before the first start."""
        return self._tokens()[launch.ADMIN]

    @property
    def admin_password(self) -> str:
        """What `launch.ADMIN` logs in with. Raises ServiceError before the first start."""
        return self._known()[launch.ADMIN]["password"]

    def start(self) -> None:
        """Start it unless it runs, and wait until it answers; a new data folder is filled first.

        Raises ServiceError: no Label Studio in `venv`, a busy port, or a process that dies or never answers.
        """
        check_environment(self.venv)
        super().start()
        replace_text(self._schema_path, packages(self.venv))

    def ensure_users(self, emails: Sequence[str]) -> dict[str, str]:
        """E-mail -> personal access token; annotators that are missing are made. Raises ServiceError."""
        wrong = [one for one in emails if "@" not in one.strip("@")]
        if wrong:
            raise ServiceError(f'"{wrong[0]}" is no e-mail address', remedy="name annotators by e-mail")
        with locked(self.folder / "users.lock"):
            known = self._tokens() if self.credentials_path.exists() else {}
            if not all(email in known for email in emails):
                self._run("users", str(self.credentials_path), *emails)
                known = self._tokens()
        return {email: known[email] for email in emails}

    def _tokens(self) -> dict[str, str]:
        return {email: one["token"] for email, one in self._known().items()}

    def _known(self) -> dict[str, dict[str, str]]:
        try:
            known: dict[str, dict[str, str]] = json.loads(self.credentials_path.read_text())
        except FileNotFoundError as error:
            raise ServiceError(
                f"no Label Studio was ever started in {self.folder}", remedy="start it (`trialbase up`)"
            ) from error
        return known

    def _to_launch(self) -> Launch:
        extra = [] if self._filled() else ["--migrate"]
        self._schema_path.unlink(missing_ok=True)  # until it is up again, nobody knows
        command = [str(self.venv / "bin" / "python"), str(LAUNCH), "serve", str(self.credentials_path), *self.users]
        command += [*extra, "--port", str(self._port)]
        return Launch(command, self._environment(), self.folder)

    @property
    def _schema_path(self) -> Path:
        return self.folder / "schema"

    def _filled(self) -> bool:
        """Whether the database is there in this version's form; a new SQLite one is copied from an empty one."""
        if self._schema_path.exists() and self._schema_path.read_text() == packages(self.venv):
            return True
        database = self.folder / DATABASE
        if self._database_url or database.exists():
            return False
        empty = prepare_environment(self.venv)
        if empty is None:
            return False
        new = database.with_name(database.name + ".new")
        shutil.copyfile(empty, new)
        new.chmod(0o600)
        new.replace(database)
        return True

    def _run(self, *arguments: str) -> None:
        check_environment(self.venv)
        carry_out(self.venv, self._environment(), *arguments)

    def _environment(self) -> dict[str, str]:
        return environment(self.venv, self.folder, self._database_url)
