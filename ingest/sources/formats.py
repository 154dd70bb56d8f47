"""Which files are documents, told by their names: a drawing or a script beside the documents is not read as text."""

from __future__ import annotations

import codecs
import re
from pathlib import Path, PurePosixPath

from ingest.partition import PARTITIONERS
from ingest.partition.sniffing import is_other_text
from ingest.sources.items import shown

ARCHIVE_SUFFIX = ".zip"
_EXTENSION = re.compile(r"\.\S*[^\W\d_]\S*")
_SNIFFED_BYTES = 512
_NO_TEXT = "programs or data without an extension"
_SCRIPTS = frozenset(
    "makefile gnumakefile dockerfile containerfile jenkinsfile vagrantfile rakefile gemfile procfile doxyfile".split()
)
_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def extension(name: str) -> str:
    """Return the extension of a name in lower case; "" if it has none.

    >>> extension("a/plan.SVG"), extension("upgrade 4.2"), extension("app.log.1"), extension("README")
    ('.svg', '', '', '')
    """
    suffix = PurePosixPath(name).suffix.lower()
    return shown(suffix) if _EXTENSION.fullmatch(suffix) else ""


def unlisted(name: str, path: Path | None = None) -> str:
    """Return the format of a file if it is none that is read, else "".

    A file without an extension is text, unless its name or its first bytes (of `path`, where it is on this machine) say
    otherwise. Formats of programs share extensions with those of Office: `.dot` of Graphviz, `.pot` of gettext.
    """
    suffix = extension(name)
    if suffix and path is not None and is_other_text(path):
        return suffix
    if suffix:
        return "" if suffix in PARTITIONERS or suffix == ARCHIVE_SUFFIX else suffix
    is_script = PurePosixPath(name).name.lower() in _SCRIPTS
    return _NO_TEXT if is_script or (path is not None and _is_program(path)) else ""


def _is_program(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(_SNIFFED_BYTES)
    except OSError:
        return False  # whoever reads it names the reason
    return head.startswith(b"#!") or (b"\x00" in head and not head.startswith(_MARKS))
