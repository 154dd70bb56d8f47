"""YAML that describes a document: front matter and sidecars. Values stay as they are written.

YAML 1.1 makes false of `NO`, 1.1 of `1.10`, 668 of `01234` and 750 of `12:30`. A filter compares what people typed.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from ingest.partition.clean import one_line
from ingest.partition.layout import flat_metadata
from rag.types import Metadata

# A blank line below the first rule: the text is set apart by rules, as Pandoc reads it too.
_FENCED = re.compile(r"---[ \t]*\n(?![ \t]*\n)(.*?\n)?(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FIELD = re.compile(r"""(?:[\w.$-]+|"[^"\n]+"|'[^'\n]+')[ \t]*:(?:[ \t]|$)|[ \t]|#|-[ \t]|[\]}]|$""")
_KEPT = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:bool")


class _AsWritten(yaml.SafeLoader):
    """Reads numbers and truth values as the characters that stand there; dates are dates, `null` is nothing."""


def _written(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


for _tag in _KEPT:
    _AsWritten.add_constructor(_tag, _written)


def load_as_written(source: str) -> Any:
    r"""Return the value of a YAML document, its numbers and truth values as strings.

    >>> load_as_written("country: NO\nversion: 1.10\nstart: 12:30")
    {'country': 'NO', 'version': '1.10', 'start': '12:30'}

    Raises:
        yaml.YAMLError: it is no YAML.
        ValueError: a date in it is none.
    """
    return yaml.load(source, Loader=_AsWritten)  # noqa: S506 (a safe loader)


def front_matter(text: str) -> tuple[int, Metadata, tuple[str, ...]]:
    """Return where the front matter of a text ends (0 without one), its fields, and a warning if it is broken.

    What is no mapping is text between rules. A mapping with a mistake is told by its lines.
    """
    match = _FENCED.match(text)
    if match is None:
        return 0, {}, ()
    source = match.group(1) or ""
    try:
        fields = load_as_written(source)
    except (yaml.YAMLError, ValueError) as error:
        if not all(_FIELD.match(line) for line in source.split("\n")):
            return 0, {}, ()
        return match.end(), {}, (f"its front matter is no YAML and was not read: {one_line(str(error))}",)
    if isinstance(fields, dict):
        return match.end(), flat_metadata(fields), ()
    return (match.end(), {}, ()) if not source.strip() else (0, {}, ())
