from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from rag.settings import Settings
from tests.api.serving import made_app


def status(runtime: Any, host: str) -> int:
    with TestClient(made_app(runtime), base_url="http://localhost") as client:
        return client.get("/healthz", headers={"host": host}).status_code


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8484", "127.0.0.1:8484", "[::1]:8484", "192.168.1.7", "localhost."]
)
def test_addresses_and_localhost_are_this_service(runtime: Any, host: str) -> None:
    assert status(runtime, host) == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8484", "localhost.evil.example", "127.0.0.1.evil.example", ""]
)
def test_a_stranger_s_name_is_refused(runtime: Any, host: str) -> None:
    assert status(runtime, host) == 400


def test_the_refusal_names_the_setting(runtime: Any) -> None:
    with TestClient(made_app(runtime), base_url="http://evil.example") as client:
        response = client.post("/v1/search", json={"question": "q", "corpus": "demo"})
    assert response.headers["content-type"] == "application/problem+json"
    assert "serve.allowed_hosts" in response.json()["detail"]
    assert not runtime.pipeline.requests


@pytest.mark.parametrize("allowed", [("api", "docs.example.org"), ("*",)])
def test_names_can_be_allowed(runtime: Any, allowed: tuple[str, ...]) -> None:
    runtime.settings = Settings.model_validate({"serve": {"allowed_hosts": allowed}})
    assert status(runtime, "docs.example.org:443") == 200


def test_the_name_it_listens_on_is_allowed(runtime: Any) -> None:
    runtime.settings = Settings.model_validate({"serve": {"host": "rag.internal"}})
    assert status(runtime, "rag.internal:8484") == 200
