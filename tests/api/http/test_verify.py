"""POST /v1/verify over a real runtime: rows in, verdicts in order out, problems for what cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from rag.settings import load_settings

GOOD = {"id": "a", "claim": "Firing takes nine hours.", "evidence": "The kiln is hot. Firing takes nine hours."}
LIE = {"id": 7, "claim": "Firing takes 11 hours.", "evidence": ["Firing takes nine hours.", "The glaze is blue."]}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, model_cache: Path) -> Iterator[TestClient]:
    home: Path = tmp_path_factory.mktemp("verify")
    settings = load_settings(overrides=[f"embedder.cache_dir={model_cache}"], environ={"RAGWRIGHT_HOME": str(home)})
    with TestClient(create_app(settings), base_url="http://localhost", raise_server_exceptions=False) as client:
        yield client


def problem(response: Any, status: int) -> str:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    return str(response.json()["detail"])


def test_rows_come_back_scored_in_order(client: TestClient) -> None:
    response = client.post("/v1/verify", json={"rows": [LIE, GOOD]})
    assert response.status_code == 200
    found = response.json()["rows"]
    assert [(row["id"], row["supported"]) for row in found] == [(7, False), ("a", True)]
    assert all(set(row) == {"id", "score", "supported", "method"} for row in found)


def test_no_rows_are_no_verdicts(client: TestClient) -> None:
    assert client.post("/v1/verify", json={"rows": []}).json() == {"rows": []}


def test_the_method_is_chosen_and_said(client: TestClient) -> None:
    response = client.post("/v1/verify", json={"rows": [GOOD], "method": "coverage"})
    assert response.json() == {"rows": [{"id": "a", "score": 1.0, "supported": True, "method": "coverage"}]}


def test_an_unknown_method_names_the_known_ones(client: TestClient) -> None:
    assert "coverage" in problem(client.post("/v1/verify", json={"rows": [GOOD], "method": "oracle"}), 400)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "rows"),
        ({"rows": [GOOD], "thing": 1}, "thing"),
        ({"rows": [GOOD | {"claim": None}]}, "rows.0.claim"),
        ({"rows": [GOOD | {"evidence": 3}]}, "rows.0.evidence"),
        ({"rows": [GOOD | {"evidence": ["x", 3]}]}, "rows.0.evidence"),
        ({"rows": [GOOD, {"id": "b", "claim": "c"}]}, "rows.1.evidence"),
        ({"rows": [GOOD | {"id": None}]}, "rows.0.id"),
        ({"rows": [GOOD | {"label": 1}]}, "label"),
        ({"rows": [GOOD | {"claim": "x" * 50_001}]}, "50000 characters"),
        ({"rows": [GOOD] * 1001}, "rows"),
    ],
)
def test_a_body_that_is_no_batch_is_a_problem(client: TestClient, body: dict[str, Any], said: str) -> None:
    assert said in problem(client.post("/v1/verify", json=body), 422)


def test_a_large_body_is_refused(client: TestClient) -> None:
    rows = [GOOD | {"evidence": "x" * 400_000}] * 3
    assert "serve.max_body_bytes" in problem(client.post("/v1/verify", json={"rows": rows}), 413)


def test_every_run_gives_the_same_scores(client: TestClient) -> None:
    body = {"rows": [GOOD, LIE, GOOD | {"claim": "The kiln needs nine hours for a firing."}]}
    assert client.post("/v1/verify", json=body).json() == client.post("/v1/verify", json=body).json()
