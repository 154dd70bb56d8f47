from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.conditions import Comparison, OneOf, as_conditions, listed, matches, parse_condition, resolve
from rag.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("lang=en", OneOf("lang", ("en",))),
        ("product=a=b", OneOf("product", ("a=b",))),
        ("lang != de", OneOf("lang", ("de",), negated=True)),
        ("empty=", OneOf("empty", ("",))),
        ("date>=2024-01-31", Comparison("date", ">=", "2024-01-31")),
        ("pages < 12.5", Comparison("pages", "<", "12.5")),
        ("tags in [a, 'b, c', 1.10, yes]", OneOf("tags", ("a", "b, c", "1.10", "yes"))),
        ("tags not in [a, a]", OneOf("tags", ("a",), negated=True)),
        ("lives in=Oslo", OneOf("lives in", ("Oslo",))),
        ("größe=ü", OneOf("größe", ("ü",))),
    ],
)
def test_conditions_as_people_type_them(text: str, condition: object) -> None:
    assert parse_condition(text) == condition


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("novalue", "needs key=value, key!=value"),
        ("=x", "needs key=value"),
        ("", "needs key=value"),
        ("size>=big", "'big', which is neither a number nor a date like 2024-01-31"),
        ("date<2024-13-01", "neither a number nor a date"),
        ("tags in [a", "needs key=value"),
        ("tags in [[a], b]", "plain values"),
        ("tags in ['a, b]", "cannot read the list"),
        ("tags in [a, {b: c}]", "plain values"),
        (" =x", "needs key=value"),
        ("a" + " " * 25_000 + "b", "at most 20000"),
        (f"tags in [{','.join(['a'] * 1001)}]", "at most 1000"),
    ],
)
def test_a_condition_that_cannot_be_read_says_why(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_condition(text)
    assert says in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("condition", "holds", "fails"),
    [
        ("pages>=9", ["9", "10", "9.0"], ["8", "-9", "nine", "2024-01-01"]),
        ("year>2024", ["2025"], ["2024", "999", "2024-06-01"]),
        ("year>=2024", ["2024", "2024-06-01", "2025-01"], ["2023-12-31"]),
        ("date>=2024-01-31", ["2024-01-31", "2024-02", "2025", "2024-01-31T00:00:00Z"], ["2024-01-30", "2024", "x"]),
        ("date<=2024-03", ["2024-03-31", "2024-03-31 23:59", "2024-03", "2023"], ["2024-04-01", "2024-04"]),
        ("date<2024-03", ["2024-02-29"], ["2024-03-01"]),
        (
            "date>=2024-03-01T12:00+02:00",
            ["2024-03-01T10:00Z", "2024-03-01 11:00"],
            ["2024-03-01T09:59Z", "2024-03-01"],
        ),
    ],
)
def test_numbers_and_dates_are_compared_as_what_they_are(condition: str, holds: list[str], fails: list[str]) -> None:
    comparison = parse_condition(condition)
    assert isinstance(comparison, Comparison)
    assert [value for value in holds + fails if comparison.holds(value)] == holds


def test_a_comparison_becomes_the_values_that_exist() -> None:
    values = {"year": ["2023", "2025", "2024", "soon"], "lang": ["en"]}
    asked = (parse_condition("year>=2024"), parse_condition("lang=de"), parse_condition("none<3"))
    wanted = (OneOf("year", ("2024", "2025")), OneOf("lang", ("de",)), OneOf("none", ()))
    assert resolve(asked, lambda field: values.get(field, [])) == wanted
    assert as_conditions({"lang": ">=x"}) == (OneOf("lang", (">=x",)),), "a mapping is literal"


VALUES = st.one_of(
    st.integers(-50, 3000).map(str),
    st.dates().map(str),
    st.datetimes().map(str),
    st.sampled_from(["", "x", "12-", "0x1"]),
)


@given(
    st.lists(st.one_of(VALUES, st.lists(VALUES, max_size=3).map(tuple)), max_size=5),
    st.sampled_from(["<", "<=", ">", ">="]),
    st.one_of(st.integers(-50, 3000).map(str), st.dates().map(str)),
)
def test_a_resolved_comparison_matches_the_documents_of_which_a_value_holds(
    rows: list[str | tuple[str, ...]], sign: str, bound: str
) -> None:
    comparison = Comparison("f", sign, bound)
    items = [(value,) if isinstance(value, str) else value for value in rows]
    found = resolve([comparison], lambda _: {item for value in items for item in value})
    for value, parts in zip(rows, items, strict=True):
        assert matches({"f": value}, found) == any(comparison.holds(item) for item in parts)
    assert not matches({}, found)


@given(VALUES, st.one_of(st.integers(-50, 3000).map(str), st.dates().map(str)))
def test_the_signs_agree_with_each_other(value: str, bound: str) -> None:
    below, above = Comparison("f", "<", bound).holds(value), Comparison("f", ">", bound).holds(value)
    at_most, at_least = Comparison("f", "<=", bound).holds(value), Comparison("f", ">=", bound).holds(value)
    if at_most or at_least:
        assert below != at_least and above != at_most
    assert not (below and above) and at_most >= below and at_least >= above


HUGE = 19_000
"""Just below the longest condition."""


@pytest.mark.parametrize(
    "text",
    [
        "a" + " " * HUGE + "b",
        "a" + " " * HUGE + "=b",
        "a in " + " " * HUGE + "[b",
        "a" + " in" * (HUGE // 3) + " [b]",
        "a" + " not in" * (HUGE // 7) + " [b]",
        "a in [" + "'" * HUGE + "]",
        "a in [" + '"\\' * (HUGE // 2) + "]",
        "a in [" + "[" * HUGE + "]",
        "a in [" + "'a' " * (HUGE // 4) + "]",
        "=" * HUGE,
        "a>=" + "2024-01-01T" * (HUGE // 11),
        "a>=" + "9" * HUGE,
    ],
)
def test_the_longest_conditions_are_read_in_one_pass(text: str) -> None:
    """What backtracks takes minutes here: the suite's own time limit would end it."""
    try:
        parse_condition(text)
    except ConfigError as error:
        assert len(str(error)) < 1000


VALUES = st.one_of(
    st.text(),
    st.from_regex(r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:+-]{0,20}\Z"),
    st.sampled_from(
        [
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-14:00",
            "0001-01",
            "٢٠٢٤-٠١-٠١",
            "2024-01-01T24:00",
            "1e999",
            "²",
        ]
    ),
)


@given(
    value=VALUES,
    bound=st.sampled_from(["2024-03", "2024-01-31", "2024-03-01T12:00+02:00", "7", "0001-01-01T00:00+14:00"]),
)
@pytest.mark.parametrize("sign", ["<", "<=", ">", ">="])
def test_no_value_of_any_document_breaks_a_comparison(sign: str, value: str, bound: str) -> None:
    assert Comparison("date", sign, bound).holds(value) in (True, False)


def test_the_first_day_of_the_calendar_is_compared() -> None:
    assert parse_condition("date<2024-01-01") == Comparison("date", "<", "2024-01-01")
    assert Comparison("date", "<", "2024-01-01").holds("0001-01-01T00:00:00+14:00")
    assert Comparison("date", ">", "2024-01-01").holds("9999-12-31T23:59:59-14:00")


@given(st.lists(st.text(), max_size=5))
def test_a_quoted_list_gives_its_items_back(items: list[str]) -> None:
    doubled = ", ".join("'" + item.replace("'", "''") + "'" for item in items)
    escaped = ",".join('"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"' for item in items)
    assert listed(doubled) == listed(escaped) == tuple(items)
