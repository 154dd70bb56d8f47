"""docs/formats.md is true: a file that holds every part of a format, and what becomes of each."""

import re
from pathlib import Path

import pytest

from ingest.partition import PARTITIONERS, partition_file
from rag.types import NOT_CHUNKED
from tests.ingest.inventory import FORMATS

pytestmark = pytest.mark.filterwarnings("ignore")
PAGE = (Path(__file__).parents[3] / "docs" / "formats.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
ROW = re.compile(r"^\| (?!part )([^|]+?) \| (\w[\w ]*?) \| (.*?) \|$", re.MULTILINE)
SHEET_NAME_CHARS = 31


def told(section):
    """Return what the page says of each part."""
    return {part: happens for part, happens, _ in ROW.findall(section)}


def happens(document, word):
    """Return what became of the part that holds a word."""
    blocks = (b for b in document.blocks if b.kind not in NOT_CHUNKED)
    if any(word in document.text[block.span.start : block.span.end] for block in blocks):
        return "read"
    if word in document.title or word in str(dict(document.metadata)):
        return "metadata"
    return "warning" if any(word in warning for warning in document.warnings) else "left out"


@pytest.mark.parametrize("name", FORMATS)
def test_the_page_says_what_becomes_of_every_part(tmp_path, name):
    words = {}

    def mark(part):
        word = "mark" + "".join(each.capitalize() for each in re.findall(r"\w+", part))
        words[part] = word[:SHEET_NAME_CHARS]
        return word

    document = partition_file(FORMATS[name](tmp_path, mark), "x")
    assert len(set(words.values())) == len(words)
    assert {part: happens(document, word) for part, word in words.items()} == told(SECTIONS[name])


def test_what_is_not_read_has_a_reason():
    rows = [row for section in SECTIONS.values() for row in ROW.findall(section)]
    assert len(rows) > 150
    assert [part for part, what, why in rows if what != "read" and len(why.strip()) < 5] == []
    assert {what for _, what, _ in rows} == {"read", "metadata", "warning", "left out"}


def test_every_format_is_on_the_page():
    assert SECTIONS.keys() == FORMATS.keys()
    assert [suffix for suffix in PARTITIONERS if f"`{suffix}`" not in PAGE] == []
