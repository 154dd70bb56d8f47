"""One frozen settings tree; a typo in a key is an error. `load_settings` is the only reader of the environment."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from rag.errors import ConfigError

_ADDRESS = re.compile(r"https?://")

READER_VERSION = 3
"""Of the clean text that files become: raised when partitioners change, so that the next ingest reads files again."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class ChunkerSettings(_Section):
    """How documents are cut. Sizes are in the embedder's tokens, contextual header included."""

    name: str = Field(
        default="heading",
        description="heading, by-title, recursive, sentence, tokens, semantic, table-aware or parent-child;"
        " another one builds a separate index at the next ingest",
    )
    max_tokens: int = Field(default=200, ge=16, description="size of a chunk, its header included")
    overlap_tokens: int = Field(default=0, ge=0, description="how much of a chunk the next one repeats")
    header: bool = Field(default=True, description="put title, headings and table head before a chunk's text")
    parent_tokens: int = Field(
        default=600, ge=16, description="parent-child: size of the part around a chunk that the context shows"
    )
    breakpoint_percentile: float = Field(
        default=90.0, gt=0, lt=100, description="semantic: cut where neighbours differ more than at this percentile"
    )

    def relevant(self) -> dict[str, Any]:
        """Return what decides the chunks: the sizes that other chunkers use are left out."""
        others = {"parent_tokens": "parent-child", "breakpoint_percentile": "semantic"}
        unused = {key for key, chunker in others.items() if chunker != self.name}
        return self.model_dump(mode="json", exclude=unused)


class PartitionSettings(_Section):
    """How files become clean text. A worker over its time or memory limit is ended and its file is named a failure."""

    timeout_s: float = Field(default=120.0, gt=0, description="for one file; then it is a named failure")
    memory_mb: int = Field(default=4096, ge=256, description="for one file; then it is a named failure")
    pdf_strategy: Literal["fast", "hi_res"] = Field(
        default="fast", description="hi_res finds layout with a model that is not installed by default"
    )


class FetchSettings(_Section):
    """How documents are fetched from the web and unpacked from archives, with their limits."""

    timeout_s: float = Field(default=30.0, gt=0, description="for one answer of a server")
    max_file_mb: int = Field(default=200, ge=1, description="of one file, one page or one unpacked member")
    max_archive_mb: int = Field(default=4096, ge=1, description="of all members of an archive together, unpacked")
    max_pages: int = Field(default=10_000, ge=1, description="of one sitemap")
    delay_s: float = Field(default=0.0, ge=0, description="between two requests to a host; robots.txt may ask for more")
    obey_robots: bool = Field(default=True, description="skip what robots.txt forbids")
    user_agent: str = Field(default="ragwright", description="how Ragwright names itself to servers")


class DuplicateSettings(_Section):
    """Near-duplicate documents are found by MinHash over word 5-shingles and reported. They stay searchable."""

    report: bool = Field(default=True, description="name near-duplicates of new and changed documents")
    threshold: float = Field(default=0.85, gt=0, le=1, description="estimated Jaccard similarity counted as the same")


class IngestSettings(_Section):
    """Ingest of sources into an index."""

    jobs: int = Field(default=0, ge=0, description="partition workers; 0 = one per core")
    partition: PartitionSettings = PartitionSettings()
    chunker: ChunkerSettings = ChunkerSettings()
    fetch: FetchSettings = FetchSettings()
    duplicates: DuplicateSettings = DuplicateSettings()
    keep_generations: int = Field(default=3, ge=1, description="states that `generations rollback` can return to")


class EmbedderSettings(_Section):
    """The embedding model. A hub id is fetched only if you name one."""

    model: str = Field(
        default="minilm", description="minilm, a sentence-transformers folder, or a hub id with runtime torch"
    )
    runtime: Literal["onnx-int8", "onnx", "torch"] = Field(
        default="onnx-int8", description="what runs the model; onnx-int8 is the fastest on a CPU"
    )
    threads: int = Field(default=0, ge=0, description="0 = one per core")
    cache_dir: Path | None = Field(default=None, description="exported models; default RAGWRIGHT_HOME/models")


