from pathlib import Path

import pytest

from rag.errors import ConfigError
from rag.settings import RerankSettings, Settings, load_settings


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


def test_fingerprint_follows_results_and_nothing_else() -> None:
    base = load_settings(environ={}).fingerprint()
    for same in ("ingest.jobs=1", "embedder.threads=1", "serve.port=1", "embedder.cache_dir=/x"):
        assert load_settings(overrides=[same], environ={"RAGWRIGHT_HOME": "h"}).fingerprint() == base, same
    for other in (
        "rerank.name=none",
        "context.budget_tokens=99",
        "bm25.k1=1.2",
        "query.steps=[rm3]",
        "ingest.chunker.max_tokens=99",
    ):
        assert load_settings(overrides=[other], environ={}).fingerprint() != base, other


def test_index_fingerprint_follows_what_builds_the_index() -> None:
    base = load_settings(environ={}).index_fingerprint()
    for same in ("rerank.name=none", "context.keep=0.9", "answer.generator=extractive"):
        assert load_settings(overrides=[same], environ={}).index_fingerprint() == base, same
    for other in ("ingest.chunker.name=recursive", "embedder.runtime=torch", "bm25.stemmer=german"):
        assert load_settings(overrides=[other], environ={}).index_fingerprint() != base, other
    prefixes = load_settings(overrides=["bm25.identifiers=prefixes"], environ={})
    assert prefixes.index_fingerprint() != base
    before = {**Settings().bm25.model_dump(mode="json")}
    del before["identifiers"]
    assert Settings().bm25.relevant() == before, "an index made before the setting was there stays what it is"


def test_each_reranker_has_a_share_that_suits_it_unless_one_is_set() -> None:
    shares = {name: RerankSettings(name=name).share for name in ("learned", "evidence", "maxsim", "cross-encoder")}
    assert shares == {"learned": 1.0, "evidence": 0.4, "maxsim": 0.2, "cross-encoder": 0.5}
    assert RerankSettings(name="learned", weight=0.0).share == 0.0


def test_changed_settings_are_those_of_the_same_options_and_keep_the_environment() -> None:
    base = load_settings(overrides=["context.keep=0.7"], environ={"RAGWRIGHT_HOME": "h"})
    changed = base.changed({"rerank.weight": 0.4, "retrieval.weights.bm25": 2.0, "context.packing": "rank"})
    options = ["context.keep=0.7", "rerank.weight=0.4", "retrieval.weights={dense: 1, bm25: 2}", "context.packing=rank"]
    assert changed == load_settings(overrides=options, environ={"RAGWRIGHT_HOME": "h"})
    assert base.changed({}) == base and base.rerank.weight is None
    for key, value in (("context.kep", 1), ("context.keep", 2), ("context.keep.x", 1)):
        with pytest.raises(ConfigError, match="context"):
            base.changed({key: value})
