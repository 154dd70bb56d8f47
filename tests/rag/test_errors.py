import re

import pytest

from rag import errors
from rag.errors import (
    GeneratorError,
    GeneratorUnavailableError,
    GoldenSetError,
    IndexUnavailableError,
    RagwrightError,
    UnknownKeyError,
)


def family(kind: type[RagwrightError]) -> list[type[RagwrightError]]:
    """Return a kind of error and all that are special cases of it."""
    children = [child for child in kind.__subclasses__() if child.__module__ == kind.__module__]
    return [kind, *(each for child in children for each in family(child))]


def test_the_tree_of_the_docstring_is_the_tree_of_the_classes() -> None:
    drawn = re.findall(r"^( *[│ ├└─]*)(\w+Error)\b", errors.__doc__ or "", re.MULTILINE)
    depth = {name: (len(lead) - 4) // 4 for lead, name in drawn}
    assert set(depth) == {kind.__name__ for kind in family(RagwrightError)}
    for kind in family(RagwrightError):
        assert depth[kind.__name__] == len(kind.__mro__) - len(RagwrightError.__mro__), kind


def test_every_error_has_a_slug_of_its_own() -> None:
    slugs = [kind.slug for kind in family(RagwrightError)]
    assert len(set(slugs)) == len(slugs) and all(re.fullmatch(r"[a-z-]+", slug) for slug in slugs)


def test_what_the_docstring_calls_transient_is() -> None:
    said = set(re.findall(r"(\w+Error)[^\n]*\(transient\)", errors.__doc__ or ""))
    assert said == {kind.__name__ for kind in family(RagwrightError) if kind.transient}


def test_an_unknown_key_lists_the_valid_ones_in_order() -> None:
    assert str(UnknownKeyError("boat", "raft", ["tug", "ferry"])) == "unknown boat 'raft'; choose one of: ferry, tug"


def test_errors_carry_what_their_callers_act_on() -> None:
    assert IndexUnavailableError("x").retry_after_s is None
    assert IndexUnavailableError("x", 2.5).retry_after_s == 2.5
    assert GeneratorUnavailableError("x", "brief", 3.0).retry_after_s == 3.0
    assert GeneratorError("x").brief == "x" and GeneratorError("x", "brief").brief == "brief"
    with pytest.raises(GoldenSetError) as caught:
        raise GoldenSetError("two problems", (problem for problem in ("a", "b")))
    assert tuple(caught.value.problems) == ("a", "b") and str(caught.value) == "two problems"
