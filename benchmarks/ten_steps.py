"""Ten trivial assets in a chain: what orchestration alone costs."""

import dagster as dg

from pipelines.executor import executor


def _step(number: int) -> dg.AssetsDefinition:
    before = [dg.AssetKey(f"step_{number - 1:02}")] if number else []

    @dg.asset(name=f"step_{number:02}", deps=before, group_name="ten")
    def step() -> None:
        """Nothing."""

    return step


STEPS = [_step(number) for number in range(10)]
defs = dg.Definitions(assets=STEPS, executor=executor("benchmarks.ten_steps"))
