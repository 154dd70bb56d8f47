"""docs/retrieval.md names every member of its families; its commands run with those of all pages."""

from __future__ import annotations

import re

import pytest

from rag.query.steps import QUERY_STEPS
from rag.retrieve.fusion import FUSIONS
from rag.retrieve.retrievers import RETRIEVERS
from rag.settings import QuerySettings, Settings
from tests.docs.pages import page

PAGE = page("docs/retrieval.md")
FAMILIES = {"retrieval.retrievers": RETRIEVERS, "retrieval.fusion": FUSIONS, "query.steps": QUERY_STEPS}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_table_of_a_family_has_a_row_for_every_key_and_no_other(family: str) -> None:
    (section,) = re.findall(rf"^## [^\n]*`{re.escape(family)}`\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^\| `([a-z0-9-]+)`(?: \(default\))? \|", section, re.MULTILINE)
    assert sorted(rows) == sorted(FAMILIES[family])


def test_the_defaults_are_those_of_the_settings() -> None:
    marked = re.findall(r"^\| `([a-z0-9-]+)` \(default\) \|", PAGE, re.MULTILINE)
    assert marked == [Settings().retrieval.fusion, *Settings().query.steps]


def test_every_setting_of_the_query_steps_is_named() -> None:
    assert [
        name for name in QuerySettings.model_fields if f"query.{name}`" not in PAGE and f"`{name}`" not in PAGE
    ] == []
