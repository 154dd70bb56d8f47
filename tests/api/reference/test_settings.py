"""Pages that are made from the code are up to date, and say everything there is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import pytest
from pydantic import BaseModel

from api.cli.arguments import build_parser
from api.reference.__main__ import PAGES
from api.reference.commands import verbs_of
from api.reference.settings import accepted, configuration_page, keys, sections
from ingest.chunkers import CHUNKERS
from rag.answer.generators import GENERATORS
from rag.context.compress import COMPRESSORS
from rag.context.knapsack import PACKINGS
from rag.context.order import ORDERS
from rag.query.steps import QUERY_STEPS
from rag.rerank.rerankers import RERANKERS
from rag.retrieve.fusion import FUSIONS
from rag.retrieve.retrievers import RETRIEVERS
from rag.settings import ContextSettings, Settings, load_settings
from tests.docs.pages import DOCS

FAMILIES: dict[str, Iterable[str]] = {
    "ingest.chunker.name": CHUNKERS,
    "query.steps": QUERY_STEPS,
    "retrieval.retrievers": RETRIEVERS,
    "retrieval.fusion": FUSIONS,
    "rerank.name": RERANKERS,
    "context.compressor": COMPRESSORS,
    "context.packing": PACKINGS,
    "context.order": ORDERS,
    "answer.generator": GENERATORS,
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_code_makes_of_it(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name](), f"docs/{name} is old: run `make docs`"


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield every dotted key that `load_settings` takes, found without the code of the page."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from fields(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def test_every_setting_is_explained() -> None:
    rows = re.findall(r"^\| `([a-z0-9_.]+)` \| (.*?) \| (?:`(.*?)`)? \| (.*) \|$", configuration_page(), re.MULTILINE)
    explained = {name for name, _, _, meaning in rows if meaning}
    own_page = {"models"}  # its keys have a section of their own
    assert explained == {name for name in fields(Settings) if not name.startswith("environment.")} - own_page


@pytest.mark.parametrize("entry", ["models.NAME", "judge.models.NAME"])
def test_every_key_of_a_model_is_explained(entry: str) -> None:
    shape = dict(sections(Settings))[entry]
    assert {key.name for key in keys(shape, f"{entry}.") if key.meaning} == {
        f"{entry}.{name}" for name in shape.model_fields
    }


def test_a_default_of_the_page_can_be_typed() -> None:
    for name, _, default in re.findall(
        r"^\| `([a-z0-9_.]+)` \| (.*?) \| `(.*?)` \|", configuration_page(), re.MULTILINE
    ):
        assert load_settings(overrides=[f"{name}={default}"], environ={}) == load_settings(environ={}), name


@pytest.mark.parametrize("key", FAMILIES)
def test_a_family_is_named_whole(key: str) -> None:
    (row,) = re.findall(rf"^\| `{re.escape(key)}` \|.*$", configuration_page(), re.MULTILINE)
    assert [member for member in FAMILIES[key] if not re.search(rf"(?<![\w-]){member}(?![\w-])", row)] == []


def test_bounds_are_said() -> None:
    schemas = ContextSettings.model_json_schema()["properties"]
    assert accepted(schemas["keep"]) == "number, above 0, at most 1"
    assert accepted(Settings.model_json_schema()["$defs"]["RerankSettings"]["properties"]["model"]) == "text or null"


def test_every_verb_has_its_section() -> None:
    heads = re.findall(r"^## `ragwright (.*)`$", (DOCS / "cli.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert heads == [name for name, _ in verbs_of(build_parser())] and "prompts diff" in heads
