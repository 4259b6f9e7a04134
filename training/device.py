"""Which accelerator a run computes on, found when it starts."""

from typing import TYPE_CHECKING

from lake.errors import ComputeError

if TYPE_CHECKING:
    import torch

ACCELERATORS = ("cuda", "npu", "mlu", "musa", "xpu", "mps")  # AMD's ROCm answers as cuda
CPU = "cpu"


def available() -> tuple[str, ...]:
    """The accelerators that this machine's torch offers, best first; `cpu` is always last.

    Vendors' plug-ins (torch_npu, torch_mlu, torch_musa) register themselves when torch is imported.
    """
    import torch

    backends = {name: getattr(torch, name, None) for name in ACCELERATORS}
    backends["mps"] = torch.backends.mps
    found = [name for name, backend in backends.items() if backend is not None and backend.is_available()]
    return (*found, CPU)


def choose(accelerator: str) -> "torch.device":
    """The named accelerator, or for `auto` the best one there is.

    Raises ComputeError when the named one is absent.
    """
    import torch

    offered = available()
    if accelerator == "auto":
        return torch.device(offered[0])
    if accelerator not in offered:
        raise ComputeError(
            f"this machine offers {', '.join(offered)}, not {accelerator}",
            remedy=f"choose one of these, or install torch and the driver for {accelerator} there",
        )
    return torch.device(accelerator)