class Bm25Settings(_Section):
    """Parameters of BM25 Okapi as in rank_bm25, and how text becomes terms."""

    k1: float = Field(default=1.5, ge=0, description="how soon further occurrences of a term stop to count")
    b: float = Field(default=0.75, ge=0, le=1, description="how much long chunks are held back")
    epsilon: float = Field(default=0.25, ge=0, description="share of the mean idf that terms of most chunks get")
    stemmer: str = Field(default="english", description="Snowball stemmer, by the name of its language, or none")
    stop_words: bool = Field(default=True, description="leave out the most frequent words of English")
    identifiers: Literal["parts", "prefixes"] = Field(
        default="parts", description="found whole and by their parts, or by the beginnings of versions as well"
    )

    def relevant(self) -> dict[str, Any]:
        """Return what decides the terms and weights; `identifiers` counts where it is not what it always was."""
        return self.model_dump(mode="json", exclude={"identifiers"} if self.identifiers == "parts" else set())


class QuerySettings(_Section):
    """Steps that change a question before the first stage, in the order of the list.

    `acronyms` and `synonyms` are lists per corpus.
    """

    steps: tuple[str, ...] = Field(
        default=("history",),
        description="history, spelling, acronyms, synonyms, rm3; with a language model condense, multi-query,"
        " decompose, hyde",
    )
    acronyms: Mapping[str, Mapping[str, str]] = Field(default_factory=dict, description="corpus: {short: long form}")
    mine_acronyms: bool = Field(default=True, description="acronyms: also those that documents define, Long Form (LF)")
    synonyms: Mapping[str, tuple[tuple[str, ...], ...]] = Field(
        default_factory=dict, description="corpus: [[words, that, mean, the same], …]"
    )
    synonym_weight: float = Field(default=0.5, gt=0, le=1, description="of an added word, beside 1 of a question's own")
    history_turns: int = Field(default=2, ge=1, description="history: the last user turns that words are taken from")
    feedback_chunks: int = Field(default=10, ge=1, description="rm3: chunks that are taken for relevant")
    feedback_terms: int = Field(default=10, ge=1, description="rm3: terms that are added")
    feedback_weight: float = Field(default=0.5, gt=0, lt=1, description="rm3: share of the added terms")
    variants: int = Field(default=3, ge=1, le=10, description="multi-query, decompose: most questions that are added")
    model: str | None = Field(
        default=None, description="an entry of models for steps that a model writes; default the one that answers"
    )


class RetrievalSettings(_Section):
    """First stage and fusion."""

    retrievers: tuple[str, ...] = Field(
        default=("dense", "bm25"), min_length=1, description="first stages: dense, bm25"
    )
    candidates: int = Field(default=100, ge=1, description="taken from each retriever")
    exact: bool = Field(default=False, description="compare a question with every vector, not first with their codes")
    fusion: str = Field(default="weighted", description="weighted, weighted-theoretical, weighted-z, dbsf or rrf")
    rrf_k: float = Field(default=60.0, gt=0, description="rrf: the constant that is added to a rank")
    weights: Mapping[str, Annotated[float, Field(ge=0)]] = Field(
        default_factory=lambda: {"dense": 1.0, "bm25": 1.0}, description="of each retriever; 0 leaves it out"
    )
    top_k: int = Field(default=10, ge=1, description="hits that a search returns")
    collapse: bool = Field(default=False, description="of hits that say the same, show only the best")


_SHARES = {"learned": 1.0, "evidence": 0.4, "maxsim": 0.2}
_USUAL_SHARE = 0.5


class RerankSettings(_Section):
    """Second stage. `weight` is the share of the reranker's score. The rest is the fused score's."""

    name: str = Field(default="learned", description="none, maxsim, evidence, learned or cross-encoder")
    top_n: int = Field(default=30, ge=1, description="hits that it looks at; the others stay behind them")
    weight: float | None = Field(default=None, ge=0, le=1, description="none: the share that each was measured with")
    model: str | None = Field(
        default=None, description="for cross-encoder: a folder or hub id; for learned: a file of weights"
    )

    @property
    def share(self) -> float:
        """Return `weight`, or where it is none the share that suits the reranker."""
        return _SHARES.get(self.name, _USUAL_SHARE) if self.weight is None else self.weight


