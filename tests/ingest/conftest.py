"""A runtime over in-memory stores: the real catalogue and tokenizer, a hashing embedder, stores that can be broken."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from rag.index.token_vectors import pack, unpack
from rag.models.tokenizers import JsonTokenizer
from rag.ports import REMOVED_NEVER, Embeddings, Index
from rag.settings import Settings
from rag.state.engine import open_catalogue
from rag.state.home import Home
from rag.state.reader import SqlCatalogue


class Crash(Exception):
    """What a test raises where a process would die."""


class HashEmbedder:
    name, dim, max_tokens = "hash", 8, 256

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer
        self.calls = 0
        self.texts = []

    def embed(self, texts, *, with_tokens=False):
        self.calls += 1
        self.texts += texts
        rows = [np.frombuffer(hashlib.sha256(text.encode()).digest()[:8], np.uint8) for text in texts]
        vectors = np.array(rows, np.float32).reshape(len(texts), self.dim)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return Embeddings(vectors, tuple(vectors[i : i + 1] for i in range(len(texts))) if with_tokens else ())


class MemoryVectors:
    def __init__(self):
        self.points, self.removed = {}, {}

    def upsert(self, points):
        for point in points:
            self.points[point.pk], self.removed[point.pk] = point, REMOVED_NEVER

    def set_removed(self, pks, generation):
        self.removed.update((pk, generation) for pk in pks if pk in self.points)

    def delete(self, pks):
        for pk in pks:
            self.points.pop(pk, None)
            self.removed.pop(pk, None)

    def get(self, pks):
        return {pk: self.points[pk].vector for pk in pks if pk in self.points}

    def visible(self, generation):
        return {pk for pk, point in self.points.items() if point.added <= generation < self.removed[pk]}

    def count(self, generation):
        return len(self.visible(generation))

    def marks(self, after, limit):
        return [(pk, self.points[pk].added, self.removed[pk]) for pk in sorted(self.points) if pk > after][:limit]

    def compact(self):
        self.compacted = True

    def flush(self):
        pass


class MemoryKeywords:
    def __init__(self):
        self.added, self.published = {}, {}

    def add(self, generation, pks, texts):
        self.added.setdefault(generation, {}).update(zip(pks, texts, strict=True))

    def publish(self, generation, visible):
        known, seen = {pk for texts in self.added.values() for pk in texts}, {pk for pk, _ in visible}
        assert seen <= known, "a visible chunk has no term counts"
        self.published[generation] = seen

    def discard(self, generation):
        self.added.pop(generation, None)
        self.retire(generation)

    def retire(self, generation):
        self.published.pop(generation, None)

    def pks(self, generation):
        return frozenset(self.published[generation])

    def compact(self, generations, pks):
        self.published = {g: seen for g, seen in self.published.items() if g in generations}
        self.added = {g: {pk: texts[pk] for pk in texts if pk in pks} for g, texts in self.added.items()}


class MemoryTokens:
    def __init__(self):
        self.added, self.published = {}, set()

    def add(self, generation, pks, vectors):
        self.added.setdefault(generation, {}).update(zip(pks, vectors, strict=True))

    def packed(self, pks):
        known = {pk: rows for added in self.added.values() for pk, rows in added.items()}
        return {pk: pack(known[pk]) for pk in pks if pk in known}

    def add_packed(self, generation, pks, packed):
        self.add(generation, pks, [unpack(rows, rows.shape[1] * 2) for rows in packed])

    def publish(self, generation):
        self.published.add(generation)

    def compact(self, pks):
        self.added = {g: {pk: rows[pk] for pk in rows if pk in pks} for g, rows in self.added.items()}

    def discard(self, generation):
        self.added.pop(generation, None)
        self.published.discard(generation)


class FakeRuntime:
    def __init__(self, home, settings, tokenizer):
        self.home, self.settings = Home(home), settings
        self.engine = open_catalogue(self.home)
        self.catalogue = SqlCatalogue(self.engine)
        self.embedder = HashEmbedder(tokenizer)
        self.opened, self.dropped = {}, []

    def claim(self, index_id):
        pass

    def indexes(self, index_id):
        if index_id not in self.opened:
            stores = (MemoryVectors(), MemoryKeywords(), MemoryTokens())
            self.opened[index_id] = Index(index_id, self.embedder, *stores)
        return self.opened[index_id]

    def drop_index(self, index_id):
        self.opened.pop(index_id, None)
        self.dropped.append(index_id)

    def view(self, corpus):
        """What readers of the live generation see, checked to be the same in every store."""
        live = self.catalogue.live(corpus)
        index = self.opened[live.index_id]
        pks = {pk for pk, _ in self.catalogue.visible_chunks(live)}
        assert index.vectors.visible(live.id) == pks
        assert index.keywords.published[live.id] == pks
        tokens = {pk for g, vectors in index.token_vectors.added.items() if g <= live.id for pk in vectors}
        assert pks <= tokens
        chunks = self.catalogue.chunks(sorted(pks)).values()
        documents = {d.doc_id: d.text for d in self.catalogue.documents(live)}
        for chunk in chunks:
            assert documents[chunk.doc_id][chunk.span.start : chunk.span.end] == chunk.text
        return documents, sorted((c.doc_id, c.span, c.text, c.headings, c.chunk_id) for c in chunks)


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory):
    from tokenizers import Tokenizer, models, pre_tokenizers

    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    built = Tokenizer(models.WordLevel({"[UNK]": 0}, "[UNK]"))
    built.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    path.write_text(json.dumps(json.loads(built.to_str())))
    return JsonTokenizer(path, "words")


@pytest.fixture
def make_runtime(tmp_path, tokenizer):
    made = []

    def make(name="home", **ingest):
        settings = Settings.model_validate({"ingest": {"jobs": 1, "chunker": {"max_tokens": 40}, **ingest}})
        made.append(FakeRuntime(Path(tmp_path / name), settings, tokenizer))
        return made[-1]

    yield make
    for runtime in made:
        runtime.engine.dispose()


@pytest.fixture
def runtime(make_runtime):
    return make_runtime()


@pytest.fixture
def crash():
    return Crash
