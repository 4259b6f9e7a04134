"""Every error that a person can mend.

TrialbaseError
├── SettingsError        the environment or an option is wrong
├── SpecError            a scenario, suite or other hand-written file is wrong
├── DeliveryError        a delivery cannot be taken in at all (single files are quarantined instead)
├── LakeError            stored data is missing, damaged or in the way
│   └── NotFound         a name that the lake does not hold
├── NotReady             a stage waits for people, a signature or a machine
├── PlatformError        the annotation platform refuses
│   └── PlatformUnreachable
├── ServiceError         a server of ours does not start, answer or stop
├── ComputeError         a training run cannot be placed, or failed
├── TrackerError         the model tracker refuses
└── GateError            quality or a steward says no
"""

from collections.abc import Callable


class TrialbaseError(Exception):
    """Root of every error that a person can mend; the CLI prints it without a traceback."""

    def __init__(self, what: str, *, remedy: str) -> None:
        super().__init__(f"{what}\n  to mend it: {remedy}")
        self.what = what
        self.remedy = remedy

    def __reduce__(self) -> tuple[Callable[..., Exception], tuple[object, ...]]:
        return _again, (type(self), self.args, self.__dict__)  # errors come home from other processes whole


def _again(kind: type[Exception], arguments: tuple[object, ...], facts: dict[str, object]) -> Exception:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(facts)
    return error


class SettingsError(TrialbaseError):
    """The environment or an option is wrong."""


class SpecError(TrialbaseError):
    """A hand-written file (scenario.yaml, suite.yaml, label_config.xml, ...) is wrong."""


class DeliveryError(TrialbaseError):
    """A delivery cannot be taken in at all; a single bad file is quarantined instead."""


class LakeError(TrialbaseError):
    """Stored data is missing, damaged or in the way."""


class NotFound(LakeError):
    """A name that the lake does not hold."""


class NotReady(TrialbaseError):
    """A stage waits for people, a signature or a machine."""


class PlatformError(TrialbaseError):
    """The annotation platform refuses."""


class PlatformUnreachable(PlatformError):
    """The annotation platform does not answer."""


class ServiceError(TrialbaseError):
    """A server of ours does not start, answer or stop."""


class ComputeError(TrialbaseError):
    """A training run cannot be placed, or failed."""


class TrackerError(TrialbaseError):
    """The model tracker refuses."""


class GateError(TrialbaseError):
    """Quality or a steward says no."""