class ContextSettings(_Section):
    """Which passages reach the prompt, and how large they are together."""

    budget_tokens: int = Field(default=1500, ge=16, description="size of the packed context")
    compressor: str = Field(default="sentences", description="sentences or none")
    keep: float = Field(default=0.5, gt=0, le=1, description="share of the hits' text that compression keeps")
    near_duplicate: float = Field(default=0.9, gt=0, le=1, description="Jaccard of word 3-shingles counted as the same")
    max_hits: int = Field(default=40, ge=1, description="the context is packed from this many of the best hits")
    max_passages: int = Field(default=40, ge=1, description="most passages of a context")
    max_per_document: int = Field(default=0, ge=0, description="hits of one document that may be used; 0 = any number")
    merge_share: float = Field(
        default=0.0, ge=0, le=1, description="share of a parent's chunks that must be hits for it to replace them"
    )
    prefer_newest: bool = Field(
        default=False, description="hits of newer releases of a document before those of older ones, which are marked"
    )
    diversity: float = Field(default=0.0, ge=0, le=1, description="weight of novelty against relevance (MMR); 0 = off")
    packing: str = Field(
        default="knapsack", description="knapsack or rank: the best sentences of all hits, or hit by hit"
    )
    order: str = Field(default="rank", description="of the passages in the prompt: rank, document or edges")


ModelName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]


_PRICES = {"usd_per_million_input", "usd_per_million_output"}
_CALLED = {"temperature", "max_output_tokens", "timeout_s", "retries", *_PRICES}


class ModelSettings(_Section):
    """A language model at an OpenAI-compatible endpoint, as an entry of `models`.

    `temperature` and `max_output_tokens` are left out of requests where they are null.
    """

    model: str = Field(description="its name at the endpoint")
    base_url: str | None = Field(
        default=None, description="what /chat/completions is appended to; default OPENAI_BASE_URL"
    )
    api_key_env: str | None = Field(
        default=None,
        description="environment variable that holds the key; default OPENAI_API_KEY without a base_url, else no key",
    )
    temperature: float | None = Field(default=0.0, ge=0, description="randomness of what it writes")
    max_output_tokens: int | None = Field(default=1024, ge=1, description="longest reply")
    timeout_s: float = Field(default=60.0, gt=0, description="for an answer, tries included; each try of a judge's")
    retries: int = Field(default=2, ge=0, description="of a call that may succeed later")
    usd_per_million_input: float | None = Field(default=None, ge=0, description="price of a million tokens it reads")
    usd_per_million_output: float | None = Field(default=None, ge=0, description="price of a million tokens it writes")

    @field_validator("base_url")
    @classmethod
    def _plain_url(cls, value: str | None) -> str | None:
        if value is not None:
            parts = urlsplit(value)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError("a base_url begins with http:// or https:// and a host")
            if parts.username is not None or parts.password is not None:
                raise ValueError("a key does not belong into an address; name its variable in api_key_env")
        return value

    def relevant(self) -> dict[str, Any]:
        """Return what decides the replies."""
        return self.model_dump(mode="json", include={"model", "base_url", "temperature", "max_output_tokens"})


