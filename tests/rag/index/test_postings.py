"""Counts and weights go from disk to disk in blocks and buckets; where these end makes no difference."""

from pathlib import Path

import numpy as np
import pytest

from rag.errors import StateError
from rag.index import postings
from rag.index.arrays import read_arrays, write_arrays
from rag.index.okapi import Counts, joined
from rag.index.postings import join_counts, keep_counts, read_counts, write_weights
from rag.settings import Bm25Settings

SIZES = [(1, 1), (7, 5), (100, 30), (2**19, 2**21)]
"""Entries of a block and of a bucket, the last pair as shipped."""


def counts(chunks: int, terms: int, first: int = 0, seed: int = 0) -> Counts:
    """Return counts of chunks with the pks from `first` on; terms are any of 1000, 1009, 1018, …, `terms` of them."""
    rng = np.random.default_rng([seed, chunks])
    rows = [np.unique(rng.integers(0, terms, 12)) for _ in range(chunks)]
    found = np.concatenate([np.zeros(0, np.int64), *rows])
    used, places = np.unique(found, return_inverse=True)
    return Counts(
        pks=np.arange(first, first + chunks),
        lengths=rng.integers(1, 40, chunks).astype(np.int32),
        starts=np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64),
        terms=places.astype(np.int32),
        counts=rng.integers(1, 4, len(found)).astype(np.int32),
        vocabulary=(1000 + 9 * used).astype(np.uint64),
    )


def dense(sets: list[Counts]) -> dict[int, tuple[int, dict[int, int]]]:
    """Return the length and the counts by term of every pk, the later row where it comes twice."""
    found = {}
    for part in sets:
        for row, pk in enumerate(part.pks.tolist()):
            entries = part.entries(row, row + 1)
            terms = part.vocabulary[part.terms[entries]].tolist()
            found[pk] = int(part.lengths[row]), dict(zip(terms, part.counts[entries].tolist(), strict=True))
    return found


def expected(sets: list[Counts], pks: list[int], settings: Bm25Settings) -> dict[tuple[int, int], float]:
    """Return the weight by `(pk, term)` as the formula says it."""
    rows = {pk: dense(sets)[pk] for pk in pks}
    frequency: dict[int, int] = {}
    for _, row in rows.values():
        for term in row:
            frequency[term] = frequency.get(term, 0) + 1
    idf = {term: np.log(len(rows) - n + 0.5) - np.log(n + 0.5) for term, n in frequency.items()}
    mean = float(np.mean(list(idf.values()))) if idf else 0.0
    idf = {term: value if value >= 0 else settings.epsilon * mean for term, value in idf.items()}
    average = sum(length for length, _ in rows.values()) / max(1, len(rows))
    k1, b = settings.k1, settings.b
    return {
        (pk, term): idf[term] * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / average))
        for pk, (length, row) in rows.items()
        for term, tf in row.items()
    }


def stored(folder: Path) -> dict[tuple[int, int], float]:
    weights = read_arrays(folder)
    starts, found = weights["starts"], {}
    assert len(starts) == len(weights["vocabulary"]) + 1 and starts[-1] == len(weights["rows"]) == len(
        weights["values"]
    )
    assert (weights["rows"].dtype, weights["values"].dtype) == (np.int32, np.float32)
    for column, term in enumerate(weights["vocabulary"].tolist()):
        part = slice(starts[column], starts[column + 1])
        rows = weights["rows"][part]
        assert (np.diff(rows) > 0).all()  # a scan of the scores goes forward
        found |= {
            (int(pk), term): float(v) for pk, v in zip(weights["pks"][rows], weights["values"][part], strict=True)
        }
    return found


