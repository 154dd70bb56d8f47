"""Which model a part of the settings names, where it is asked, with which key, and what is noted."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from rag.answer.extractive import ExtractiveGenerator
from rag.answer.generators import make_generator
from rag.errors import ConfigError, GeneratorError
from rag.llm.base import ChatRequest
from rag.llm.configured import ChatModels
from rag.settings import ModelSettings, Settings, load_settings
from rag.types import Message
from tests.rag.llm.scripted import Server, completion, http, said, serving

ASKED = ChatRequest((Message("user", "Hello?"),))
FINE = said(http(completion(usage={"prompt_tokens": 1000, "completion_tokens": 500})))


def loaded(*overrides: str, **environ: str) -> Settings:
    return load_settings(overrides=overrides, environ=environ)


def models(settings: Settings) -> ChatModels:
    return ChatModels(settings.models, settings.environment)


def sent(server: Server) -> list[tuple[str, dict[str, Any]]]:
    """Return the key and the body of every request."""
    keys = [head.split("Authorization: Bearer ")[1].split("\r\n")[0] for head in server.heads]
    return [(key, json.loads(body)) for key, body in zip(keys, server.bodies, strict=True)]


async def test_an_entry_says_all_of_it(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(FINE) as server:
        settings = loaded(
            "models.big={model: big-1, api_key_env: BIG_KEY, temperature: 0.7, max_output_tokens: 9, retries: 0}",
            f"models.big.base_url={server.url}",
            "models.big.usd_per_million_input=2",
            "models.big.usd_per_million_output=8",
            "answer.model=big",
            BIG_KEY="entry's",
            OPENAI_API_KEY="other",
            OPENAI_BASE_URL="http://127.0.0.1:9/v1",
        )
        model = models(settings).answering(settings.answer)
        found = await model.complete(ASKED)
    assert model.model == "big-1" and found.usage is not None and found.usage.cost_usd == 0.006
    ((key, body),) = sent(server)
    assert key == "entry's" and (body["model"], body["temperature"], body["max_tokens"]) == ("big-1", 0.7, 9)
    assert caplog.text == ""


async def test_null_leaves_a_value_out() -> None:
    async with serving(FINE) as server:
        settings = loaded(
            f"models.big={{model: m, base_url: '{server.url}', temperature: null, max_output_tokens: null}}",
            "answer.model=big",
        )
        await models(settings).answering(settings.answer).complete(ASKED)
    assert sent(server)[0][1].keys() == {"model", "messages", "stream"}


async def test_the_key_of_one_address_goes_to_no_other() -> None:
    async with serving(FINE) as server, serving(FINE) as usual:
        settings = loaded(
            f"models.own={{model: m, base_url: '{server.url}'}}",
            "models.usual={model: m}",
            OPENAI_API_KEY="usual's",
            OPENAI_BASE_URL=usual.url,
        )
        for name in ("own", "usual"):
            answer = settings.answer.model_copy(update={"model": name})
            await models(settings).answering(answer).complete(ASKED)
    assert sent(server)[0][0] == "none" and sent(usual)[0][0] == "usual's"


def test_a_key_that_is_not_set_is_named() -> None:
    settings = loaded("models.big={model: m, base_url: 'http://x/v1', api_key_env: BIG_KEY}", "answer.model=big")
    with pytest.raises(ConfigError, match=r"models\.big\.api_key_env names BIG_KEY, which is not set"):
        models(settings).answering(settings.answer)


async def test_a_bare_name_is_asked_as_before_with_one_note(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(FINE) as server:
        answer = ["answer.model=llama3.1", "answer.temperature=0.3", "answer.max_output_tokens=77"]
        settings = loaded(*answer, "query.model=llama3.1", OPENAI_BASE_URL=server.url, OPENAI_API_KEY="secret")
        opened = models(settings)
        for model in (opened.answering(settings.answer), opened.rewriting(settings.query, settings.answer)):
            assert model is not None
            await model.complete(ASKED)
        opened.answering(settings.answer)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING and "'llama3.1' is no entry of `models`" in record.message
    assert "`models: {big: {model: llama3.1}}`" in record.message and "`answer.model: big`" in record.message
    assert server.url not in record.message and "secret" not in record.message
    for key, body in sent(server):
        assert key == "secret" and (body["model"], body["temperature"], body["max_tokens"]) == ("llama3.1", 0.3, 77)


def test_the_note_says_what_works() -> None:
    settings = loaded("models={big: {model: llama3.1}}", "answer.model=big", OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    assert models(settings).answering(settings.answer).model == "llama3.1"


@pytest.mark.parametrize("generator", ["auto", "openai"])
def test_who_answers(generator: str) -> None:
    named = loaded(
        f"answer.generator={generator}", "answer.model=big", "models.big={model: m, base_url: 'http://x/v1'}"
    )
    assert make_generator(named.answer, models(named)).model == "m"
    default = loaded("models.default={model: m, base_url: 'http://x/v1'}")
    assert make_generator(default.answer, models(default)).model == "m"
    other = loaded("models.big={model: m, base_url: 'http://x/v1'}")  # an entry that nobody names answers nothing
    assert isinstance(make_generator(other.answer, models(other)), ExtractiveGenerator)
    with pytest.raises(ConfigError, match="models.big needs OPENAI_BASE_URL"):
        homeless = loaded("models.big.model=m", "answer.model=big")
        make_generator(homeless.answer, models(homeless))


async def test_errors_name_the_setting_that_holds_the_address_and_the_seconds() -> None:
    entry = "models.big={model: m, base_url: 'http://127.0.0.1:9/v1', retries: 0, timeout_s: 0.2}"
    settings = loaded(entry, "answer.model=big")
    with pytest.raises(GeneratorError, match=r"see models\.big\.base_url"):
        await models(settings).answering(settings.answer).complete(ASKED)
    async with serving(said(b"", pause_s=3.0)) as server:
        slow = settings.changed({"models.big.base_url": server.url})
        with pytest.raises(GeneratorError, match=r"within 0.2 s \(models\.big\.timeout_s\)"):
            await models(slow).answering(slow.answer).complete(ASKED)


async def test_a_judge_has_all_of_its_entry_and_the_same_fingerprint(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(FINE) as server:
        called = f"model: big-1, base_url: '{server.url}', temperature: 0.5, max_output_tokens: 9"
        own = loaded(f"judge.models.strict={{{called}}}", OPENAI_API_KEY="k").judge.models["strict"]
        named = loaded(f"models.big={{{called}, api_key_env: K}}", "judge.models.strict.model=big", K="k")
        judge = named.judge.models["strict"]
        assert models(named).resolved(judge) == own and models(named).resolved(own) == own
        assert models(named).judging("strict", judge).model == "big-1"
        await models(named).judging("strict", judge).complete(ASKED)
    assert sent(server)[0][0] == "k" and caplog.text == ""


def test_a_judge_at_the_usual_endpoint_is_noted_once(caplog: pytest.LogCaptureFixture) -> None:
    settings = loaded("judge.models={a: {model: m}, b: {model: m}}", OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    opened = models(settings)
    for name, judge in settings.judge.models.items():
        opened.judging(name, judge)
    assert len(caplog.records) == 1 and "judge.models.a.model" in caplog.text


# --- the settings ---


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["models.big={modell: x}"], r"unknown key 'models\.big\.modell' \(valid keys here: api_key_env, base_url"),
        (["judge.models.strict={modell: x}"], r"unknown key 'judge\.models\.strict\.modell' \(valid keys here: base"),
        (["models.big.temperature=1"], r"models\.big\.model: Field required"),
        (["models.Big One={model: x}"], r"models\.Big One"),
        (["models=big"], "models: Input should be a"),
        (["models.big={model: x, base_url: localhost}"], "begins with http"),
        (["models.big={model: x, base_url: 'http://me:pass@host/v1'}"], "api_key_env"),
        (["models.big={model: x}", "answer={model: big, temperature: 0.5}"], r"answer\.temperature.*models\.big\.temp"),
        (["models.big={model: x}", "answer={model: big, timeout_s: 9}"], r"set models\.big\.timeout_s instead"),
        (
            ["models.big={model: x}", "judge.models.strict={model: big, base_url: 'http://x/v1'}"],
            r"judge\.models\.strict\.base_url: the model is the entry models\.big",
        ),
    ],
)
def test_what_is_wrong_is_one_line(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        loaded(*overrides)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_a_password_in_an_address_is_not_repeated() -> None:
    with pytest.raises(ConfigError) as caught:
        loaded("models.big={model: x, base_url: 'http://me:hunter2@host/v1'}")
    assert "hunter2" not in str(caught.value)


def test_fingerprints_are_of_the_models_that_are_asked_and_hold_no_secret() -> None:
    plain = loaded()
    entry = "models.big={model: m, base_url: 'http://x/v1', api_key_env: K}"
    assert plain.fingerprint() == loaded(entry, K="secret").fingerprint(), "nobody asks it"
    judged = loaded(entry, "judge.models.strict.model=big")
    assert plain.fingerprint() == judged.fingerprint()
    asked = loaded(entry, "answer.model=big", K="secret")
    assert asked.fingerprint() == loaded(entry, "answer.model=big", K="other").fingerprint()
    assert asked.fingerprint() == asked.changed({"models.big.retries": 9, "models.big.timeout_s": 9}).fingerprint()
    changes = {"model": "n", "base_url": "http://y/v1", "temperature": 1.0, "max_output_tokens": 5}
    others = {asked.changed({f"models.big.{key}": value}).fingerprint() for key, value in changes.items()}
    step = loaded(entry, "query.model=big").fingerprint()
    assert len({*others, step, asked.fingerprint(), plain.fingerprint()}) == 7
    assert "secret" not in repr(asked) and "secret" not in asked.model_dump_json()


# as the release before would compute them with the verifier among its settings
OLD = {
    (): "3abaceb10abf",
    ("answer.model=llama3.1", "answer.temperature=0.3"): "9ef14781fd91",
    ("query.steps=[hyde]", "judge.models.strict.model=big"): "b86f288ab593",
}


@pytest.mark.parametrize("overrides", OLD)
def test_settings_of_before_have_the_fingerprint_of_before(overrides: tuple[str, ...]) -> None:
    assert loaded(*overrides).fingerprint() == OLD[overrides]


def test_changes_keep_keys_and_entries() -> None:
    settings = loaded("models.big={model: m, base_url: 'http://x/v1', api_key_env: K}", "answer.model=big", K="secret")
    changed = settings.changed({"retrieval.top_k": 3})
    assert models(changed).answering(changed.answer).model == "m"


def test_a_file_names_models(tmp_path: Path) -> None:
    config = tmp_path / "settings.yaml"
    config.write_text("models:\n  small: {model: qwen3, base_url: 'http://127.0.0.1:9/v1'}\nquery: {model: small}\n")
    settings = load_settings(config, environ={})
    rewriting = models(settings).rewriting(settings.query, settings.answer)
    assert rewriting is not None and rewriting.model == "qwen3"
    assert models(settings).rewriting(Settings().query, settings.answer) is None


PAGE = (Path(__file__).parents[3] / "docs" / "models.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
def test_the_configurations_of_the_page_open(block: str, tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text(block)
    environ = {"OPENAI_API_KEY": "k", "JUDGE_KEY": "j", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    settings = load_settings(tmp_path / "settings.yaml", environ=environ)
    assert models(settings).answering(settings.answer).model == settings.models["big"].model
    for name, judge in settings.judge.models.items():
        models(settings).judging(name, judge)


def test_the_page_has_all_keys_with_their_defaults() -> None:
    for name, field in ModelSettings.model_fields.items():
        keys = PAGE.split("## All keys")[1].split("\n## ")[0].splitlines()
        (row,) = [line for line in keys if line.startswith("|") and f"`{name}`" in line.split("|")[1]]
        if field.default is not None and not field.is_required():
            assert f"`{field.default}`" in row.split("|")[2]


# --- keys and names that are wrong ---


@pytest.mark.parametrize("key", ["two words", "schlüssel", "tab\tin"])
def test_a_key_that_no_header_can_hold_is_named_and_not_shown(key: str) -> None:
    settings = loaded(
        "models.big={model: m, base_url: 'http://127.0.0.1:9/v1', api_key_env: BIG_KEY}",
        "answer.model=big",
        BIG_KEY=key,
    )
    with pytest.raises(ConfigError, match="the key for models.big holds blanks or characters") as raised:
        models(settings).answering(settings.answer)
    assert key not in str(raised.value)


async def test_the_line_end_of_a_key_file_is_no_part_of_the_key() -> None:
    async with serving(FINE) as server:
        settings = loaded(
            f"models.big={{model: m, base_url: '{server.url}', api_key_env: BIG_KEY}}",
            "answer.model=big",
            BIG_KEY="sk-secret-0001\n",
        )
        await models(settings).answering(settings.answer).complete(ASKED)
    assert sent(server)[0][0] == "sk-secret-0001"


async def test_an_endpoint_that_sends_the_key_back_puts_it_into_no_log(caplog: pytest.LogCaptureFixture) -> None:
    refusal = said(
        http(b'{"error": {"message": "no such key: sk-secret-0001"}}', "application/json", "401 Unauthorized")
    )
    async with serving(refusal) as server:
        settings = loaded(OPENAI_BASE_URL=server.url, OPENAI_API_KEY="sk-secret-0001")
        with pytest.raises(GeneratorError):
            await models(settings).answering(settings.answer).complete(ASKED)
    assert "no such key: ***" in caplog.text and "sk-secret-0001" not in caplog.text


def test_a_password_in_the_address_is_refused_and_not_shown() -> None:
    settings = loaded(OPENAI_BASE_URL="http://me:sk-secret-0001@127.0.0.1:9/v1")
    with pytest.raises(ConfigError, match="holds a user or password") as raised:
        models(settings).answering(settings.answer)
    assert "sk-secret-0001" not in str(raised.value)


def test_a_key_in_place_of_its_variables_name_is_not_repeated() -> None:
    settings = loaded(
        "models.big={model: m, base_url: 'http://127.0.0.1:9/v1', api_key_env: sk-secret-0001}", "answer.model=big"
    )
    with pytest.raises(ConfigError, match="models.big.api_key_env is no variable's name") as raised:
        models(settings).answering(settings.answer)
    assert "sk-secret-0001" not in str(raised.value)


def test_a_mistyped_entry_is_named_with_the_entries_there_are() -> None:
    settings = loaded("models.big={model: m, base_url: 'http://127.0.0.1:9/v1'}", "answer.model=bgi")
    with pytest.raises(ConfigError, match="unknown model 'bgi'; choose one of: big"):
        make_generator(settings.answer, models(settings))


@pytest.mark.parametrize("address", ["http://host/v1?key=hunter2", "http://host/v1#a", "ftp://host/v1"])
def test_an_address_of_the_environment_that_cannot_be_appended_to_is_refused(address: str) -> None:
    settings = load_settings(overrides=["answer.generator=openai"], environ={"OPENAI_BASE_URL": address})
    models = ChatModels(settings.models, settings.environment)
    with pytest.raises(ConfigError, match="OPENAI_BASE_URL: it") as caught:
        models.answering(settings.answer)
    assert "hunter2" not in str(caught.value)