class AnswerSettings(_Section):
    """Generation and verification. A model writes when `generator` is `openai`, or `auto` and a model can be asked.

    An entry of `models` says itself how it is called. Of another model the keys from `max_output_tokens` to `retries`
    and the prices say it.
    """

    generator: str = Field(
        default="auto", description="auto, extractive or openai; auto is openai where OPENAI_BASE_URL is set"
    )
    model: str = Field(default="default", description="an entry of models, or a model's name at OPENAI_BASE_URL")
    prompt: str = Field(default="grounded@1", description="NAME@VERSION of the prompt file")
    max_sentences: int = Field(default=3, ge=1, description="of an extractive answer")
    max_output_tokens: int = Field(default=512, ge=1, description="most tokens of a written answer")
    temperature: float = Field(default=0.0, ge=0, description="of the language model; 0 repeats itself best")
    timeout_s: float = Field(default=60.0, gt=0, description="for a whole call to the endpoint, retries included")
    retries: int = Field(default=2, ge=0, description="of a call to the endpoint that may succeed later")
    abstain_below: float = Field(default=0.5, ge=0, le=1, description="answerability under which nothing is answered")
    support_threshold: float = Field(
        default=0.5, ge=0, le=1, description="support from which a citation counts as supported"
    )
    verifier: str = Field(
        default="evidence",
        description="what says whether a quote supports a sentence: evidence, lexical, coverage, cross-encoder or llm",
    )
    verifier_model: str | None = Field(default=None, description="folder or hub id of the verifier cross-encoder")
    usd_per_million_input: float | None = Field(
        default=None, description="price of input tokens; none: no cost is shown"
    )
    usd_per_million_output: float | None = Field(default=None, description="price of output tokens")

    def own_model(self, name: str | None = None) -> ModelSettings:
        """Return a model that is no entry of `models`, called as these keys say; by default the one that answers."""
        return ModelSettings.model_construct(model=name or self.model, **self.model_dump(include=_CALLED))


class JudgeModelSettings(_Section):
    """One language model that judges answers: an entry of `models`, or one at an endpoint whose key is OPENAI_API_KEY.

    `temperature` and `max_output_tokens` are left out of requests where they are null.
    """

    model: str = Field(description="an entry of models, or a model's name at base_url")
    base_url: str | None = Field(default=None, description="default OPENAI_BASE_URL")
    repeats: int = Field(default=1, ge=1, description="times that every case is judged; its score is their mean")
    concurrency: int = Field(default=4, ge=1, description="requests at a time")
    timeout_s: float = Field(default=60.0, gt=0, description="for one request")
    retries: int = Field(default=2, ge=0, description="after a failure that may pass, and after a malformed reply")
    temperature: float | None = Field(default=0.0, ge=0, description="null leaves it out of requests")
    max_output_tokens: int | None = Field(default=1024, ge=1, description="null leaves it out of requests")
    json_mode: bool = Field(default=True, description="ask the endpoint for a JSON object")
    usd_per_million_input: float | None = Field(default=None, ge=0, description="price of input tokens")
    usd_per_million_output: float | None = Field(default=None, ge=0, description="price of output tokens")

    def own_model(self) -> ModelSettings:
        """Return the model as these keys call it, where it is no entry of `models`."""
        return ModelSettings.model_construct(**self.model_dump(include={"model", "base_url", *_CALLED}))


class JudgeSettings(_Section):
    """Language models that score answers in evaluations. Without one nothing is asked and nothing costs.

    A reply that is in `cassettes` is not asked for again. With `replay` nothing else is asked at all.
    """

    models: Mapping[ModelName, JudgeModelSettings] = Field(
        default_factory=dict, description="the judges, by a name of your choice"
    )
    metrics: tuple[str, ...] | None = Field(default=None, description="metrics that are asked for; default all")
    aspects: Mapping[str, str] = Field(
        default_factory=lambda: {"complete": "Does the response answer every part of the user's question?"},
        description="yes-no questions about an answer, by name",
    )
    cassettes: Path | None = Field(default=None, description="folder that keeps every reply of a judge")
    replay: bool = Field(default=False, description="ask no judge, read the cassettes")
    calibrations: Path | None = Field(
        default=None, description="file of calibrations; default RAGWRIGHT_HOME/calibrations.jsonl"
    )


class ServeSettings(_Section):
    """The address of the HTTP service, and its limits."""

    host: str = Field(default="127.0.0.1", description="the address it listens on")
    port: int = Field(default=8484, ge=0, le=65535, description="the port it listens on; 0 takes a free one")
    max_question_chars: int = Field(default=4000, ge=1, description="a longer question is refused")
    max_body_bytes: int = Field(default=1_048_576, ge=1024, description="a larger request is refused")
    max_connections: int = Field(
        default=512, ge=4, description="answered at the same time, fewer where the system allows fewer open files"
    )
    read_timeout_s: float = Field(
        default=10.0, gt=0, description="for a request to come, or for its answer to be read on"
    )
    timeout_s: float = Field(default=120.0, gt=0, description="from a request to the start of its answer")
    allowed_hosts: tuple[str, ...] = Field(
        default=(),
        description="names under which clients reach the service, beside localhost, its host and addresses; * is any",
    )
    labels_header: str | None = Field(
        default=None,
        description="the header with the caller's access labels; then a request sees only documents whose acl has one",
    )
    common_labels: tuple[str, ...] = Field(default=(), description="access labels that every caller has")


