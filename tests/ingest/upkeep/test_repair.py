"""Damage by hand is found by the checks and mended from the catalogue's text."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

from ingest.upkeep.repair import mend
from rag.ports import REMOVED_NEVER, Point
from rag.runtime import Runtime, open_runtime
from rag.settings import Settings
from rag.state.engine import writing
from rag.state.tables import chunks
from tests.fakes import equal_to
from tests.ingest.upkeep.damaged import TOPICS, corpus, failed, folder, ingested, pks


def lose_weights(settings: Settings, _: Runtime) -> None:
    shutil.rmtree(folder(settings) / "bm25" / "weights")


def lose_counts(settings: Settings, _: Runtime) -> None:
    shutil.rmtree(folder(settings) / "bm25")


def damage_counts(settings: Settings, _: Runtime) -> None:
    (folder(settings) / "bm25" / "counts" / "1" / "terms.npy").write_bytes(b"junk")
    shutil.rmtree(folder(settings) / "bm25" / "weights" / "2")


def falsify_scores(settings: Settings, _: Runtime) -> None:
    path = folder(settings) / "bm25" / "weights" / "2" / "values.npy"
    np.save(path, np.load(path) * np.float32(1.5))


def falsify_counts(settings: Settings, runtime: Runtime) -> None:
    path = folder(settings) / "bm25" / "counts" / "1" / "counts.npy"
    np.save(path, np.load(path) + 1)
    live = corpus(runtime)
    live.index.keywords.publish(live.generation.id, runtime.catalogue.visible_chunks(live.generation))


def lose_points(_: Settings, runtime: Runtime) -> None:
    corpus(runtime).index.vectors.delete(pks(runtime)[:3])


def lose_shard(settings: Settings, runtime: Runtime) -> None:
    runtime.close()
    shutil.rmtree(folder(settings) / "shard")


def add_strangers(_: Settings, runtime: Runtime) -> None:
    vector = np.eye(1, corpus(runtime).index.embedder.dim, dtype=np.float32)[0]
    corpus(runtime).index.vectors.upsert([Point(7000 + n, vector, 1, 1, {}) for n in range(3)])


def flip_marks(_: Settings, runtime: Runtime) -> None:
    vectors = corpus(runtime).index.vectors
    hidden = [pk for pk, _, removed in vectors.marks(0, 100) if removed != REMOVED_NEVER]
    assert hidden
    vectors.set_removed(hidden, REMOVED_NEVER)
    vectors.set_removed(pks(runtime)[:1], 2)


def flip_marks_of_chunks(_: Settings, runtime: Runtime) -> None:
    with writing(runtime.engine) as connection:
        connection.execute(update(chunks).where(chunks.c.pk == pks(runtime)[0]).values(removed=2))


def truncate_tokens(settings: Settings, _: Runtime) -> None:
    path = folder(settings) / "tokens" / "1" / "vectors.bin"
    data = path.read_bytes()
    path.unlink()  # a new file: the old one may be mapped
    path.write_bytes(data[: len(data) // 2])


def lose_tokens(settings: Settings, _: Runtime) -> None:
    shutil.rmtree(folder(settings) / "tokens")


def leave_folder(settings: Settings, _: Runtime) -> None:
    (folder(settings).parent / "77" / "bm25").mkdir(parents=True)
    (folder(settings).parent / "1.tmp").mkdir()


Damage = Callable[[Settings, Runtime], None]
DAMAGES: list[tuple[Damage, str, str]] = [
    (lose_weights, "keywords", "keyword weights of generations 1, 2 computed again"),
    (lose_counts, "keywords", "terms of 7 chunks counted again"),
    (damage_counts, "keywords", "terms of 7 chunks counted again"),
    (falsify_scores, "keywords", "keyword weights"),
    (falsify_counts, "keywords", "terms of 7 chunks counted again"),
    (lose_points, "vectors", "3 vectors embedded again"),
    (lose_shard, "vectors", "7 vectors embedded again"),
    (add_strangers, "vectors", "3 points that the catalogue does not list erased"),
    (flip_marks, "vectors", "points got the removal mark"),
    (flip_marks_of_chunks, "orphans", "1 chunks got the life of their documents"),
    (truncate_tokens, "token vectors", "chunks embedded again"),
    (lose_tokens, "token vectors", "token vectors of 7 chunks embedded again"),
    (leave_folder, "orphans", "removed the left-over 77"),
]


def results(runtime: Runtime) -> list[object]:
    index, generation = corpus(runtime).index, runtime.catalogue.live("kb").id
    found: list[object] = []
    for topic in TOPICS:
        vector = index.embedder.embed([topic]).vectors[0]
        dense = index.vectors.search(vector, 5, generation, equal_to(kind="place"))
        found += [
            sorted(c.pk for c in dense),  # the int8 model scales by batch: embedded again, vectors differ a little
            [(c.pk, round(c.score, 5)) for c in index.keywords.search(topic, 5, generation)],
        ]
    tokens = index.token_vectors.get(pks(runtime))
    return [*found, {pk: rows.shape for pk, rows in tokens.items()}]


@pytest.mark.parametrize(("damage", "check", "repair"), DAMAGES, ids=lambda value: getattr(value, "__name__", None))
def test_damage_is_found_and_mended(kb: Settings, damage: Damage, check: str, repair: str) -> None:
    check_repair(kb, damage, check, repair)


def test_the_shipped_embedder_embeds_again_what_is_lost(tmp_path: Path, settings: Settings) -> None:
    check_repair(ingested(tmp_path, settings), lose_points, "vectors", "3 vectors embedded again")


def check_repair(kb: Settings, damage: Damage, check: str, repair: str) -> None:
    with open_runtime(kb) as runtime:
        before = results(runtime)
    with open_runtime(kb) as runtime:
        damage(kb, runtime)
    with open_runtime(kb) as runtime:
        assert check in failed(runtime)
        done = list(mend(corpus(runtime), runtime))
        assert any(repair in line for line in done), done
        assert not failed(runtime)
        assert list(mend(corpus(runtime), runtime)) == []
        assert results(runtime) == before
    assert sorted(path.name for path in folder(kb).parent.iterdir()) == ["1"]
