from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.query.lexicon import Lexicons, definitions, read_lexicon
from tests.fakes import GENERATION, make_world


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The Vault Access Key (VAK) opens it.", [("VAK", "Vault Access Key")]),
        ("We use multi-factor authentication (MFA) here.", [("MFA", "multi-factor authentication")]),
        (
            "Structured Query\nLanguage (SQL), Central Processing Unit (CPU)",
            [("SQL", "Structured Query Language"), ("CPU", "Central Processing Unit")],
        ),
        ("the recovery point objective (RPO) and (see below) (2024) (A)", [("RPO", "recovery point objective")]),
        ("Nothing that fits (XYZ) (IT)", []),
        ("(ABC) first", []),
    ],
)
def test_definitions_of_acronyms(text: str, found: list[tuple[str, str]]) -> None:
    assert definitions(text) == found


@given(st.text(alphabet="aB (C)x-", max_size=40))
def test_any_text_has_definitions_or_none(text: str) -> None:
    for short, long_form in definitions(text):
        assert len(long_form) > len(short) and long_form[0].lower() == short[0].lower()


def test_a_lexicon_counts_chunks_and_keeps_who_defines() -> None:
    found = read_lexicon([(1, "Key key (KEY)"), (2, "A Vault Access Key (VAK) is a key.")])
    assert found.words["key"] == 2 and found.words["vault"] == 1
    assert [(form.long_form, form.pks) for form in found.acronyms["VAK"]] == [("Vault Access Key", frozenset({2}))]


def test_the_most_used_long_form_of_an_acronym_comes_first() -> None:
    texts = ["a very angry keeper (VAK)", "the Vault Access Key (VAK)", "the vault access key (VAK)"]
    found = read_lexicon(enumerate(texts, 1))
    assert [form.long_form for form in found.acronyms["VAK"]] == ["Vault Access Key", "very angry keeper"]


def test_a_lexicon_is_read_once_for_a_generation() -> None:
    world = make_world({"a.md": "The pump.\n\nThe lamp and the pump."})
    lexicons, read = Lexicons(world.catalogue), []
    matching = world.catalogue.matching
    world.catalogue.matching = lambda *asked: read.append(asked) or matching(*asked)  # type: ignore[method-assign]
    assert lexicons.of(GENERATION) is lexicons.of(GENERATION)
    assert len(read) == 1 and lexicons.of(GENERATION).words["pump"] == 2
