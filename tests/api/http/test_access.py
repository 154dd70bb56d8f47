"""No response holds anything of a document that its caller may not see, whatever is asked, over real stores."""

from __future__ import annotations

import itertools
import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.errors import AccessError
from api.http.access import access_of
from ingest.pipeline import ingest
from rag.conditions import OneOf
from rag.runtime import Runtime, open_runtime
from rag.settings import ServeSettings, Settings

LABELS = ("hr", "legal", "sales", "lab", "board")
TOPICS = ("backup", "printer", "travel", "invoice", "vacation", "contract", "server", "badge")
HEADER = "X-Labels"
EXPLAINED = 0.04  # of the requests: an explanation asks the question many times over
SETTINGS: dict[str, Any] = {
    "ingest": {"jobs": 1, "chunker": {"name": "parent-child", "max_tokens": 40, "parent_tokens": 120}},
    "query": {
        "steps": ["history", "spelling", "acronyms", "synonyms", "rm3"],
        "synonyms": {"kb": [["printer", "copier"], ["vacation", "leave"]]},
    },
    "serve": {"labels_header": HEADER, "common_labels": ["everyone"]},
}


@dataclass(frozen=True)
class Secret:
    """A document whose every telling word is its own `marker`."""

    marker: str
    topic: str
    labels: frozenset[str]
    year: int


def secrets(rng: random.Random, count: int = 40) -> list[Secret]:
    syllables = [a + b for a, b in itertools.product("bdfgklmnprstvz", ("ax", "ov", "uq", "el", "ir"))]
    markers = rng.sample(["".join(parts) for parts in itertools.permutations(syllables[::4], 3)], count)
    choices = [*LABELS, "everyone"]
    return [
        Secret(
            marker,
            rng.choice(TOPICS),
            frozenset(rng.sample(choices, rng.choice((0, 1, 1, 2)))),
            rng.randint(2019, 2026),
        )
        for marker in markers
    ]


def page(secret: Secret) -> str:
    acl = json.dumps(sorted(secret.labels))
    name, topic = secret.marker.capitalize(), secret.topic
    paragraphs = [
        f"The {topic} rules of {name} hold for every member of the staff.",
        f"Ask {name} before the {topic} is moved. The {name} Review Board (NRB) meets on Mondays.",
        f"All {topic} requests are answered within five days and kept for ten years in the archive of the company.",
        f"A {topic} that is lost is reported to {name} at once, with the date and the place.",
    ]
    return f"---\nacl: {acl}\nyear: {secret.year}\n---\n# {name} and the {topic}\n\n" + "\n\n".join(paragraphs) + "\n"


@dataclass
class World:
    client: TestClient
    secrets: list[Secret]
    counts: Counter[str] = field(default_factory=Counter)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Secret]]:
    return tmp_path_factory.mktemp("access"), secrets(random.Random(5))


@pytest.fixture(scope="module")
def worlds(home: tuple[Path, list[Secret]], model_cache: Path) -> Iterator[dict[str, World]]:
    folder, hidden = home
    for secret in hidden:
        (folder / "docs").mkdir(exist_ok=True)
        (folder / "docs" / f"{secret.marker}.md").write_text(page(secret), "utf-8")
    embedder = {"cache_dir": model_cache, "threads": 1}
    tree = {**SETTINGS, "embedder": embedder, "environment": {"home": folder / "home"}}
    with open_runtime(Settings.model_validate(tree)) as runtime:
        assert ingest([str(folder / "docs")], "kb", runtime).added == len(hidden)
        collapsed = Settings.model_validate({**tree, "retrieval": {"collapse": True}, "context": {"keep": 1.0}})
        opened = Settings.model_validate({**tree, "serve": {}})
        apps = {"default": runtime, "collapsed": sibling(runtime, collapsed), "open": sibling(runtime, opened)}
        clients = {name: TestClient(create_app(each), base_url="http://localhost") for name, each in apps.items()}
        for client in clients.values():
            client.__enter__()
        yield {name: World(client, hidden) for name, client in clients.items()}
        for client in clients.values():
            client.__exit__(None, None, None)


def sibling(runtime: Runtime, settings: Settings) -> Runtime:
    """Return a runtime over the same opened stores with other settings."""
    other = Runtime(settings, runtime.home, runtime.engine)
    other.indexes = runtime.indexes  # type: ignore[method-assign]
    return other


def misspelt(rng: random.Random, word: str) -> str:
    i = rng.randrange(1, len(word) - 2)
    return word[:i] + word[i + 1] + word[i] + word[i + 2 :]


