"""Less looking for garbage: what imports make stays until the end, and nobody needs it tidied up then."""

import atexit
import gc


def look_less_for_garbage() -> None:
    """Have Python's collector run seldom, and not at the end; for short-lived processes with many imports.

    Of the 3 s of a short `trialbase run` it took 0.5 s, of ten steps launched by Dagster more than 1 s.
    """
    gc.set_threshold(100_000, 50, 100)
    atexit.register(gc.freeze)