@pytest.mark.parametrize(("block", "bucket"), SIZES)
@pytest.mark.parametrize("chunks", [0, 1, 60])
def test_weights_are_those_of_the_formula(monkeypatch, tmp_path: Path, chunks: int, block: int, bucket: int) -> None:
    monkeypatch.setattr("rag.index.postings._BLOCK", block)
    monkeypatch.setattr("rag.index.postings._BUCKET", bucket)
    # The second set brings chunks of the first anew; some are not visible, and the order is any.
    sets = [counts(chunks, 30), counts(chunks // 2, 50, first=chunks * 3 // 4, seed=1)]
    known = sorted({*sets[0].pks.tolist(), *sets[1].pks.tolist()})
    pks = np.random.default_rng(1).permutation([pk for pk in known if pk % 5]).astype(np.int64)
    write_weights(sets, pks, Bm25Settings(), tmp_path / "weights")
    assert stored(tmp_path / "weights") == pytest.approx(expected(sets, pks.tolist(), Bm25Settings()), abs=1e-6)
    assert read_arrays(tmp_path / "weights")["pks"].tolist() == pks.tolist()
    assert [path.name for path in tmp_path.iterdir()] == ["weights"]
    assert all(path.suffix == ".npy" for path in (tmp_path / "weights").iterdir())  # buckets went


@pytest.mark.parametrize("bucket", [20, 2**21])
def test_a_chunk_without_counts_is_named_and_nothing_is_left(monkeypatch, tmp_path: Path, bucket: int) -> None:
    monkeypatch.setattr("rag.index.postings._BUCKET", bucket)
    with pytest.raises(KeyError, match="77"):
        write_weights([counts(60, 30)], np.array([3, 77]), Bm25Settings(), tmp_path / "weights")
    assert list(tmp_path.iterdir()) == []


def test_buckets_are_few_enough_to_be_open_at_once(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr("rag.index.postings._BUCKET", 1)
    monkeypatch.setattr("rag.index.postings._MAX_BUCKETS", 4)
    opened = []
    monkeypatch.setattr(postings, "open", lambda *a, **b: opened.append(open(*a, **b)) or opened[-1], raising=False)
    part = counts(60, 30)
    write_weights([part], part.pks, Bm25Settings(), tmp_path / "weights")
    assert 1 < len(opened) <= 5 and all(file.closed for file in opened)
    assert stored(tmp_path / "weights") == pytest.approx(expected([part], part.pks.tolist(), Bm25Settings()), abs=1e-6)


def test_parts_are_joined_in_their_order(tmp_path: Path) -> None:
    parts = [counts(20, 30), counts(1, 9, first=20), counts(0, 5), counts(9, 80, first=15, seed=2)]
    for number, part in enumerate(parts):
        write_arrays(tmp_path / "parts" / str(number), part.arrays())
    join_counts([tmp_path / "parts" / str(number) for number in range(len(parts))], tmp_path / "counts")
    made = read_counts(tmp_path / "counts")
    assert made.pks.tolist() == [pk for part in parts for pk in part.pks.tolist()]
    assert dense([made]) == dense(parts)
    assert made.vocabulary.tolist() == sorted({term for part in parts for term in part.vocabulary.tolist()})
    assert {name: array.dtype for name, array in made.arrays().items()} == {
        name: array.dtype for name, array in parts[0].arrays().items()
    }


@pytest.mark.parametrize("block", [1, 7, 2**19])
def test_what_is_kept_loses_other_chunks_and_their_words(monkeypatch, tmp_path: Path, block: int) -> None:
    monkeypatch.setattr("rag.index.postings._BLOCK", block)
    write_arrays(tmp_path / "counts", counts(60, 500).arrays())
    whole = read_counts(tmp_path / "counts")
    pks = np.array([59, 3, 4, 1000])
    assert keep_counts(whole, pks, tmp_path / "counts")
    kept = read_counts(tmp_path / "counts")
    assert dense([kept]) == {pk: row for pk, row in dense([whole]).items() if pk in pks}
    assert set(kept.vocabulary.tolist()) == {term for _, row in dense([kept]).values() for term in row}
    assert not keep_counts(kept, np.array([7]), tmp_path / "counts")


def test_a_set_that_loses_nothing_is_not_written(tmp_path: Path) -> None:
    assert keep_counts(counts(60, 500), np.arange(100), tmp_path / "counts")
    assert list(tmp_path.iterdir()) == []


def test_rows_that_were_added_twice_are_kept_once(tmp_path: Path) -> None:
    for number, seed in enumerate((0, 1)):
        write_arrays(tmp_path / str(number), counts(5, 30, seed=seed).arrays())
    join_counts([tmp_path / "0", tmp_path / "1"], tmp_path / "counts")
    twice = read_counts(tmp_path / "counts")
    assert keep_counts(twice, np.arange(5), tmp_path / "counts")
    assert dense([read_counts(tmp_path / "counts")]) == dense([read_counts(tmp_path / "1")])


def test_counts_that_do_not_fit_are_damaged(tmp_path: Path) -> None:
    arrays = counts(5, 30).arrays()
    write_arrays(tmp_path / "counts", {**arrays, "terms": arrays["terms"][:-1]})
    with pytest.raises(StateError, match="doctor --repair"):
        read_counts(tmp_path / "counts")


def test_vocabularies_are_joined_however_many_there_are(monkeypatch) -> None:
    monkeypatch.setattr("rag.index.okapi._JOINED", 3)
    parts = [np.array(terms, np.uint64) for terms in ([2, 9], [1, 2, 2**63], [], [5, 9])]
    assert joined(parts).tolist() == [1, 2, 5, 9, 2**63]
    assert joined([]).tolist() == []
