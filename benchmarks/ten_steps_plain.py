"""The same ten assets with Dagster's own defaults: the peer."""

import dagster as dg

from benchmarks.ten_steps import STEPS

defs = dg.Definitions(assets=STEPS)
