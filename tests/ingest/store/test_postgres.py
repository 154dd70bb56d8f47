"""The catalogue on PostgreSQL: a real server, an empty database for each test."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import inspect, select, text, update

from ingest.pipeline import ingest
from ingest.upkeep.checks import Corpus, examine
from ingest.upkeep.erase import erase
from ingest.upkeep.generations import rollback, status, vacuum
from ingest.upkeep.repair import mend
from rag.conditions import Filter, OneOf, matches, parse_condition, resolve
from rag.errors import DocumentNotFoundError, StateError
from rag.runtime import Runtime, open_runtime
from rag.settings import load_settings
from rag.state.engine import open_catalogue, writing
from rag.state.home import Home
from rag.state.tables import SCHEMA_VERSION, chunks, schema
from rag.types import Metadata
from tests.fakes import equal_to


@pytest.fixture
def runtime(database: str, tmp_path: Path, model_cache: Path) -> Iterator[Runtime]:
    environ = {"RAGWRIGHT_HOME": str(tmp_path / "home"), "DATABASE_URL": database}
    overrides = [f"embedder.cache_dir={model_cache}", "embedder.threads=1", "ingest.jobs=1"]
    with open_runtime(load_settings(overrides=[*overrides, "ingest.keep_generations=2"], environ=environ)) as opened:
        yield opened


def texts(runtime: Runtime) -> dict[str, str]:
    live = runtime.catalogue.live("kb")
    return {document.doc_id: document.text for document in runtime.catalogue.documents(live)}


def true(runtime: Runtime) -> bool:
    return all(finding.ok for finding in examine(Corpus("kb", runtime, runtime.catalogue.live("kb"))))


def test_a_corpus_lives_on_postgresql(runtime: Runtime, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("a", "b", "c"):
        (source / f"{name}.md").write_text(f"---\nkind: letter\n---\n# {name}\n\nThe letter {name} stands here.\n")
    first = ingest([str(source)], "kb", runtime).generation
    assert len(runtime.catalogue.matching(runtime.catalogue.live("kb"), equal_to(kind="letter"))) == 3
    for version in range(3):
        (source / "a.md").write_text(f"# a\n\nVersion {version} of a.\n")
        ingest([str(source)], "kb", runtime)
    assert true(runtime)
    rollback("kb", runtime)
    assert texts(runtime)["a.md"].endswith("Version 1 of a.\n")
    assert vacuum("kb", runtime) >= 1
    assert true(runtime) and texts(runtime)["a.md"].endswith("Version 1 of a.\n")
    erased = erase(["b.md"], "kb", runtime)
    assert erased.chunks == 1 and set(texts(runtime)) == {"a.md", "c.md"}
    with pytest.raises(DocumentNotFoundError):
        erase(["b.md"], "kb", runtime)
    with writing(runtime.engine) as connection:
        assert connection.scalar(select(chunks.c.pk).where(chunks.c.text.contains("letter b"))) is None
        connection.execute(update(chunks).values(removed=erased.generation))
    assert not true(runtime)
    assert list(mend(Corpus("kb", runtime, runtime.catalogue.live("kb")), runtime))
    assert true(runtime)
    assert status("kb", runtime)[0].documents == 2 and first is not None


def test_every_kind_of_condition_holds_on_postgresql(runtime: Runtime, tmp_path: Path) -> None:
    rows: dict[str, Metadata] = {
        "a": {"tags": ("x", "y"), "year": "2024"},
        "b": {"tags": ("y",), "year": "2026", "odd'k": 'v"?'},
        "c": {"year": "soon"},
    }
    (tmp_path / "source").mkdir()
    for name, fields in rows.items():
        front = json.dumps({key: value if isinstance(value, str) else list(value) for key, value in fields.items()})
        (tmp_path / "source" / f"{name}.md").write_text(f"---\n{front}\n---\n# {name}\n\nText of {name}.\n")
    ingest([str(tmp_path / "source")], "kb", runtime)
    live = runtime.catalogue.live("kb")
    assert runtime.catalogue.field_values(live, "tags") == {"x", "y"}
    assert runtime.catalogue.field_values(live, "year") == {"2024", "2026", "soon"}
    assert runtime.catalogue.field_values(live, "none") == frozenset()
    filters: list[Filter] = [
        (OneOf("tags", ("x", "z")),),
        (OneOf("tags", ("y",)), OneOf("year", ("2024",), negated=True)),
        (OneOf("tags", ("x",), negated=True),),
        (OneOf("odd'k", ('v"?',)),),
        (OneOf("tags", ()),),
        (OneOf("tags", (), negated=True),),
        resolve([parse_condition("year>=2025")], lambda field: runtime.catalogue.field_values(live, field)),
    ]
    for asked in filters:
        found = runtime.catalogue.chunks(sorted(runtime.catalogue.matching(live, asked)))
        held = {f"{name}.md" for name, fields in rows.items() if matches(fields, asked)}
        assert {chunk.doc_id for chunk in found.values()} == held, asked


def test_an_older_schema_migrates_and_a_newer_is_refused(database: str, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    engine = open_catalogue(home, database)
    with writing(engine) as connection:
        connection.execute(text("alter table documents drop column minhash"))
        connection.execute(text("alter table documents drop column source"))
        connection.execute(text("alter table failures drop column source"))
        connection.execute(text("drop table sources"))
        connection.execute(text("alter table generations drop column gate"))
        for column in ("boxes", "parent_start", "parent_end", "text_hash"):
            connection.execute(text(f"alter table chunks drop column {column} cascade"))
        connection.execute(text("drop table fetches"))
        connection.execute(update(schema).values(version=1))
    engine.dispose()
    engine = open_catalogue(home, database)
    with writing(engine) as connection:
        assert connection.scalar(select(schema.c.version)) == SCHEMA_VERSION
        connection.execute(update(schema).values(version=1000))
    assert {"fetches", "sources"} <= set(inspect(engine).get_table_names())
    assert "source" in {column["name"] for column in inspect(engine).get_columns("documents")}
    assert {"boxes", "text_hash"} <= {column["name"] for column in inspect(engine).get_columns("chunks")}
    engine.dispose()
    with pytest.raises(StateError, match="schema 1000"):
        open_catalogue(home, database)
