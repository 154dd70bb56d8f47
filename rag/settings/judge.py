"""`judge`: the language models that score answers in evaluations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from rag.settings.models import CALLED, Address, EndpointModel, ModelName, ModelSettings
from rag.settings.section import Section


class JudgeModelSettings(Section):
    """One language model that judges answers: an entry of `models`, or one at an endpoint whose key is OPENAI_API_KEY.

    `temperature` and `max_output_tokens` are left out of requests where they are null.
    """

    model: EndpointModel = Field(description="an entry of models, or a model's name at base_url")
    base_url: Address | None = Field(default=None, description="default OPENAI_BASE_URL")
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
        return ModelSettings.model_construct(**self.model_dump(include={"model", "base_url", *CALLED}))


class JudgeSettings(Section):
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
