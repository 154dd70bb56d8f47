"""The pytest plugin `ragwright`: a fixture that asks a corpus, and repeats with a pass rate and its interval.

It is loaded by every pytest of the environment, so it imports nothing until a test uses the fixture.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from eval.testing.asker import Asker
    from rag.settings import Settings

_ROUND = "ragwright_round"
_TEST = "ragwright_test"
"""The property of a report that names the test of which it is one round; it also reaches JUnit files."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and their twins in the configuration file."""
    group = parser.getgroup("ragwright", "Ragwright: questions to a corpus")
    group.addoption("--ragwright-home", metavar="DIR", help="where the corpus is kept (default: RAGWRIGHT_HOME)")
    group.addoption("--ragwright-corpus", metavar="NAME", help="the corpus that tests ask")
    group.addoption("--ragwright-config", metavar="FILE", help="settings in YAML")
    group.addoption(
        "--ragwright-repeat",
        metavar="N",
        type=_positive,
        default=1,
        help="run each test that uses the ragwright fixture N times and tell its pass rate",
    )
    for name in ("home", "corpus", "config"):
        parser.addini(f"ragwright_{name}", f"default of --ragwright-{name}")


def pytest_configure(config: pytest.Config) -> None:
    """Count outcomes if tests are repeated."""
    if config.getoption("--ragwright-repeat") > 1:
        config.pluginmanager.register(_PassRates(), "ragwright-pass-rates")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Repeat the tests that use the fixture."""
    rounds: int = metafunc.config.getoption("--ragwright-repeat")
    if rounds > 1 and "ragwright" in metafunc.fixturenames:
        metafunc.fixturenames.append(_ROUND)
        metafunc.parametrize(_ROUND, range(1, rounds + 1), ids=lambda i: f"round{i}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Mark the report of a round with the test it belongs to."""
    report = yield
    callspec = getattr(item, "callspec", None)
    if callspec is not None and _ROUND in callspec.params:
        report.user_properties.append((_TEST, item.nodeid.replace(f"round{callspec.params[_ROUND]}", "round*")))
    return report


class _PassRates:
    """Collects the outcomes of repeated tests, from workers as well, and tells the rates."""

    def __init__(self) -> None:
        self._outcomes: dict[str, list[bool]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count what a round came to."""
        name = str(dict(report.user_properties).get(_TEST, ""))
        if name and report.when == "call" and not report.skipped:
            self._outcomes.setdefault(name, []).append(report.passed)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell the pass rate of every repeated test."""
        from eval.stats import wilson

        if self._outcomes:
            terminalreporter.section("ragwright pass rates (Wilson 95 %)")
        for name, passed in self._outcomes.items():
            rate = wilson(sum(passed), len(passed))
            bounds = f"[{rate.low:.1%}, {rate.high:.1%}]"
            terminalreporter.line(f"{rate.value:.1%} {bounds} {sum(passed)}/{len(passed)} {name}")


@pytest.fixture(scope="session")
def ragwright(request: pytest.FixtureRequest) -> Iterator[Asker]:
    """Questions to the configured corpus, and assertions on what it answers; opened once for all tests."""
    from eval.testing.asker import Asker
    from rag.runtime import open_runtime

    corpus = _option(request.config, "corpus")
    if not corpus:
        raise pytest.UsageError("the ragwright fixture needs a corpus: --ragwright-corpus NAME, or ragwright_corpus")
    with open_runtime(_settings(request.config)) as runtime:
        runtime.catalogue.live(corpus)  # a corpus that is not there is told once, not by every test
        yield Asker(runtime, corpus)


def _settings(config: pytest.Config) -> Settings:
    from pathlib import Path

    from rag.settings import load_settings

    home, file = _option(config, "home"), _option(config, "config")
    settings = load_settings(Path(file) if file else None)
    if not home:
        return settings
    return settings.model_copy(update={"environment": settings.environment.model_copy(update={"home": home})})


def _option(config: pytest.Config, name: str) -> str:
    return str(config.getoption(f"--ragwright-{name}") or config.getini(f"ragwright_{name}") or "")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(f"at least 1, got {text}")
    return number
