import pytest

from rag.errors import ConfigError
from rag.settings import Settings, load_settings


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


def test_changed_settings_are_those_of_the_same_options_and_keep_the_environment() -> None:
    base = load_settings(overrides=["context.keep=0.7"], environ={"RAGWRIGHT_HOME": "h"})
    changed = base.changed({"rerank.weight": 0.4, "retrieval.weights.bm25": 2.0, "context.packing": "rank"})
    options = ["context.keep=0.7", "rerank.weight=0.4", "retrieval.weights={dense: 1, bm25: 2}", "context.packing=rank"]
    assert changed == load_settings(overrides=options, environ={"RAGWRIGHT_HOME": "h"})
    assert base.changed({}) == base and base.rerank.weight is None
    for key, value in (("context.kep", 1), ("context.keep", 2), ("context.keep.x", 1)):
        with pytest.raises(ConfigError, match="context"):
            base.changed({key: value})