def question(rng: random.Random, hidden: list[Secret]) -> str:
    other = rng.choice(hidden)
    forms = (
        f"How is a lost {other.topic} reported?",
        f"What are the {other.topic} rules of {other.marker.capitalize()}?",
        f"Who is {misspelt(rng, other.marker)} and what of the {other.topic}?",
        "When does the NRB meet?",
        f"copier leave {rng.choice(TOPICS)} archive",
        f"{misspelt(rng, other.marker)} {other.marker}",
    )
    return rng.choice(forms)


def filters(rng: random.Random, hidden: list[Secret]) -> Any:
    return rng.choice(
        [
            {},
            {"acl": rng.choice(LABELS)},
            [f"year>={rng.randint(2018, 2027)}"],
            [f"acl!={rng.choice(LABELS)}"],
            [f"acl in [{', '.join(LABELS)}, everyone]"],
            ["acl not in [nobody]", f"year<{rng.randint(2020, 2026)}"],
        ]
    )


def ask(rng: random.Random, world: World, headers: dict[str, str]) -> tuple[str, str]:
    """Send one random request; return what was sent and what came back, both as text."""
    route = rng.choice(("search", "search", "context", "answer", "stream", "document"))
    if rng.random() < EXPLAINED:
        route = "explain"
    world.counts[route] += 1
    if route == "document":
        path = f"/v1/corpora/kb/documents/{rng.choice(world.secrets).marker}.md"
        return path, world.client.get(path, headers=headers).text
    body: dict[str, Any] = {
        "question": question(rng, world.secrets),
        "corpus": "kb",
        "filter": filters(rng, world.secrets),
    }
    if rng.random() < 0.3:
        body["top_k"] = rng.choice((1, 50, 1000))
    if route in ("answer", "stream"):
        body["history"] = [{"role": "user", "text": question(rng, world.secrets)}] if rng.random() < 0.5 else []
        body["stream"] = route == "stream"
    if route == "explain":
        body["passage"] = {"doc_id": f"{rng.choice(world.secrets).marker}.md"}
    response = world.client.post(f"/v1/{'answer' if route == 'stream' else route}", json=body, headers=headers)
    assert response.status_code == 200 or (route == "explain" and response.status_code == 404), response.text
    world.counts["hits"] += response.text.count('"chunk_id"')
    return json.dumps(body), response.text


def leaks(rng: random.Random, world: World, headers: dict[str, str], labels: frozenset[str]) -> list[str]:
    """Return the documents outside `labels` of which one random response shows anything that its request did not."""
    sent, text = ask(rng, world, headers)
    foreign = [secret.marker for secret in world.secrets if secret.labels.isdisjoint(labels)]
    told = [marker for marker in foreign if marker in text.lower() and marker not in sent.lower()]
    named = [marker for marker in foreign if '"doc_id"' in text and f"{marker}.md" in text]
    if "/documents/" in sent:
        named = [marker for marker in foreign if f"/{marker}.md" in sent and '"text"' in text]
    return sorted({*told, *named})


def check(worlds: dict[str, World], count: int, seed: int) -> str:
    rng = random.Random(seed)
    for number in range(count):
        world = worlds[rng.choice(("default", "collapsed"))]
        labels = frozenset(rng.sample(LABELS, rng.randint(0, len(LABELS))))
        headers = {HEADER: ", ".join(sorted(labels))}
        assert leaks(rng, world, headers, labels | {"everyone"}) == [], (seed, number)
    total = worlds["default"].counts + worlds["collapsed"].counts
    assert total["hits"] > count, "callers must find what they may see"
    return f"{count} requests of random callers, {total['hits']} hits, no foreign document"


def test_no_response_holds_a_foreign_document(worlds: dict[str, World], record_property: Any) -> None:
    record_property("measured", check(worlds, 60, seed=1))


@pytest.mark.accept
@pytest.mark.parametrize("seed", range(2, 6))
def test_no_response_of_a_thousand_more_holds_a_foreign_document(
    worlds: dict[str, World], seed: int, record_property: Any
) -> None:
    record_property("measured", check(worlds, 1000, seed))


def test_the_check_would_notice(worlds: dict[str, World]) -> None:
    rng = random.Random(3)
    found = [leaks(rng, worlds["open"], {}, frozenset({"hr", "everyone"})) for _ in range(30)]
    assert sum(map(bool, found)) > 15


