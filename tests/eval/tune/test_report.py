"""The report of a sweep over outcomes made by hand: what its sentences say, and that its page is safe and whole."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from eval.metrics import METRICS
from eval.tune.outcome import Flip, Outcome
from eval.tune.points import DEFAULT, Point
from eval.tune.report import REPORT, SUMMARY, text, verdict, write_report, write_summary
from eval.tune.report.page import commands, render
from eval.tune.report.words import (
    changes,
    cost,
    delta,
    delta_interval,
    duration,
    figure,
    name,
    p_value,
    percent,
    value_of,
)
from tests.eval.tune.outcomes import BEST, RECALL, SECOND, analysis, outcome, sweep, trials

OUT = Path("out/tune")
BOTH = (RECALL, "context_tokens")
FEW_REFUSED = ("false_abstention<=0.05",)


def win() -> Outcome:
    return outcome(0.06, 60.0, objectives=BOTH, constraints=FEW_REFUSED, checked=0.04)


def no_win() -> Outcome:
    return outcome(0.008)


def broken() -> Outcome:
    return outcome(0.07, constraints=FEW_REFUSED, checked=0.08)


def trade() -> Outcome:
    return outcome(0.07, -120.0, objectives=BOTH)


def unconfirmed() -> Outcome:
    return outcome(confirmed=False)


def stopped() -> Outcome:
    return outcome(confirmed=False, stopped="the time is used up")


def one_trial() -> Outcome:
    alone = trials(sweep(), 0.0)[:1]
    return outcome(confirmed=False, trials=alone, reuse={}, analysis=analysis(sweep(), alone), grid=1)


ALL = {
    made.__name__: made for made in (win, no_win, broken, trade, unconfirmed, stopped, one_trial)
}  # fmt: skip


def test_a_win_says_what_won_by_how_much_on_unseen_questions_and_at_what_cost() -> None:
    found = verdict(win())

    assert found.kind == "win"
    assert found.sentence == (
        "Take rerank.top_n 30 -> 50 and context.keep 0.5 -> 0.4: context_recall@4000ch +6.0 points against the default "
        "(95 % interval +3.9 to +8.1, 300 questions that the search never saw), with 60 fewer context tokens per "
        "question."
    )


def test_a_win_without_a_figure_of_cost_says_so() -> None:
    assert verdict(outcome(0.06)).sentence.endswith("; its cost was not measured.")


def test_a_cost_that_only_a_constraint_bounds_is_told() -> None:
    found = verdict(outcome(0.06, constraints=("latency_ms<=900",), checked=850.0))

    assert found.sentence.endswith("with 850 ms more latency per question.")  # the default's is near 0 there


def test_a_win_in_cost_alone_says_how_far_quality_may_fall() -> None:
    found = verdict(outcome(0.008, 140.0, objectives=BOTH))

    assert found.kind == "win"
    assert "context_tokens -140 tokens against the default (95 % interval -151 to -129, 300 questions" in found.sentence
    assert found.sentence.endswith("with context_recall@4000ch +0.8 points (-1.3 to +2.9).")


def test_no_win_says_how_many_more_questions_would_be_needed() -> None:
    found = verdict(no_win())

    assert found.kind == "none"
    assert found.sentence == (
        "No setting beats the default; 480 more questions would be needed to see +0.8 points of context_recall@4000ch "
        "(95 % interval -1.3 to +2.9, 300 questions that the search never saw) with rerank.top_n 30 -> 50 and "
        "context.keep 0.5 -> 0.4."
    )


def test_a_broken_constraint_is_named_with_its_value() -> None:
    found = verdict(broken())

    assert found.kind == "none"
    assert found.sentence.startswith("No setting beats the default within the constraints: +7.0 points of")
    assert found.sentence.endswith("but that breaks false_abstention <= 0.05 (0.080).")


def test_a_trade_is_left_to_the_reader() -> None:
    assert verdict(trade()).sentence.endswith(
        "come with 120 more context tokens per question, a trade that is yours to make."
    )


def test_without_a_confirmation_nothing_is_proved() -> None:
    found = verdict(unconfirmed())

    assert found.kind == "unconfirmed"
    assert found.sentence.startswith("Nothing is proved: the best of the search is context_recall@4000ch +8.0 points")
    assert "400 questions" in found.sentence
    assert any("Nothing was confirmed" in line for line in found.beside)


def test_a_search_that_found_nothing_better_says_so() -> None:
    worse = tuple(replace(trial, gain=-0.03) if trial.number else trial for trial in unconfirmed().trials)

    found = verdict(replace(unconfirmed(), trials=worse))

    assert found.kind == "none"
    assert "is 3.0 points worse in context_recall@4000ch on 400 questions of the search" in found.sentence


def test_a_sweep_cut_short_says_why_and_how_to_go_on() -> None:
    beside = verdict(stopped()).beside

    assert beside[0].startswith("The search ended early: the time is used up. 6 of 20 trials")
    assert "--resume" in beside[0]


def test_the_default_alone_is_no_comparison() -> None:
    assert verdict(one_trial()).sentence == "No setting beats the default: nothing but the default was tried."


def test_an_empty_shortlist_is_an_ending() -> None:
    found = no_win()
    assert found.confirmation is not None
    empty = replace(found, confirmation=replace(found.confirmation, candidates=()))

    assert "nothing that was worth a confirmation" in verdict(empty).sentence
    assert "worth a confirmation" in render(empty, OUT)


def test_a_long_list_of_settings_is_cut_in_the_sentence_and_whole_in_the_table() -> None:
    many = Point.of({"context.keep": 0.3, "rerank.top_n": 10, "retrieval.fusion": "rrf", "retrieval.rrf_k": 20.0})
    found = win()
    assert found.confirmation is not None
    first, *rest = found.confirmation.candidates
    renamed = replace(found.confirmation, winner=many, candidates=(replace(first, point=many), *rest))
    outcome_of_many = replace(found, winner=many, best=many, confirmation=renamed)

    assert "and 1 more setting:" in verdict(outcome_of_many).sentence
    assert "<td><b>context.keep</b></td>" in render(outcome_of_many, OUT)


@pytest.mark.parametrize("made", ALL.values(), ids=ALL)
def test_every_outcome_has_a_whole_page(made: object) -> None:
    assert callable(made)
    page = render(made(), OUT)

    parts = _Parts(page)
    assert parts.open == []
    assert parts.ids == set(parts.in_order)
    assert len(parts.in_order) == len(parts.ids), "an id stands twice"
    assert parts.links <= parts.ids
    for svg in re.findall(r"<svg.*?</svg>", page, re.S):
        assert "<title" in svg
        assert "<desc" in svg
    assert not re.search(r"\b(nan|inf|None|undefined)\b", re.sub(r"<(style|script)>.*?</\1>", "", page, flags=re.S))


@pytest.mark.parametrize("made", ALL.values(), ids=ALL)
def test_nothing_is_fetched(made: object) -> None:
    assert callable(made)
    page = render(made(), OUT)

    assert not re.search(r"https?:|//[a-z]|@import|url\(|<link|<img|<iframe| src=", page.split("<body>")[1])
    assert not re.search(r"https?:|@import|url\(", page.split("<body>")[0])


def test_texts_are_escaped_everywhere(tmp_path: Path) -> None:
    evil = "<script>alert('x')</script> | `b`\n# h"
    made = replace(
        win(),
        flips=(Flip("s<u>", "i<u>", evil, 0.0, 1.0, 1.0), Flip("t", "j", evil, 1.0, 0.0, -1.0)),
        stopped="<img src=x onerror=alert(1)>",
    )
    write_report(made, tmp_path)
    write_summary(made, tmp_path)
    page, summary = (tmp_path / REPORT).read_text(encoding="utf-8"), (tmp_path / SUMMARY).read_text(encoding="utf-8")

    assert page.count("<script>") == 1  # the page's own
    assert "&lt;script&gt;alert(" in page
    assert "<img" not in page
    assert "i<u>" not in page
    assert "<b>table" not in page
    assert "<img" not in summary
    assert "<b>table" not in summary


def test_a_value_of_a_setting_is_escaped_in_the_data_of_the_script() -> None:
    evil = Point.of({"retrieval.fusion": '"></svg><script>alert(1)</script>', "context.keep": 0.3})
    made = win()
    tried = (*made.trials, replace(made.trials[1], number=99, point=evil))

    page = render(replace(made, trials=tried), OUT)

    assert page.count("<script>") == 1
    assert "</svg><script>" not in page


def test_the_parts_stand_in_the_order_in_which_a_reader_decides() -> None:
    parts = _Parts(render(win(), OUT)).headings

    assert parts == [
        "gain", "constraints", "candidates", "learning", "pareto", "importance", "sensitivity", "trials", "race",
        "slices", "questions", "tried", "cache", "use",
    ]  # fmt: skip


def test_in_sample_and_confirmed_gain_stand_side_by_side_with_what_a_reader_must_doubt() -> None:
    page = render(win(), OUT)

    row = re.search(r"<tr><td><b>context_recall@4000ch</b></td>.*?</tr>", page)
    assert row
    cells = [re.sub(r"<.*?>", "", cell) for cell in re.findall(r"<td.*?</td>", row[0])]
    assert cells == [
        RECALL, "0.650", "0.730", "+8.0 points", "+6.0 points", "[+3.9, +8.1]", "0.004", "+2.0 points", "3.5 points",
    ]  # fmt: skip
    assert "A/A noise floor: on other questions the default differs from itself by up to 3.1 points" in page
    assert "the luckiest would still show about +2.4 points" in page


def test_means_over_different_questions_do_not_stand_side_by_side() -> None:
    made = win()
    default, *others = made.trials
    page = render(replace(made, trials=(replace(default, questions=46), *others)), OUT)

    row = re.search(r"<tr><td><b>context_recall@4000ch</b></td>.*?</tr>", page)
    assert row
    assert re.findall(r'<td class="n">(.*?)</td>', row[0])[:3] == ["–", "–", "+8.0 points"]


@pytest.mark.parametrize(("made", "mean", "held"), [(win, "0.040", "kept"), (broken, "0.080", "broken")])
def test_constraints_stand_with_their_means_and_verdict(made: object, mean: str, held: str) -> None:
    assert callable(made)
    part = render(made(), OUT).split('id="constraints"')[1].split('id="candidates"')[0]

    assert "<b>false_abstention &lt;= 0.05</b>" in part
    assert f'{mean}<br><span class="soft small">[' in part
    assert re.search(rf'<td(?: class="bad")?>{held}</td>', part)
    assert ('class="bad"' in part) == (held == "broken")


def test_a_candidate_says_why_it_does_not_win() -> None:
    part = render(broken(), OUT).split('id="candidates"')[1].split('id="learning"')[0]

    assert "breaks false_abstention &lt;= 0.05" in part
    assert "not surely better" in part
    assert "wins" in render(win(), OUT).split('id="candidates"')[1].split('id="learning"')[0]


def test_settings_are_named_and_fingerprints_are_not() -> None:
    made = win()
    page = render(made, OUT)

    assert "rerank.top_n 30 -&gt; 50, context.keep 0.5 -&gt; 0.4" in page
    for trial in made.trials:
        assert made.settings(trial.point).fingerprint() not in page


def test_every_trial_has_its_line_and_its_row() -> None:
    made = win()
    page = render(made, OUT)

    assert page.count('data-trial="') == len(made.trials)
    assert page.count('class="thread best"') == 1
    assert page.count('class="thread default"') == 1
    table = page.split('id="trial-table"')[1].split("</table>")[0]
    assert table.count("<tr><td") == len(made.trials)


def test_the_race_says_what_it_dropped_when_and_why() -> None:
    page = render(win(), OUT)
    race = page.split('id="race"')[1].split('id="slices"')[0]

    assert "14 trials were dropped" in race
    assert "3 dropped, 17 left" in race
    assert "surely worse, p 0.004" in race
    assert "its turn ended with the budget" in race
    assert "All were behind rerank.top_n 30 -&gt; 50, context.keep 0.5 -&gt; 0.4" in race


def test_the_front_explains_why_a_setting_is_dominated() -> None:
    made = win()
    page = render(made, OUT)
    part = page.split('id="pareto"')[1].split('id="importance"')[0]

    assert f"{len(made.analysis.front)} settings that no other beats in {RECALL} and context_tokens at once" in part
    one = made.analysis.dominated[0]
    row = next(row for row in part.split("<tr>") if html.escape(name(made, one.point)) + "</b>" in row)
    assert html.escape(name(made, one.rival)) in row
    assert f"{RECALL} {delta(one.by[0], METRICS[RECALL])}" in row


def test_one_objective_has_no_front_to_trade_on() -> None:
    assert "One objective, so there is no trade" in render(no_win(), OUT)


def test_neighbours_of_the_winner_say_what_they_stand_on() -> None:
    page = render(win(), OUT)
    part = page.split('id="sensitivity"')[1].split('id="trials"')[0]

    assert "context.keep 0.4 -&gt; 0.3" in part
    assert "-2.1 points, n 400" in part
    assert "+0.1 points, predicted" in part
    assert part.count('class="dot mark1"') == 1
    assert part.index("context.keep 0.4 -&gt; 0.3") < part.index("context.keep 0.4 -&gt; 0.5") < part.index("rerank")
    assert "The default stays, so there is no winner to vary." in render(no_win(), OUT)


def test_questions_mended_and_broken_stand_with_both_values() -> None:
    page = render(win(), OUT)
    part = page.split('id="questions"')[1].split('id="tried"')[0]

    assert "11 questions mended" in part
    assert "3 more" in part
    assert "2 questions broken" in part
    assert part.index("How long is a return possible?") < part.index("alert(")  # the worst first


def test_a_default_that_stays_has_no_slices_to_show() -> None:
    page = render(no_win(), OUT)

    assert "The default stays, so no slice changes." in page
    assert "The default stays, so no question changes." in page


def test_the_summary_is_markdown_that_a_pull_request_shows(tmp_path: Path) -> None:
    write_summary(win(), tmp_path)
    lines = (tmp_path / SUMMARY).read_text(encoding="utf-8").splitlines()

    assert lines[0] == "## Sweep retrieval: Better than the default"
    assert lines[2].startswith("**Take rerank.top_n 30 -> 50 and context.keep 0.5 -> 0.4: ")
    assert "| rerank.top_n | 30 | **50** |" in lines
    assert len(lines) < 110
    tables = [line for line in lines if line.startswith("|")]
    assert all(line.endswith("|") for line in tables)


def test_the_terminal_has_the_verdict_first_and_fits() -> None:
    for width in (80, 110):
        for made in ALL.values():
            lines = text(made(), width, OUT).splitlines()
            assert max(map(len, lines)) <= width
    lines = text(win(), 100, OUT).splitlines()
    assert lines[0] == "Better than the default"
    assert lines[1].startswith("Take rerank.top_n 30 -> 50")
    assert any("context.keep" in line and "0.4" in line for line in lines[5:])
    assert "Optimism of the search (in-sample minus confirmed): +2.0 points" in text(win(), 200)
    assert "--config out/tune/best.yaml" in text(win(), 100, OUT)


def test_commands_name_the_files_and_quote_them() -> None:
    found = dict(commands(win(), Path("out/my sweep")))

    assert found["Ask with the best settings:"] == (
        "ragwright ask QUESTION --corpus handbook --config 'out/my sweep/best.yaml'"
    )
    assert any(
        line.startswith("ragwright eval golden/handbook --corpus handbook --split select") for line in found.values()
    )


def test_a_point_reads_by_what_it_changes() -> None:
    made = win()

    assert name(made, BEST) == "rerank.top_n 30 -> 50, context.keep 0.5 -> 0.4"
    assert name(made, DEFAULT) == "the default"
    assert name(made, Point.of({"context.keep": 0.5})) == "the default"
    assert changes(made, SECOND) == [("context.keep", "0.5", "0.7")]
    assert value_of(made, DEFAULT, "retrieval.rrf_k") is None  # it counts with rrf alone
    assert value_of(made, DEFAULT, "context.keep") == "0.5"


def test_figures_read_in_their_units() -> None:
    recall, tokens, time, usd = (METRICS[key] for key in (RECALL, "context_tokens", "latency_ms", "cost_usd"))

    assert [delta(0.0234, recall), delta(-0.00001, recall), delta(140, tokens), delta(-3.21, time)] == [
        "+2.3 points", "+0.0 points", "-140 tokens", "+3.2 ms",
    ]  # fmt: skip
    assert [figure(0.6123, recall), figure(1234.4, tokens), figure(None, time), figure(float("nan"), usd)] == [
        "0.612", "1,234 tokens", "–", "–",
    ]  # fmt: skip
    assert delta_interval(-5.0, 150.0, tokens) == "-150, +5"
    assert [cost(140, tokens), cost(-35, time), cost(0.0, tokens), cost(-0.002, usd)] == [
        "140 fewer context tokens", "35 ms more latency", "no change in context tokens", "0.00200 USD more",
    ]  # fmt: skip
    assert [p_value(0.0002), p_value(0.0123), p_value(0.424), p_value(None)] == ["< 0.001", "0.012", "0.42", "–"]
    assert [duration(2.34), duration(75), duration(512), duration(9000)] == ["2.3 s", "75 s", "9 min", "2 h 30 min"]
    assert [percent(0.0), percent(0.041), percent(0.62)] == ["0 %", "4.1 %", "62 %"]


class _Parts(HTMLParser):
    """The tags left open, the ids in their order, the headings that have one, and what links point at."""

    _VOID = {"meta", "br", "input", "link"}
    _SHAPES = {"path", "rect", "circle"}

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.in_order: list[str] = []
        self.headings: list[str] = []
        self.links: set[str] = set()
        self.feed(page)

    @property
    def ids(self) -> set[str]:
        return set(self.in_order)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag not in self._VOID:
            self.open.append(tag)
        if found.get("id"):
            self.in_order.append(str(found["id"]))
        if tag == "h2" and found.get("id"):
            self.headings.append(str(found["id"]))
        if tag == "a" and (found.get("href") or "").startswith("#"):
            self.links.add(str(found["href"])[1:])

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another tag"
