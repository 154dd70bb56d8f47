"""`models`: the language models that answers, query steps and judges may name."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from rag.settings.section import Section

ModelName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
"""A name in `models` or `judge.models`."""

_PRICES = {"usd_per_million_input", "usd_per_million_output"}
CALLED = {"temperature", "max_output_tokens", "timeout_s", "retries", *_PRICES}
"""Keys that say how a model is called; answers and judges have them too, for a model that is no entry."""


class ModelSettings(Section):
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