class Environment(_Section):
    """What comes from environment variables; never part of a fingerprint."""

    home: Path = Field(default=Path(".ragwright"), description="where everything is kept")
    data: Path | None = Field(default=None, description="folder of public golden sets, for benchmarks and tests")
    database_url: SecretStr | None = Field(
        default=None, description="a PostgreSQL catalogue instead of SQLite in the home (postgresql+psycopg://…)"
    )
    qdrant_url: str | None = Field(default=None, description="a Qdrant server instead of the embedded engine")
    qdrant_api_key: SecretStr | None = Field(default=None, description="the server's key")
    qdrant_allow_http: bool = Field(default=False, description="1 sends the key over plain http:// to another machine")
    tiktoken_cache_dir: Path | None = Field(
        default=None, description="tiktoken's cache; budgets count with o200k_base if its file is there"
    )
    openai_base_url: str | None = Field(default=None, description="the language model's endpoint")
    openai_api_key: SecretStr | None = Field(default=None, description="its key")
    model_keys: Mapping[str, SecretStr] = Field(
        default_factory=dict, description="the variables that models.*.api_key_env name"
    )


VARIABLES: Mapping[str, str] = {
    "home": "RAGWRIGHT_HOME",
    "data": "RAGWRIGHT_DATA",
    "database_url": "DATABASE_URL",
    "tiktoken_cache_dir": "TIKTOKEN_CACHE_DIR",
    "qdrant_url": "QDRANT_URL",
    "qdrant_api_key": "QDRANT_API_KEY",
    "qdrant_allow_http": "QDRANT_ALLOW_HTTP",
    "openai_base_url": "OPENAI_BASE_URL",
    "openai_api_key": "OPENAI_API_KEY",
}
"""The environment variable of each field of `Environment`."""


class Settings(_Section):
    """The whole tree."""

    ingest: IngestSettings = IngestSettings()
    embedder: EmbedderSettings = EmbedderSettings()
    bm25: Bm25Settings = Bm25Settings()
    query: QuerySettings = QuerySettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    rerank: RerankSettings = RerankSettings()
    context: ContextSettings = ContextSettings()
    models: Mapping[ModelName, ModelSettings] = Field(default_factory=dict, description="language models, by name")
    answer: AnswerSettings = AnswerSettings()
    judge: JudgeSettings = JudgeSettings()
    serve: ServeSettings = ServeSettings()
    environment: Environment = Field(default=Environment(), exclude=True)

    def fingerprint(self) -> str:
        """Return 12 hex digits that change whenever a setting that can change a result does."""
        return _digest(self._telling())

    def recorded(self) -> dict[str, Any]:
        """Return the settings that the fingerprint is made of, to be kept with a result; no secret is among them."""
        shown: dict[str, Any] = _without_queries(self._telling())
        return shown

    def _telling(self) -> dict[str, Any]:
        speed_only: dict[str, Any] = {
            "ingest": {"jobs", "keep_generations", "fetch", "duplicates"},
            "embedder": {"threads", "cache_dir"},
            "judge": True,
            "serve": True,
            "models": True,
            "query": {"model"} if self.query.model is None else set(),
        }
        tree = self.model_dump(mode="json", exclude=speed_only)
        asked = {self.answer.model, self.query.model}
        used = {name: entry.relevant() for name, entry in self.models.items() if name in asked}
        if used:
            tree["models"] = used
        return tree

    def changed(self, changes: Mapping[str, Any]) -> Settings:
        """Return the settings with other values of dotted keys, as `--set` gives them; the environment stays.

        Raises:
            ConfigError: a key is unknown or a value does not fit.
        """
        tree = self.model_dump(mode="json")
        for key, value in changes.items():
            _put(tree, key, value)
        return _validated({**tree, "environment": self.environment})

    def value(self, key: str) -> Any:
        """Return the value of a dotted key, such as `context.keep`."""
        return reduce(getattr, key.split("."), self)

    def index_fingerprint(self) -> str:
        """Return 12 hex digits of what decides the content of an index: partition, chunker, embedder, terms."""
        return _digest(
            {
                "reader": READER_VERSION,
                "pdf_strategy": self.ingest.partition.pdf_strategy,
                "chunker": self.ingest.chunker.relevant(),
                "embedder": self.embedder.model_dump(mode="json", include={"model", "runtime"}),
                "bm25": self.bm25.relevant(),
            }
        )


