"""Write the lock files: exact versions of everything that pip would install into empty environments."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
HEADER = "# Exact versions of everything; written by `make lock` from {sources}.\n"


def resolve(*sources: str) -> dict[str, str]:
    """Name and version of all that the sources need, as pip resolves them here."""
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        arguments = [argument for source in sources for argument in ("--requirement", str(HERE / source))]
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed",
             "--report", report.name, *arguments],
            check=True,
        )  # fmt: skip
        found = json.loads(Path(report.name).read_text())["install"]
    versions = {one["metadata"]["name"].lower(): one["metadata"]["version"] for one in found}
    return {name: version.partition("+")[0] for name, version in versions.items()}


def write(name: str, versions: dict[str, str], *sources: str) -> None:
    lines = [f"{package}=={version}\n" for package, version in sorted(versions.items())]
    (HERE / name).write_text(HEADER.format(sources=" and ".join(sources)) + "".join(lines))


def main() -> None:
    app = resolve("app.in")
    everything = resolve("app.in", "dev.in")
    changed = {name for name, version in app.items() if everything.get(name) != version}
    if changed:
        sys.exit(f"the development tools would change {', '.join(sorted(changed))}: pin them in app.in")
    write("app.lock", app, "app.in")
    write("dev.lock", {name: version for name, version in everything.items() if name not in app}, "app.in", "dev.in")
    write("label-studio.lock", resolve("label-studio.in"), "label-studio.in")


if __name__ == "__main__":
    main()
