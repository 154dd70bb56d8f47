"""In what two runs were made differently: settings, prompts, models, generations."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]

_PROVENANCE = ("prompts", "models", "releases")
_RUN_KEYS = ("corpus", "generation")
_SHOWN_CHARACTERS = 80

_VERIFIER = "answer.verifier"  # the self-reported metrics are what it says


def differences(baseline: Json, candidate: Json) -> dict[str, Any]:
    """Return what two results say of how they were made.

    `differ` lists `{key, baseline, candidate}`. `same` names what is equal, in few words. `unknown` says why settings
    cannot be compared; null where they can.
    """
    pairs = {key: (baseline.get(key), candidate.get(key)) for key in _RUN_KEYS}
    old, new = (run.get("provenance") or {} for run in (baseline, candidate))
    pairs |= {key: (old.get(key) or [], new.get(key) or []) for key in _PROVENANCE}
    pairs |= _pairs("options", baseline.get("options") or {}, candidate.get("options") or {})
    pairs |= _pairs("judges", _models(baseline), _models(candidate))
    ours, theirs = baseline.get("effective_settings"), candidate.get("effective_settings")
    settings = _pairs("", ours, theirs) if ours is not None and theirs is not None else {}
    differ = [
        {"key": key, "baseline": before, "candidate": after}
        for key, (before, after) in (settings | pairs).items()
        if before != after
    ]
    return {"differ": differ, "same": list(_same(pairs, settings)), "unknown": _unknown(baseline, candidate)}


def difference_lines(found: Json) -> Iterator[str]:
    """Yield a line for everything that differs, and one for all that is equal."""
    for item in found["differ"]:
        yield f"differs: {item['key']} {shown(item['baseline'])} -> {shown(item['candidate'])}"
    if found["unknown"]:
        yield f"differs: {found['unknown']}"
    if found["same"]:
        yield f"the same in both: {', '.join(found['same'])}"


def shown(value: object) -> str:
    """Return a value as a line shows it."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def _same(pairs: Mapping[str, tuple[Any, Any]], settings: Mapping[str, tuple[Any, Any]]) -> Iterator[str]:
    for key in (*_RUN_KEYS, *_PROVENANCE):
        before, after = pairs[key]
        if before == after and before not in (None, []):
            yield f"{key} {', '.join(before) if isinstance(before, list) else before}"
    before, after = settings.get(_VERIFIER, (None, None))
    if before == after and before is not None:
        yield f"verifier {before}"
    equal = sum(before == after for before, after in settings.values())
    if equal:
        yield f"{equal} settings"


def _unknown(baseline: Json, candidate: Json) -> str | None:
    """Say why settings cannot be compared although their fingerprints differ."""
    if baseline["settings"] == candidate["settings"] and baseline["settings"] is not None:
        return None
    silent = [
        name
        for name, run in (("baseline", baseline), ("candidate", candidate))
        if run.get("effective_settings") is None
    ]
    if not silent:
        return None
    prints = f"{baseline['settings']} and {candidate['settings']}"
    return f"settings ({prints}), but the {' and the '.join(silent)} do not say what they were; evaluate again to see"


def _models(results: Json) -> dict[str, Any]:
    return {name: judge.get("model") for name, judge in (results.get("judges") or {}).items()}


def _pairs(prefix: str, old: Json, new: Json) -> dict[str, tuple[Any, Any]]:
    """Return both values of every dotted key; a key that one run does not know has no value there."""
    before, after = dict(_leaves(prefix, old)), dict(_leaves(prefix, new))
    return {key: (before.get(key), after.get(key)) for key in sorted(before.keys() | after.keys())}


def _leaves(prefix: str, tree: Json) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        name = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(value, Mapping) and value:
            yield from _leaves(name, value)
        else:
            yield name, value