def _without_queries(value: Any) -> Any:
    """Return a tree without what follows the ? of an address: some endpoints take their key there."""
    if isinstance(value, dict):
        return {key: _without_queries(item) for key, item in value.items()}
    if isinstance(value, str) and _ADDRESS.match(value):
        return value.partition("?")[0]
    return value


def load_settings(
    config: Path | None = None,
    overrides: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Build the settings from defaults, a YAML file, `key=value` overrides (dotted keys) and the environment.

    Raises:
        ConfigError: the file is unreadable, a key is unknown or a value does not fit.
    """
    tree = _read_yaml(config) if config else {}
    for override in overrides:
        _set_dotted(tree, override)
    if "environment" in tree:
        raise ConfigError("'environment' cannot be set in a file or with --set; use the environment variables")
    environ = os.environ if environ is None else environ
    tree["environment"] = _environment(environ)
    settings = _validated(tree)
    named = {entry.api_key_env for entry in settings.models.values()}
    keys = {name: SecretStr(environ[name]) for name in named if name and environ.get(name)}
    environment = settings.environment.model_copy(update={"model_keys": keys})
    return settings.model_copy(update={"environment": environment})


def _validated(tree: Mapping[str, Any]) -> Settings:
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(_explain(error)) from error
    _check_said_once(settings)
    return settings


def _check_said_once(settings: Settings) -> None:
    """Refuse keys that would be ignored because an entry of `models` says the same."""
    parts: dict[str, AnswerSettings | JudgeModelSettings] = {"answer": settings.answer}
    parts |= {f"judge.models.{name}": judge for name, judge in settings.judge.models.items()}
    for part, said in parts.items():
        usual = type(said)(model=said.model)
        twice = sorted(key for key in {*_CALLED, "base_url"} if getattr(said, key, None) != getattr(usual, key, None))
        if said.model in settings.models and twice:
            entry = f"models.{said.model}"
            raise ConfigError(f"{part}.{twice[0]}: the model is the entry {entry}; set {entry}.{twice[0]} instead")


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {field: environ[name] for field, name in VARIABLES.items() if environ.get(name)}


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read the configuration {path}: {_one_line(error)}") from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"the configuration {path} must be a mapping of sections, not {type(tree).__name__}")
    return tree


def _set_dotted(tree: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"--set needs key=value, got {override!r}")
    try:
        loaded = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {key}: cannot read the value {value!r}: {_one_line(error)}") from error
    _put(tree, key, loaded)


def _put(tree: dict[str, Any], key: str, value: Any) -> None:
    *parents, leaf = key.split(".")
    for parent in parents:
        child = tree.setdefault(parent, {})
        if not isinstance(child, dict):
            raise ConfigError(f"--set {key}: {parent!r} is not a section")
        tree = child
    tree[leaf] = value


def _explain(error: ValidationError) -> str:
    problems = []
    for item in error.errors():
        key = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            problems.append(f"unknown key {key!r}{_siblings(item['loc'])}")
        else:
            problems.append(f"{key}: {item['msg']}")
    return "; ".join(problems)


def _siblings(loc: tuple[int | str, ...]) -> str:
    model: Any = Settings
    for part in loc[:-1]:
        fields = getattr(model, "model_fields", None)
        model = fields[part].annotation if fields else get_args(model)[-1]  # a mapping's values
    names = sorted(name for name in model.model_fields if name != "environment")
    return f" (valid keys here: {', '.join(names)})"


def _digest(tree: object) -> str:
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()[:12]


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
