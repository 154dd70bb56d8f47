"""The pytest plugin as a project uses it: in runs of their own, over a small corpus and the demo corpus."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from eval.testing.asker import Asker
from rag.runtime import Runtime

pytest_plugins = ["pytester"]

DISKS = "Which company shreds your broken drives?"
POLICY = "policies/retention-policy-2025.pdf"
PLUGIN = ("-p", "eval.testing.plugin", "-p", "no:cacheprovider")


@pytest.fixture
def asker(demo: Runtime) -> Asker:
    return Asker(demo, "demo")


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    # the plugin is loaded by name below, whether its entry point is installed or not
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def test_good_answers_pass(asker: Asker) -> None:
    answer = asker.ask(DISKS)
    asker.assert_cited(answer)
    asker.assert_cited(answer, POLICY)
    asker.assert_grounded(answer)
    asker.assert_grounded(answer, min_support=0.5)
    asker.assert_retrieves(DISKS, POLICY, k=5)
    asker.assert_abstains("Who founded Atlantis?")
    assert asker.context(DISKS, budget_tokens=200).context.tokens <= 200


def test_messages_say_what_was_seen(asker: Asker) -> None:
    answer, refusal = asker.ask(DISKS), asker.ask("Who founded Atlantis?")
    with pytest.raises(AssertionError, match=rf"does not cite 'a\.md'\n  it cites '{POLICY}'"):
        asker.assert_cited(answer, "a.md")
    with pytest.raises(AssertionError, match=r"was not answered\n  .*Atlantis"):
        asker.assert_cited(refusal)
    with pytest.raises(AssertionError, match=r"citations do not\n  support [01]\.\d\d: "):
        asker.assert_grounded(answer, min_support=1.01)
    with pytest.raises(AssertionError, match=r"not among the first 2 hits of .*\n  1\. .*\n  2\. "):
        asker.assert_retrieves(DISKS, "a.md", k=2)
    with pytest.raises(AssertionError, match="was answered\n  .*Genvind"):
        asker.assert_abstains(DISKS)


def test_a_pass_rate_is_judged_by_its_lower_bound(asker: Asker) -> None:
    asker.assert_pass_rate([True] * 80, at_least=0.95)
    with pytest.raises(
        AssertionError, match=r"0\.95 is not shown\n  20 of 20 passed, .*\n  with 0 failures about 59 trials"
    ):
        asker.assert_pass_rate([True] * 20, at_least=0.95)
    with pytest.raises(AssertionError, match="10 of 20 passed"):
        asker.assert_pass_rate([True, False] * 10, at_least=0.5)
    calls: list[int] = []

    def trial() -> bool:
        calls.append(1)
        assert len(calls) != 3, "the third fails"
        return True

    asker.assert_pass_rate(trial, at_least=0.7, n=20)
    assert len(calls) == 20


async def test_it_may_be_asked_in_an_async_test(asker: Asker) -> None:
    assert not asker.ask(DISKS).abstained


def test_the_fixture_opens_the_configured_corpus(pytester: pytest.Pytester, demo_home: Path) -> None:
    pytester.makeini(f"[pytest]\nragwright_corpus = demo\nragwright_home = {demo_home}")
    pytester.makepyfile(
        f"""
        def test_disks(ragwright):
            ragwright.assert_cited(ragwright.ask({DISKS!r}), {POLICY!r})

        def test_wrong(ragwright):
            ragwright.assert_cited(ragwright.ask({DISKS!r}), "a.md")
        """
    )
    result = pytester.runpytest_subprocess(*PLUGIN)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["E*the answer does not cite 'a.md'", f"E*it cites '{POLICY}'"])
    result.stdout.no_fnmatch_line("*def _fail*")


def test_a_missing_corpus_is_one_clear_error(pytester: pytest.Pytester, tmp_path: Path) -> None:
    pytester.makepyfile("def test_one(ragwright): pass\ndef test_two(ragwright): pass\n")
    result = pytester.runpytest_inprocess(*PLUGIN)
    result.stdout.fnmatch_lines(["*needs a corpus: --ragwright-corpus NAME*"])
    result = pytester.runpytest_inprocess(*PLUGIN, "--ragwright-home", str(tmp_path), "--ragwright-corpus", "none")
    result.stdout.fnmatch_lines(["*CorpusNotFoundError*none*"])


STAND_IN = """
    import pytest

    @pytest.fixture(scope="session")
    def ragwright():
        return iter(range(1000))
"""
TESTS = """
    def test_half(ragwright):
        assert next(ragwright) % 2

    def test_other():
        pass
"""


def test_tests_that_ask_are_repeated_and_their_rate_is_told(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(STAND_IN)
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_inprocess(*PLUGIN, "--ragwright-repeat", "6")
    result.assert_outcomes(passed=4, failed=3)
    result.stdout.fnmatch_lines(
        ["*ragwright pass rates (Wilson 95 %)*", "50.0% [[]18.8%, 81.2%[]] 3/6 *::test_half[[]round*[]]"]
    )


def test_rates_are_counted_across_workers(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(STAND_IN)
    pytester.makepyfile("def test_ok(ragwright): pass")
    result = pytester.runpytest_subprocess(*PLUGIN, "-p", "xdist", "-n", "2", "--ragwright-repeat", "4")
    result.stdout.fnmatch_lines(["100.0% * 4/4 *::test_ok[[]round*[]]"])


def test_unused_it_changes_and_loads_nothing(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(STAND_IN)
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_inprocess(*PLUGIN)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.no_fnmatch_line("*pass rates*")
    code = (
        "import sys, eval.testing.plugin; print([m for m in sys.modules if m in ('numpy', 'rag', 'torch', 'pydantic')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("count", ["0", "many"])
def test_a_count_is_positive(count: str, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_inprocess(*PLUGIN, "--ragwright-repeat", count)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
