"""The composition root: the only place where concrete adapters are chosen and opened."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import cached_property, lru_cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from rag.answer.abstain import answer_gate
from rag.answer.generative import LlmGenerator
from rag.answer.generators import make_generator
from rag.answer.verify import Means, make_verifier
from rag.cache.stages import StageResults
from rag.conditions import Filter
from rag.context.compress import compressor
from rag.context.parents import by_children
from rag.context.tokens import CountedTokenizer, budget_tokenizer
from rag.explain.flow import Explainer
from rag.index.bm25 import Bm25Index
from rag.index.following import FollowingBm25Index
from rag.index.owner import VectorIndexes
from rag.index.token_vectors import StoredTokenVectors
from rag.llm.configured import ChatModels
from rag.models.embedders import make_embedder, question_encoder
from rag.models.evidence_model import READS_WITH, PackagedReader
from rag.models.late_interaction import LateInteraction, QueryEncoder
from rag.pipeline import RagPipeline, Stages
from rag.ports import Embedder, Index, KeywordIndex, Tokenizer, TokenVectors, VectorIndex, Verifier
from rag.prompts import PromptFiles
from rag.query.steps import Sources, query_steps
from rag.rerank.rerankers import reranker
from rag.retrieve.fusion import fusion_of
from rag.retrieve.retrievers import Stores, retriever
from rag.settings import AnswerSettings, EmbedderSettings, Settings
from rag.state import places
from rag.state.access import AccessCatalogue
from rag.state.engine import claim_home, open_catalogue
from rag.state.home import Home
from rag.state.kept import KeptCatalogue
from rag.state.reader import PinnedCatalogue, SqlCatalogue
from rag.types import Generation

if TYPE_CHECKING:
    from rag.index.qdrant_server import QdrantServerIndex

_SWEPT_QUESTIONS = 4096
_SWEPT_CHUNKS = 16_384  # with their readings of a question: about 200 MB


class Runtime:
    """Everything a process holds open: catalogue, models, indexes, and the flow over them. Close it when done."""

    def __init__(self, settings: Settings, home: Home, engine: Engine, place: places.HomeId | None = None) -> None:
        """`place` is this home's id where the stores of an index may lie in another one."""
        self._place = place
        self.settings = settings
        self.home = home
        self.engine = engine
        self.catalogue = SqlCatalogue(engine)
        self._lock = threading.RLock()
        self._indexes: dict[int, Index] = {}
        self._embedders: dict[EmbedderSettings, Embedder] = {}
        self._question_encoders: dict[EmbedderSettings, Embedder | None] = {}
        self._verifiers: dict[tuple[AnswerSettings, str], Verifier] = {}
        self._shards: VectorIndexes | None = None
        self._kept: dict[int, KeptCatalogue] = {}
        self._tokenizers: dict[int, Tokenizer] = {}

    def verifier(self, name: str | None = None, settings: AnswerSettings | None = None) -> Verifier:
        """Return the verifier of that name, by default the one that the settings name, kept with its model.

        Raises:
            UnknownKeyError: there is no verifier of that name.
            ConfigError: it needs a model, and none is named.
        """
        settings = settings or self.settings.answer
        key = settings, name or settings.verifier
        with self._lock:
            if key not in self._verifiers:
                self._verifiers[key] = make_verifier(*key, self._means)
            return self._verifiers[key]

    @cached_property
    def _means(self) -> Means:
        reads_with = _reading(self.settings)
        return Means(self.models, PackagedReader(lambda: self._embedder(reads_with)))

    @property
    def embedder(self) -> Embedder:
        """The embedder that the settings name; indexes keep the one they were built with."""
        return self._embedder(self.settings.embedder)

    def indexes(self, index_id: int) -> Index:
        """Open an index, or return it if it is open."""
        with self._lock:
            if index_id not in self._indexes:
                self._indexes[index_id] = self._open_index(index_id)
            return self._indexes[index_id]

    def claim(self, index_id: int) -> None:
        """Make this home the one that holds the stores of an index, where several homes could.

        Raises:
            StateError: another home holds them.
        """
        if self._place is not None:
            places.claim(self.engine, index_id, self._place)

    def take_over(self, index_id: int) -> None:
        """Make this home the one that holds an index, whichever did; its stores may have to be mended afterwards.

        Raises:
            StateError: the home that holds them is still there.
        """
        if self._place is None:
            return
        if self.settings.environment.qdrant_url:
            places.part_from_original(self.engine, self.home, self._place)
        else:
            places.take_over(self.engine, index_id, self._place)

    @cached_property
    def models(self) -> ChatModels:
        """The language models that the settings name."""
        return ChatModels(self.settings.models, self.settings.environment)

    @cached_property
    def pipeline(self) -> RagPipeline:
        """The flow, over the stages that the settings name."""
        return RagPipeline(self._stages, self.settings)

    @cached_property
    def explainer(self) -> Explainer:
        """What says why a passage reached a context, or why not."""
        return Explainer(self._stages, self.settings, self._variant)

    def pipeline_at(self, generation: Generation) -> RagPipeline:
        """Return the same flow over one generation, whether it is live or not."""
        return RagPipeline(self._made_of(self.settings, PinnedCatalogue(self.engine, generation)), self.settings)

    def flow(self, settings: Settings, generation: Generation, kept: StageResults) -> RagPipeline:
        """Return the flow with other settings over one generation, with results of stages that are at hand.

        Only settings that do not build an index may differ from those of the generation. Models, indexes and what was
        read are shared by all such flows of this runtime.
        """
        with self._lock:
            catalogue = self._kept.setdefault(generation.id, KeptCatalogue(self.engine, generation))
        stages = self._made_of(settings, catalogue, self._sweeping)
        return RagPipeline(replace(stages, tokenizer=self._counted_tokenizer), settings, kept=kept)

    def restricted(self, access: Filter) -> tuple[RagPipeline, Explainer, AccessCatalogue]:
        """Return flow, explainer and catalogue for a caller who may see only documents that satisfy `access`."""
        catalogue = AccessCatalogue(self.catalogue, access)
        return self.pipeline.restricted(access, catalogue), self.explainer.restricted(access, catalogue), catalogue

    @cached_property
    def _stages(self) -> Stages:
        return self._made_of(self.settings, self.catalogue)

    @cached_property
    def _interaction(self) -> LateInteraction:
        return LateInteraction(self.indexes, QueryEncoder(self.indexes))

    @cached_property
    def _sweeping(self) -> LateInteraction:
        return LateInteraction(self.indexes, QueryEncoder(self.indexes, _SWEPT_QUESTIONS), scored=_SWEPT_CHUNKS)

    def _variant(self, settings: Settings) -> Stages:
        """Return the stages that other settings ask for, over what is open already, models included."""
        stages = replace(self._made_of(settings, self.catalogue), generator=self._stages.generator)
        if settings.rerank == self.settings.rerank:
            stages = replace(stages, reranker=self._stages.reranker)
        return stages

    def _made_of(
        self, settings: Settings, catalogue: SqlCatalogue, interaction: LateInteraction | None = None
    ) -> Stages:
        interaction = interaction or self._interaction
        stores = Stores(self.indexes, catalogue, interaction.encoder, settings.retrieval.exact)
        prompts = PromptFiles()
        generator = make_generator(settings.answer, self.models)
        chat = self.models.rewriting(settings.query, settings.answer)
        if chat is None and isinstance(generator, LlmGenerator):
            chat = generator.chat
        return Stages(
            catalogue=catalogue,
            retrievers=tuple(retriever(name, stores) for name in settings.retrieval.retrievers),
            fusion=fusion_of(settings.retrieval),
            reranker=reranker(settings.rerank, interaction),
            compressor=compressor(settings.context, by_children(interaction.readings, catalogue)),
            tokenizer=self._budget_tokenizer,
            render=prompts.render,
            gate=answer_gate(settings.answer, self.indexes, catalogue),
            generator=generator,
            verifier=self.verifier(settings=settings.answer),
            query_steps=query_steps(settings.query, Sources(self.indexes, catalogue, chat, prompts)),
        )

    def stores(self, index_id: int, dim: int) -> tuple[VectorIndex, KeywordIndex, TokenVectors]:
        """Open the stores of an index without its model."""
        folder, terms = self.home.index(index_id), self.catalogue.index(index_id).bm25
        keywords = Bm25Index(folder / "bm25", terms)
        environment = self.settings.environment
        if environment.database_url and environment.qdrant_url:  # other homes may write to it
            keywords = FollowingBm25Index(folder / "bm25", terms, index_id, self.catalogue)
        return self._vectors(index_id, dim), keywords, StoredTokenVectors(folder / "tokens", dim)

    def drop_index(self, index_id: int) -> None:
        """Close an index and erase its vectors, wherever they are; its other files are the caller's."""
        with self._lock:
            self._indexes.pop(index_id, None)
            if self.settings.environment.qdrant_url:
                self._server_index(index_id, dim=1).drop()
            else:
                self._open_shards().drop(index_id)

    def close(self) -> None:
        """Release the shards and the catalogue."""
        with self._lock:
            self._indexes.clear()
            if self._shards is not None:
                self._shards.close()
                self._shards = None
        self.engine.dispose()

    def __enter__(self) -> Runtime:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open_index(self, index_id: int) -> Index:
        if self._place is not None:
            places.check(self.engine, index_id, self._place)
        settings = self.catalogue.index(index_id).embedder
        embedder = self._embedder(settings)
        vectors, keywords, token_vectors = self.stores(index_id, embedder.dim)
        return Index(index_id, embedder, vectors, keywords, token_vectors, self._question_encoder(settings, embedder))

    def _vectors(self, index_id: int, dim: int) -> VectorIndex:
        if self.settings.environment.qdrant_url:
            return self._server_index(index_id, dim)
        return self._open_shards().open(index_id, dim)

    def _open_shards(self) -> VectorIndexes:
        if self._shards is None:
            self._shards = VectorIndexes(self.home)
        return self._shards

    def _server_index(self, index_id: int, dim: int) -> QdrantServerIndex:
        from rag.index.qdrant_server import QdrantServerIndex, server_client  # a second of imports

        environment = self.settings.environment
        secret = environment.qdrant_api_key
        key = secret.get_secret_value() if secret else None
        client = server_client(environment.qdrant_url or "", key, allow_http=environment.qdrant_allow_http)
        return QdrantServerIndex(client, f"ragwright-{self.catalogue.identity()}-{index_id}", dim)

    def _embedder(self, settings: EmbedderSettings) -> Embedder:
        with self._lock:
            if settings not in self._embedders:
                self._embedders[settings] = make_embedder(settings, self.home.models)
            return self._embedders[settings]

    def _question_encoder(self, settings: EmbedderSettings, embedder: Embedder) -> Embedder | None:
        """Return what was trained to read questions for this embedder: it has the same weights but for its adapter."""
        with self._lock:
            if settings not in self._question_encoders:
                self._question_encoders[settings] = question_encoder(settings, self.home.models)
            found = self._question_encoders[settings]
        weights = embedder.name.partition("/")[0]
        return found if found and found.name.partition("/")[0] == weights else None

    def _counted_tokenizer(self, generation: Generation) -> Tokenizer:
        with self._lock:
            if generation.index_id not in self._tokenizers:
                self._tokenizers[generation.index_id] = CountedTokenizer(self._budget_tokenizer(generation))
            return self._tokenizers[generation.index_id]

    def _budget_tokenizer(self, generation: Generation) -> Tokenizer:
        embedder = self.indexes(generation.index_id).embedder
        return budget_tokenizer(embedder.tokenizer, self.settings.environment.tiktoken_cache_dir)