def test_a_foreign_document_looks_like_one_that_does_not_exist(worlds: dict[str, World]) -> None:
    world = worlds["default"]
    foreign = next(secret for secret in world.secrets if secret.labels == {"board"})
    headers = {HEADER: "hr"}
    answers = []
    for name in (foreign.marker, "nobodyknows"):
        response = world.client.get(f"/v1/corpora/kb/documents/{name}.md", headers=headers)
        assert response.status_code == 404
        answers.append(response.text.replace(name, "?"))
    assert answers[0] == answers[1]
    assert (
        world.client.get(f"/v1/corpora/kb/documents/{foreign.marker}.md", headers={HEADER: "board"}).status_code == 200
    )


def test_the_explanation_of_a_foreign_passage_is_that_of_none(worlds: dict[str, World]) -> None:
    world = worlds["default"]
    foreign = next(secret for secret in world.secrets if secret.labels == {"board"})
    answers = []
    for name in (foreign.marker, "nobodyknows"):
        body = {"question": "backup", "corpus": "kb", "passage": {"doc_id": f"{name}.md"}}
        response = world.client.post("/v1/explain", json=body, headers={HEADER: "hr"})
        assert response.status_code == 404
        answers.append(response.text.replace(name, "?"))
    assert answers[0] == answers[1]


def test_a_refusal_does_not_say_what_foreign_documents_mention(worlds: dict[str, World]) -> None:
    world = worlds["default"]
    foreign = next(secret for secret in world.secrets if secret.labels == {"board"})
    reasons = []
    for name in (foreign.marker, "zzyxqqor"):
        body = {"question": f"Does the moon orbit {name.capitalize()} twice?", "corpus": "kb"}
        answer = world.client.post("/v1/answer", json=body, headers={HEADER: "hr"}).json()
        assert answer["abstained"]
        reasons.append(answer["reason"].replace(name.capitalize(), "?"))
    assert reasons[0] == reasons[1] == "The corpus does not mention ?, so it cannot answer this."


def test_without_its_header_a_request_is_refused(worlds: dict[str, World]) -> None:
    client = worlds["default"].client
    response = client.post("/v1/search", json={"question": "backup", "corpus": "kb"})
    assert response.status_code == 403 and response.json()["type"] == "urn:ragwright:problem:access-denied"
    assert HEADER in response.json()["detail"]
    for path in ("/v1/corpora", "/v1/corpora/kb/documents/x.md"):
        assert client.get(path).status_code == 403
    twice = [(HEADER, "hr"), (HEADER, "board")]
    assert client.get("/v1/corpora", headers=twice).status_code == 403
    assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200


def test_no_route_below_v1_forgets_to_ask_who_it_is_for(worlds: dict[str, World]) -> None:
    client = worlds["default"].client
    paths = client.get("/openapi.json").json()["paths"]
    asked = [(method, path) for path, methods in paths.items() if path.startswith("/v1/") for method in methods]
    body = {"question": "backup", "corpus": "kb"}
    for method, path in asked:
        address = re.sub(r"{[^}]*}", "kb", path)
        response = client.request(method, address, json=body if method == "post" else None)
        # what is wrong with a body may be told first
        assert response.status_code in (403, 422), (method, path, response.text)
    assert len(asked) >= 5


def test_documents_without_labels_are_seen_by_nobody(worlds: dict[str, World]) -> None:
    world = worlds["default"]
    unlabelled = next(secret for secret in world.secrets if not secret.labels)
    headers = {HEADER: ",".join((*LABELS, "", "acl"))}
    assert world.client.get(f"/v1/corpora/kb/documents/{unlabelled.marker}.md", headers=headers).status_code == 404
    body = {"question": f"the rules of {unlabelled.marker}", "corpus": "kb", "top_k": 1000}
    hits = world.client.post("/v1/search", json=body, headers=headers).json()["hits"]
    assert hits and not any(unlabelled.marker in hit["doc_id"] for hit in hits)


def test_labels_become_a_filter() -> None:
    from starlette.datastructures import Headers

    assert access_of(ServeSettings(), Headers({})) is None
    settings = ServeSettings(labels_header="X-Who", common_labels=("all",))
    assert access_of(settings, Headers({"x-who": "a, b,,a "})) == (OneOf("acl", ("all", "a", "b")),)
    quoted = Headers({"x-who": "staff, \"Sales, North\", 'Lab, East', O'Neill"})
    assert access_of(ServeSettings(labels_header="X-Who"), quoted) == (
        OneOf("acl", ("staff", "Sales, North", "Lab, East", "O'Neill")),
    )
    with pytest.raises(AccessError, match="X-Who"):
        access_of(settings, Headers({}))
    with pytest.raises(AccessError, match="close every quote"):
        access_of(settings, Headers({"x-who": 'staff, "Sales, North'}))
