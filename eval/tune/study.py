"""The trials of a sweep as an Optuna study, so that its dashboard and its tools open them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from eval.tune.outcome import Trial
from eval.tune.points import Value
from eval.tune.space import Parameter, Range, Space

if TYPE_CHECKING:
    import optuna

JOURNAL = "study.log"


def write_study(
    name: str,
    trials: Sequence[Trial],
    objectives: Mapping[str, int],
    space: Space,
    folder: Path,
    database_url: str | None,
) -> None:
    """Add the trials that the study does not have yet, each once and in their order.

    Args:
        name: of the study.
        trials: the trials, in the order of their numbers.
        objectives: 1 for a metric that is to grow, -1 for one that is to fall.
        space: what varies, and over which values.
        folder: where the journal file lies.
        database_url: a PostgreSQL database in place of the file.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    maximize, minimize = optuna.study.StudyDirection.MAXIMIZE, optuna.study.StudyDirection.MINIMIZE
    directions = [maximize if sign > 0 else minimize for sign in objectives.values()]
    study = optuna.create_study(
        study_name=name, storage=_storage(folder, database_url), directions=directions, load_if_exists=True
    )
    study.set_user_attr("objectives", list(objectives))
    known = {trial.user_attrs.get("number") for trial in study.get_trials(deepcopy=False)}
    for trial in trials:
        if trial.number not in known:
            study.add_trial(_frozen(trial, objectives, space))


def _storage(folder: Path, database_url: str | None) -> optuna.storages.BaseStorage:
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    if database_url is not None:
        return RDBStorage(database_url)
    path = str(folder / JOURNAL)
    return JournalStorage(JournalFileBackend(path, lock_obj=JournalFileOpenLock(path)))


def _distribution(item: Parameter) -> optuna.distributions.BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(item, Range):
        if item.whole:
            return IntDistribution(int(item.low), int(item.high), log=item.log)
        return FloatDistribution(item.low, item.high, log=item.log)
    return CategoricalDistribution([_plain(value) for value in item.levels()])


def _frozen(trial: Trial, objectives: Mapping[str, int], space: Space) -> optuna.trial.FrozenTrial:
    from optuna.trial import TrialState, create_trial

    means = [trial.values.get(name) for name in objectives]
    known = [mean for mean in means if mean is not None]
    complete = trial.whole and len(known) == len(means)
    spreads = {item.key: _distribution(item) for item in space.parameters}
    return create_trial(
        state=TrialState.COMPLETE if complete else TrialState.PRUNED,
        values=known if complete else None,
        params={key: _plain(value) for key, value in trial.point.values},
        distributions={key: spreads[key] for key, _ in trial.point.values},
        user_attrs={"number": trial.number, "questions": trial.questions, "text": trial.point.text()},
    )


def _plain(value: Value) -> str | int | float | bool | None:
    return ",".join(str(item) for item in value) if isinstance(value, tuple) else value
