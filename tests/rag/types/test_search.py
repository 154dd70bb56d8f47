from dataclasses import replace

import pytest

from rag.types import Usage
from rag.types.search import total_usage
from tests.fakes import make_query


@pytest.mark.parametrize(
    ("parts", "total"),
    [
        ([], Usage()),
        ([Usage(1, 2, 0.1), Usage(3, 4, 0.2)], Usage(4, 6, pytest.approx(0.3))),
        ([Usage(1, 2, 0.1), Usage(3, 4)], Usage(4, 6)),  # the price of one is not known, so that of all is not
        ([Usage(1, 2, 0.1), Usage()], Usage(1, 2, 0.1)),  # what used nothing cost nothing
    ],
)
def test_usage_adds_up_and_its_cost_is_unknown_where_a_part_s_is(parts: list[Usage], total: Usage) -> None:
    assert total_usage(parts) == total


def test_the_question_is_what_was_asked_not_what_is_searched() -> None:
    query = make_query("backup restore copy")
    assert query.question == "backup restore copy"
    assert replace(query, asked="How do I restore?").question == "How do I restore?"
