"""The whole tree of settings: its fingerprints, and the check of its values."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from functools import reduce
from typing import Any, get_args

from pydantic import Field, ValidationError

from rag.errors import ConfigError
from rag.settings.answer import AnswerSettings
from rag.settings.context import ContextSettings
from rag.settings.environment import Environment
from rag.settings.index import Bm25Settings, EmbedderSettings
from rag.settings.ingest import READER_VERSION, IngestSettings
from rag.settings.judge import JudgeModelSettings, JudgeSettings
from rag.settings.models import CALLED, ModelName, ModelSettings
from rag.settings.query import QuerySettings
from rag.settings.retrieve import RerankSettings, RetrievalSettings
from rag.settings.section import Section
from rag.settings.serve import ServeSettings

_ADDRESS = re.compile(r"https?://")


class Settings(Section):
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
            "retrieval": {key for key in ("leave_out", "demote") if not self.value(f"retrieval.{key}")},
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
            put(tree, key, value)
        return validated({**tree, "environment": self.environment})

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


def validated(tree: Mapping[str, Any]) -> Settings:
    """Return the settings of a tree of values.

    Raises:
        ConfigError: a key is unknown, a value does not fit, or a key would be ignored.
    """
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
        twice = sorted(key for key in {*CALLED, "base_url"} if getattr(said, key, None) != getattr(usual, key, None))
        if said.model in settings.models and twice:
            entry = f"models.{said.model}"
            raise ConfigError(f"{part}.{twice[0]}: the model is the entry {entry}; set {entry}.{twice[0]} instead")


def put(tree: dict[str, Any], key: str, value: Any) -> None:
    """Write a value under a dotted key.

    Raises:
        ConfigError: a part of the key is no section.
    """
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
