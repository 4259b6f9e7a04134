"""The edge: settings, the command line, Dagster definitions, services and the portal."""
