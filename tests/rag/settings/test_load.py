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
