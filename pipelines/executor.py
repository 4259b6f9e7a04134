"""How Dagster's own launches run steps: as processes, forked from a server that has its imports done."""

import dagster as dg

from pipelines.garbage import look_less_for_garbage

look_less_for_garbage()


def executor(definitions: str) -> dg.ExecutorDefinition:
    """Two steps at once. definitions: the module that holds them, imported once for all steps."""
    return dg.multiprocess_executor.configured(
        {"max_concurrent": 2, "start_method": {"forkserver": {"preload_modules": ["pipelines.preload", definitions]}}}
    )
