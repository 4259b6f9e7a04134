"""Settings: the only reader of the environment."""

import tempfile
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, TypeAdapter, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from lake.errors import NotFound, SettingsError
from pipelines.credentials import Credentials, read_credentials

_SERVICES = TypeAdapter(dict[str, str])


class Settings(BaseSettings):
    """One installation. Every field is also an environment variable: TRIALBASE_<FIELD>."""

    model_config = SettingsConfigDict(env_prefix="TRIALBASE_", frozen=True, extra="forbid")

    home: Path = Field(default=Path(".trialbase"), description="all state of this installation")
    scenarios: str = Field(default="scenarios", description="folders with scenarios of your own, separated by ':'")
    lake_url: str | None = Field(default=None, description="where packs and tables lie, any fsspec URL")
    state_url: str | None = Field(default=None, description="state database, a SQLAlchemy URL")
    label_studio_url: str | None = Field(default=None, description="a Label Studio elsewhere")
    label_studio_token: SecretStr | None = Field(default=None, description="its access token")
    label_studio_database_url: SecretStr | None = Field(
        default=None, description="PostgreSQL for the local Label Studio: postgresql://user:password@host/name"
    )
    label_studio_venv: Path = Field(
        default=Path(__file__).parent.parent / ".venv-label-studio", description="environment of the local Label Studio"
    )
    mlflow_uri: str | None = Field(default=None, description="an MLflow elsewhere")
    dvc_remote: str | None = Field(default=None, description="where dataset versions are pushed, any DVC remote URL")
    engine: str = Field(default="native", description="where per-item work runs: native, or ray://host:port")
    webhook_secret: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="with it Label Studio tells the portal of changes, and they are pulled at once",
    )
    media_url: str | None = Field(default=None, description="the portal as annotators' browsers reach it")
    definitions: str = Field(default="pipelines.definitions", description="Dagster definitions that commands load")
    portal_port: int = Field(default=3300, ge=0, le=65535)
    dagster_port: int = Field(default=3000, ge=0, le=65535)
    label_studio_port: int = Field(default=8080, ge=0, le=65535)
    mlflow_port: int = Field(default=5000, ge=0, le=65535)

    @classmethod
    def load(cls, **changes: Any) -> "Settings":
        """Settings of the environment, with some of them given. Raises SettingsError."""
        try:
            return cls(**changes)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = f"TRIALBASE_{'_'.join(map(str, first['loc']))}".upper()
            raise SettingsError(f"{name}: {first['msg']}", remedy="correct that environment variable") from error

    @property
    def scenario_folders(self) -> list[Path]:
        return [Path(one) for one in self.scenarios.split(":") if one]

    @property
    def root(self) -> Path:
        """The home folder as an absolute path."""
        return self.home.expanduser().absolute()

    @classmethod
    def existing(cls) -> "Settings":
        """As `load`, of an installation that is there; for what reads. Raises NotFound."""
        found = cls.load()
        if not found.root.is_dir():
            raise NotFound(
                f"there is no installation at {found.root}",
                remedy="correct TRIALBASE_HOME; `trialbase ingest SCENARIO FOLDER` or `trialbase up` makes a new one",
            )
        return found

    def make_home(self) -> Path:
        """The home folder, made where it is missing. Raises SettingsError where it cannot be one."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root):
                return self.root
        except OSError as error:
            raise SettingsError(
                f"{self.root} cannot be the home of an installation: {error.strerror}",
                remedy="set TRIALBASE_HOME (or --home) to a folder that you may write to, on a disk with free space",
            ) from error

    # --- what the running services told about themselves

    @property
    def services_file(self) -> Path:
        return self.root / "services.json"

    @property
    def credentials_file(self) -> Path:
        return self.root / "credentials.json"

    def service_url(self, name: str) -> str | None:
        """Where a local service of this installation was started last; None where it never was."""
        return self.services().get(name)

    def services(self) -> dict[str, str]:
        """Addresses of the local services that were started last, by name. Raises SettingsError."""
        try:
            return _SERVICES.validate_json(self.services_file.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValidationError) as error:
            raise SettingsError(
                f"{self.services_file} is damaged ({type(error).__name__})",
                remedy="remove it and run `trialbase up` again",
            ) from error

    def credentials(self) -> Credentials:
        """The generated credentials of this installation's services."""
        return read_credentials(self.credentials_file)
