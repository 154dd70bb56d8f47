from __future__ import annotations

from pathlib import Path

import pytest

from ingest.plan import Held, Plan, check_prune, forgotten, make_plan
from ingest.sources import SourceItem, SourceKey, Sources
from ingest.sources.items import SourceFailure
from ingest.sources.named import Source
from ingest.store.catalogue import Failure, StoredDocument
from rag.errors import DocumentError, GoneError, PruneRefusedError

KEY = SourceKey("/docs")
HERE = Source(KEY, "/docs")


def stored(**hashes: str) -> dict[str, StoredDocument]:
    return {doc_id: StoredDocument(n, doc_id, source_hash) for n, (doc_id, source_hash) in enumerate(hashes.items())}


def listed(*doc_ids: str) -> Sources:
    return Sources([SourceItem(doc_id, Path(doc_id), source=KEY) for doc_id in doc_ids], named=[HERE])


def planned(
    found: Sources,
    live: dict[str, StoredDocument],
    hashes: dict[str, str | Exception],
    target: dict[str, StoredDocument] | None = None,
    failures: tuple[Failure, ...] = (),
    prunable: tuple[str, ...] = (),
    reuse_text: bool = True,
) -> Plan:
    def hash_of(item: SourceItem, current: object, needed: bool) -> str:
        said = hashes[item.doc_id]
        if isinstance(said, Exception):
            raise said
        return said

    known = {failure.doc_id: failure for failure in failures}
    held = Held(live, live if target is None else target)
    steps: list[int] = []
    plan = make_plan(
        found,
        held,
        known,
        prunable=prunable,
        reuse_text=reuse_text,
        progress=lambda done, total: steps.append(done),
        hash_of=hash_of,
    )
    assert steps == list(range(1, len(found.items) + 1))
    return plan


def names(plan: Plan) -> list[str]:
    return [item.doc_id for item in plan.make]


def test_new_and_changed_are_made_and_the_rest_is_settled() -> None:
    plan = planned(
        listed("same", "changed", "new"), stored(same="1", changed="2"), {"same": "1", "changed": "x", "new": "3"}
    )
    assert names(plan) == ["changed", "new"] and plan.settled == ["same"] and not plan.retire
    assert planned(listed("same"), stored(same="1"), {"same": "1"}).idle


def test_what_is_not_listed_goes_only_where_it_may_be_pruned() -> None:
    live = stored(kept="1", gone="2")
    assert planned(listed("kept"), live, {"kept": "1"}).idle
    plan = planned(listed("kept"), live, {"kept": "1"}, prunable=("kept", "gone"))
    assert plan.vanished == plan.retire == ["gone"]


def test_a_vanished_document_whose_bytes_have_a_new_name_has_moved() -> None:
    plan = planned(listed("new"), stored(old="1"), {"new": "1"}, prunable=("old",))
    assert plan.moved == (("old", "new"),)


def test_an_address_that_is_gone_counts_as_vanished_and_one_that_never_was_as_wrong() -> None:
    plan = planned(
        listed("was", "never"), stored(was="1"), {"was": GoneError("404"), "never": GoneError("404")}, prunable=("was",)
    )
    assert plan.gone == plan.vanished == ["was"] and [failure.doc_id for failure in plan.failed] == ["never"]


def test_a_known_failure_is_left_alone_until_it_changes() -> None:
    known = (Failure("bad", "broken", "1"),)
    assert planned(listed("bad"), {}, {"bad": "1"}, failures=known).left_alone == list(known)
    assert names(planned(listed("bad"), {}, {"bad": "2"}, failures=known)) == ["bad"]
    unread = planned(listed("bad"), {}, {"bad": DocumentError("cannot be read")})
    assert [failure.reason for failure in unread.failed] == ["cannot be read"]


def test_another_index_takes_over_the_text_that_did_not_change() -> None:
    live = stored(same="1", changed="2", elsewhere="3")
    plan = planned(listed("same", "changed"), live, {"same": "1", "changed": "x"}, target={})
    assert names(plan) == ["changed"] and plan.carry == ["elsewhere", "same"]
    fresh = planned(listed("same"), live, {"same": "1"}, target={}, reuse_text=False)
    assert names(fresh) == ["same"]


def refused(plan: Plan, found: Sources, live: int = 10, over: float = 0.2) -> str:
    with pytest.raises(PruneRefusedError) as caught:
        check_prune(plan, found, {KEY}, live, over)
    return str(caught.value)


def test_a_prune_that_would_remove_too_much_is_refused() -> None:
    plan = Plan(vanished=["a", "b", "c"])
    assert "remove 3 of 10 documents, more than 20%" in refused(plan, listed("x"))
    assert "--allow-delete-over 0.31" in refused(plan, listed("x"))
    check_prune(Plan(vanished=["a", "b", "c"], moved=(("a", "n"),)), listed("x"), {KEY}, 10, 0.2)
    check_prune(plan, listed("x"), {KEY}, 10, 0.5)
    check_prune(Plan(), Sources(), {KEY}, 10, 0.0)


def test_a_prune_is_refused_where_nobody_can_tell_what_vanished() -> None:
    plan = Plan(vanished=["a"])
    assert "hold no documents any more" in refused(plan, Sources())
    broken = listed("x")
    broken.failures.append(SourceFailure("sub/", "Permission denied", KEY))
    assert "sub/: Permission denied" in refused(plan, broken)
    assert "hold no documents any more" in refused(Plan(vanished=["a"], gone=["x"]), listed("x"))


def test_failures_are_forgotten_where_their_source_was_listed_whole() -> None:
    known = [
        Failure("gone.md", "bad", source=1),
        Failure("still.md", "bad", source=1),
        Failure("other.md", "bad", source=2),
    ]
    assert forgotten(known, listed("still.md"), {KEY: 1}, prune=False) == ["gone.md"]
    half = listed("still.md")
    half.failures.append(SourceFailure("sub/", "Permission denied", KEY))
    assert forgotten(known, half, {KEY: 1}, prune=False) == []
    assert forgotten([Failure("sub/", "denied", source=1)], half, {KEY: 1}, prune=False) == ["sub/"]
