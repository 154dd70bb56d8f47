"""`python -m api.reference FOLDER` writes the pages that are made from the code into a folder."""

from __future__ import annotations

import sys
from pathlib import Path

from api.reference.commands import cli_page
from api.reference.settings import configuration_page
from api.reference.sweeps import sweep_schema_page

PAGES = {"configuration.md": configuration_page, "cli.md": cli_page, "evaluate/tune.schema.json": sweep_schema_page}
"""Each page by its name in the folder, and what makes it."""


def main(folder: Path) -> None:
    """Write every page."""
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
