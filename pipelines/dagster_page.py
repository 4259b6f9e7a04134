"""Dagster's page, told of scenarios that came after it was started."""

import logging

from pipelines.settings import Settings

log = logging.getLogger(__name__)

_RELOAD_S = 60.0
_KNOWN = "query ($path: [String!]!) { assetNodeOrError(assetKey: {path: $path}) { __typename } }"
_RELOAD = "mutation { reloadWorkspace { __typename } }"


def show_scenario(settings: Settings, scenario: str) -> None:
    """Have the page of this installation load its definitions again where it does not know a scenario's assets.

    Harmless where no page is up: it reads all definitions when it starts.
    """
    import httpx

    url = settings.service_url("dagster")
    if url is None:
        return
    with httpx.Client(base_url=url, timeout=_RELOAD_S, trust_env=False) as client:
        try:
            asked = {"query": _KNOWN, "variables": {"path": [scenario, "raw_items"]}}
            answer = client.post("/graphql", json=asked).raise_for_status().json()
            if answer["data"]["assetNodeOrError"]["__typename"] != "AssetNode":
                client.post("/graphql", json={"query": _RELOAD}).raise_for_status()
        except httpx.ConnectError:
            return
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            log.warning("Dagster at %s was not told of scenario %s: %s; reload its definitions", url, scenario, error)
