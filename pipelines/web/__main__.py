"""`python -m pipelines.web --port N`: the portal on loopback."""

import argparse
import logging
import sys

import uvicorn

from lake.errors import TrialbaseError
from pipelines.settings import Settings
from pipelines.web.app import create_app


def main() -> int:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.web", description="The portal, on 127.0.0.1.")
    parser.add_argument("--port", type=int, help="default: TRIALBASE_PORTAL_PORT, or 3300")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        settings = Settings.load()
        app = create_app(settings)
    except TrialbaseError as error:
        print(error, file=sys.stderr)
        return 1
    port = settings.portal_port if arguments.port is None else arguments.port
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", server_header=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
