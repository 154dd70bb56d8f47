"""In what two runs were made differently: settings, prompts, models, generations."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from eval.files import JsonTree
from eval.results import Results
from eval.results.compared import Differing, MadeDifferently

Pairs = Mapping[str, tuple[object, object]]
"""What two runs say of each key."""

_SHOWN_CHARACTERS = 80

_VERIFIER = "answer.verifier"  # the self-reported metrics are what it says


def differences(baseline: Results, candidate: Results) -> MadeDifferently:
    """Return what two results say of how they were made."""
    made = _made(baseline, candidate)
    ours, theirs = baseline.effective_settings, candidate.effective_settings
    settings = _pairs("", ours, theirs) if ours is not None and theirs is not None else {}
    others = _pairs("options", baseline.options, candidate.options)
    others |= _pairs("judges", _models(baseline), _models(candidate))
    differ = tuple(
        Differing(key, before, after) for key, (before, after) in (settings | made | others).items() if before != after
    )
    return MadeDifferently(differ, tuple(_same(made, settings)), _unknown(baseline, candidate))


def difference_lines(found: MadeDifferently) -> Iterator[str]:
    """Yield a line for everything that differs, and one for all that is equal."""
    for item in found.differ:
        yield f"differs: {item.key} {shown(item.baseline)} -> {shown(item.candidate)}"
    if found.unknown:
        yield f"differs: {found.unknown}"
    if found.same:
        yield f"the same in both: {', '.join(found.same)}"


def shown(value: object) -> str:
    """Return a value as a line shows it."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def _same(made: Pairs, settings: Pairs) -> Iterator[str]:
    for key, (before, after) in made.items():
        if before == after and before not in (None, []):
            yield f"{key} {', '.join(before) if isinstance(before, list) else before}"
    before, after = settings.get(_VERIFIER, (None, None))
    if before == after and before is not None:
        yield f"verifier {before}"
    equal = sum(before == after for before, after in settings.values())
    if equal:
        yield f"{equal} settings"


def _unknown(baseline: Results, candidate: Results) -> str | None:
    """Say why settings cannot be compared although their fingerprints differ."""
    if baseline.settings == candidate.settings and baseline.settings is not None:
        return None
    silent = [
        name for name, run in (("baseline", baseline), ("candidate", candidate)) if run.effective_settings is None
    ]
    if not silent:
        return None
    prints = f"{baseline.settings} and {candidate.settings}"
    return f"settings ({prints}), but the {' and the '.join(silent)} do not say what they were; evaluate again to see"


def _made(baseline: Results, candidate: Results) -> dict[str, tuple[object, object]]:
    """Return of what both runs were made: corpus and generation, prompts, models and releases."""
    old, new = baseline.provenance, candidate.provenance
    return {
        "corpus": (baseline.corpus, candidate.corpus),
        "generation": (baseline.generation, candidate.generation),
        "prompts": (list(old.prompts), list(new.prompts)),
        "models": (list(old.models), list(new.models)),
        "releases": (list(old.releases), list(new.releases)),
    }


def _models(results: Results) -> dict[str, str]:
    return {name: judge.model for name, judge in results.judges.items()}


def _pairs(prefix: str, old: JsonTree, new: JsonTree) -> dict[str, tuple[object, object]]:
    """Return both values of every dotted key; a key that one run does not know has no value there."""
    before, after = dict(_leaves(prefix, old)), dict(_leaves(prefix, new))
    return {key: (before.get(key), after.get(key)) for key in sorted(before.keys() | after.keys())}


def _leaves(prefix: str, tree: JsonTree) -> Iterator[tuple[str, object]]:
    for key, value in tree.items():
        name = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(value, Mapping) and value:
            yield from _leaves(name, value)
        else:
            yield name, value
