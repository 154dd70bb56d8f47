from pathlib import Path

import pytest

from rag.errors import ConfigError
from rag.settings import Settings, load_settings


def test_defaults_need_no_environment() -> None:
    settings = load_settings(environ={})
    assert settings.environment.home == Path(".ragwright")
    assert settings.answer.generator == "auto"


def test_file_then_overrides_then_environment(tmp_path: Path) -> None:
    config = tmp_path / "settings.yaml"
    config.write_text("retrieval:\n  top_k: 7\nrerank: {name: none}\n")
    settings = load_settings(config, ["retrieval.top_k=9"], {"RAGWRIGHT_HOME": "elsewhere", "OPENAI_API_KEY": "secret"})
    assert (settings.retrieval.top_k, settings.rerank.name) == (9, "none")
    assert settings.environment.home == Path("elsewhere")
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("rerank.topn=3", r"unknown key 'rerank.topn' \(valid keys here: .*top_n"),
        ("nothing=1", "unknown key 'nothing'"),
        ("rerank.top_n=many", "rerank.top_n"),
        ("rerank.weight=3", "rerank.weight"),
        ("rerank.top_n", "key=value"),
        ("=3", "key=value"),
        ("environment.home=x", "environment"),
        ("rerank=3", "rerank"),
        ("rerank.name={", "cannot read the value"),
    ],
)
def test_a_wrong_override_is_one_clear_line(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load_settings(overrides=[override], environ={})
    assert "\n" not in str(caught.value)


def test_a_nested_override_under_a_value_is_refused() -> None:
    with pytest.raises(ConfigError, match="not a section"):
        load_settings(overrides=["rerank.name=x", "rerank.name.y=1"], environ={})


@pytest.mark.parametrize("content", ["a: [", "- list", "\udcff"])
def test_an_unreadable_file_is_named(tmp_path: Path, content: str) -> None:
    config = tmp_path / "settings.yaml"
    config.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(ConfigError, match="settings.yaml"):
        load_settings(config, environ={})
    with pytest.raises(ConfigError, match="missing.yaml"):
        load_settings(tmp_path / "missing.yaml", environ={})


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    config = tmp_path / "settings.yaml"
    config.write_text("")
    assert load_settings(config, environ={}).fingerprint() == Settings().fingerprint()


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("models.big={model: m, base_url: 'http://h/v1?key=1'}", "models.big.base_url: .*ends before the"),
        ("models.big={model: m, base_url: 'http://h/v1#x'}", "ends before the"),
        ("judge.models.j={model: m, base_url: 'http://h/v1?a=b'}", "judge.models.j.base_url: .*ends before the"),
        ("models.big={model: ''}", "models.big.model: .*needs a name"),
        ("judge.models.j={model: ' '}", "needs a name"),
        ("answer.model=''", "answer.model: .*needs a name"),
        ("answer.retries=true", "answer.retries: .*not true or false"),
        ("models.big={model: m, retries: false}", "models.big.retries: .*not true or false"),
        ("models.big={model: m, temperature: true}", "not true or false"),
        ("retrieval.weights={dense: true}", "retrieval.weights: .*not true or false"),
        ("context.budget_tokens=true", "not true or false"),
        ("answer.timeout_s=.inf", "answer.timeout_s: .*finite"),
        ("retrieval.weights={dense: .inf}", "retrieval.weights.dense: .*finite"),
        ("answer.usd_per_million_input=.nan", "finite"),
        ("models.big={model: a, model: b}", "'model' is there twice"),
    ],
)
def test_a_value_that_would_be_taken_for_another_is_refused(override: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        load_settings(overrides=[override], environ={})
    assert "\n" not in str(caught.value) and "key=1" not in str(caught.value)


@pytest.mark.parametrize("override", ["answer.max_sentences=2", "retrieval.exact=true", "rerank.weight=1"])
def test_numbers_and_booleans_where_they_belong_are_taken(override: str) -> None:
    load_settings(overrides=[override], environ={})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("answer:\n  retries: 1\n  retries: 2\n", "line 3: 'retries' is there twice"),
        ("answer: {retries: 1}\nrerank: {top_n: 3}\nanswer: {retries: 2}\n", "line 3: 'answer' is there twice"),
    ],
)
def test_a_doubled_key_of_a_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "ragwright.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        load_settings(path, environ={})
    path.write_text("x: &all {retries: 1}\n".replace("x", "answer"))
    assert load_settings(path, environ={}).answer.retries == 1
