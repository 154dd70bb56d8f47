"""The judges that settings name; none named, none opened, nothing imported."""

from __future__ import annotations

from pathlib import Path

from eval.judges.base import Judge
from eval.judges.endpoint import OpenAiEndpoint
from eval.judges.language import LanguageJudge
from eval.judges.lexical import NAME as LEXICAL
from eval.judges.lexical import LexicalJudge
from eval.judges.ragas_judged import judge_metrics
from eval.judges.replies import Cassettes, HeldReplies, Replies
from rag.errors import ConfigError, UnknownKeyError
from rag.ports import Embedder
from rag.settings import Environment, JudgeModelSettings, JudgeSettings, Settings
from rag.state.home import Home


def open_judges(settings: Settings, embedder: Embedder) -> tuple[Judge, ...]:
    """Return a judge for every entry of `judge.models`.

    Raises:
        ConfigError: one has no endpoint, a metric is unknown, or a replay has no cassettes.
    """
    return tuple(open_judge(name, settings, embedder) for name in settings.judge.models)


def open_judge(name: str, settings: Settings, embedder: Embedder) -> Judge:
    """Return one judge; `lexical` is always there.

    Raises:
        UnknownKeyError: the settings name no such judge.
        ConfigError: it has no endpoint, a metric is unknown, or a replay has no cassettes.
    """
    judging = settings.judge
    if name in judging.models:
        metrics = judge_metrics(judging.aspects, judging.metrics)
        replay = _check_replay(judging)
        endpoint = None if replay else _endpoint(name, judging.models[name], settings.environment)
        return LanguageJudge(name, judging.models[name], metrics, endpoint, _replies(judging), embedder)
    if name == LEXICAL:
        return LexicalJudge()
    raise UnknownKeyError("judge", name, [*judging.models, LEXICAL])


def conflicts(settings: Settings) -> list[str]:
    """Return a line for every judge that would judge its own work: the model that reranks or that answers."""
    found = []
    answering = settings.answer.generator == "openai" or (
        settings.answer.generator == "auto" and settings.environment.openai_base_url
    )
    for name, judge in settings.judge.models.items():
        if judge.model == settings.rerank.model:
            found.append(f"judge {name!r} is the model that reranks ({judge.model}); it would judge its own choice")
        elif answering and judge.model == settings.answer.model:
            found.append(f"judge {name!r} is the model that answers ({judge.model}); models favour their own answers")
    return found


def calibrations_file(settings: Settings) -> Path:
    """Return where calibrations are kept."""
    home = Home(Path(settings.environment.home).expanduser().resolve())
    return settings.judge.calibrations or home.calibrations


def _check_replay(judging: JudgeSettings) -> bool:
    if judging.replay and judging.cassettes is None:
        raise ConfigError("judge.replay needs judge.cassettes, the folder of recorded replies")
    return judging.replay


def _replies(judging: JudgeSettings) -> Replies:
    return HeldReplies() if judging.cassettes is None else Cassettes(judging.cassettes)


def _endpoint(name: str, judge: JudgeModelSettings, environment: Environment) -> OpenAiEndpoint:
    base_url = judge.base_url or environment.openai_base_url
    if not base_url:
        raise ConfigError(f"judge {name!r} has no endpoint: set judge.models.{name}.base_url or OPENAI_BASE_URL")
    key = environment.openai_api_key
    return OpenAiEndpoint(base_url, key.get_secret_value() if key else None, judge.timeout_s, judge.retries)