def open_runtime(settings: Settings) -> Runtime:
    """Open the catalogue; models and indexes follow when they are first needed.

    Raises:
        StateError: the home cannot be written or the catalogue cannot be read.
    """
    home = Home(Path(settings.environment.home).expanduser().resolve())
    url = settings.environment.database_url
    engine = open_catalogue(home, url.get_secret_value() if url else None)
    shares = (url is None) != (settings.environment.qdrant_url is None)  # one part on a server, the other in the home
    runtime = Runtime(settings, home, engine, places.home_id(home) if shares else None)
    claim_home(home, runtime.catalogue.identity())
    return runtime


def verifier_of(settings: Settings, name: str | None = None) -> Verifier:
    """Return a verifier without opening a catalogue; names and errors are those of `Runtime.verifier`."""
    home = Home(Path(settings.environment.home).expanduser().resolve())
    embedder = lru_cache(1)(lambda: make_embedder(_reading(settings), home.models))
    means = Means(ChatModels(settings.models, settings.environment), PackagedReader(embedder))
    return make_verifier(settings.answer, name, means)


def _reading(settings: Settings) -> EmbedderSettings:
    """Return the encoder that the evidence model reads with; the index's own is opened once if it is the same."""
    own = settings.embedder
    return READS_WITH.model_copy(update={"threads": own.threads, "cache_dir": own.cache_dir})
