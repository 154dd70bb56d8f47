"""Plots: well-formed, told in words, inside their frame, and safe whatever they are labelled with."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.report.plots import (
    Bar,
    Interval,
    Line,
    Point,
    bars,
    curve,
    forest,
    growth,
    reliability,
    sparkline,
    standalone,
)

NASTY = '</text><script>alert("1")</script>&'
ROW = Interval(NASTY, 0.5, 0.2, 0.9, "0.5 of 9")
PLOTS = {
    "forest": forest("p", NASTY, [ROW, Interval("b" * 300, 1.0, None, None)], 0.4),
    "bars": bars("p", NASTY, [Bar(NASTY, 0, 3, 5, "3 of 5"), Bar("none", 0, 0, 0, "0")]),
    "reliability": reliability("p", NASTY, [ROW], [0.4], [9]),
    "curve": curve("p", NASTY, [(0, 0), (0.5, 0.7), (1, 1)], [Point(NASTY, 0.9, 0.8)], "x", "y"),
    "growth": growth("p", NASTY, [Line(NASTY, [(10, 2.5), (1e6, 300)]), Line("none", [])], "x", "y", 25),
}


@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_is_one_image_with_a_title_and_a_text(name: str) -> None:
    svg = ElementTree.fromstring(PLOTS[name])
    assert svg.get("role") == "img" and svg.get("aria-labelledby") == "p-title p-told"
    assert svg.findtext("title") == NASTY and (svg.findtext("desc") or "").startswith(NASTY)
    assert svg.find(".//script") is None and "http" not in PLOTS[name]


@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_takes_its_colours_from_the_page(name: str) -> None:
    assert not re.search(r"#[0-9a-fA-F]{3}|rgb\(|fill=|stroke=", PLOTS[name])


def test_a_plot_of_nothing_is_still_a_plot() -> None:
    for empty in (
        bars("p", "t", []),
        forest("p", "t", []),
        reliability("p", "t", [], [], []),
        growth("p", "t", [], "x", "y"),
    ):
        ElementTree.fromstring(empty)


def test_growth_stands_on_logarithmic_axes_with_its_limit_inside() -> None:
    line = Line("p95", [(10_000, 10.0), (100_000, 100.0), (1_000_000, 1000.0)])
    svg = ElementTree.fromstring(growth("p", "t", [line], "x", "y", 100.0))
    dots = [(float(dot.get("cx", "")), float(dot.get("cy", ""))) for dot in svg.findall("circle")]
    assert dots[1][0] - dots[0][0] == pytest.approx(dots[2][0] - dots[1][0], abs=0.2)
    assert dots[0][1] - dots[1][1] == pytest.approx(dots[1][1] - dots[2][1], abs=0.2)
    (limit,) = (path for path in svg.findall("path") if path.get("class") == "reference")
    assert f" {dots[1][1]:.1f}H" in (limit.get("d") or "")
    assert "p95: 10 at 10,000, 100 at 100,000" in (svg.findtext("desc") or "")


def test_a_plot_of_its_own_brings_its_colours() -> None:
    svg = ElementTree.fromstring(standalone(PLOTS["growth"]))
    assert svg.tag == "{http://www.w3.org/2000/svg}svg" and "--accent" in (svg[0].text or "")


@settings(deadline=None)
@given(st.floats(-1, 2), st.floats(-1, 2), st.floats(-1, 2))
def test_a_sparkline_stays_inside_its_cell(value: float, low: float, high: float) -> None:
    svg = ElementTree.fromstring(sparkline(value, low, high))
    (dot,) = svg.findall("circle")
    assert 0 <= float(dot.get("cx", "")) <= 160 and svg.get("aria-hidden") == "true"


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), min_size=1, max_size=8))
def test_bars_keep_their_proportions(sizes: list[tuple[float, float]]) -> None:
    rows = [Bar("r", 0, min(pair), max(pair), "") for pair in sizes]
    svg = ElementTree.fromstring(bars("p", "t", rows))
    width = float(svg.get("viewBox", "").split()[2])
    for rect in svg.findall("rect"):
        assert float(rect.get("x", "")) + float(rect.get("width", "")) <= width
