"""What splits share."""

from __future__ import annotations

from eval.golden import Case
from eval.golden.leakage import leaks


def case(id: str, question: str, split: str, cluster: str = "") -> Case:
    return Case(id, question, True, "answer", cluster=cluster or id, split=split)  # type: ignore[arg-type]


def test_shared_questions_and_clusters_are_found() -> None:
    cases = [
        case("a", "How long are refunds of annual plans open?", "dev"),
        case("b", "how long are  refunds of annual plans open", "sealed"),
        case("c", "How long is a refund of an annual plan open?", "select"),
        case("d", "Which disks are shredded?", "dev", "shred"),
        case("e", "Who owns the shredder company?", "sealed", "shred"),
        case("f", "What does a plan cost?", "dev"),
    ]
    found = {(leak.kind, leak.first, leak.second, leak.across) for leak in leaks(cases)}
    assert found == {
        ("same question", "a", "b", True),
        ("near-duplicate question", "a", "c", True),
        ("near-duplicate question", "b", "c", True),
        ("same cluster", "d", "e", True),
    }


def test_a_duplicate_inside_a_split_is_no_leak() -> None:
    (leak,) = leaks([case("a", "Which disks are shredded?", "dev"), case("b", "which disks are shredded", "dev")])
    assert leak.kind == "same question" and not leak.across
