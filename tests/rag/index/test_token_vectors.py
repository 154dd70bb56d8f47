from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.errors import StateError
from rag.index.token_vectors import StoredTokenVectors, pack, unpack
from rag.ports import TokenVectors

DIM = 32


def matrix(tokens: int, seed: int = 0, dim: int = DIM) -> np.ndarray:
    values = np.random.default_rng(seed).standard_normal((tokens, dim)).astype(np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def assert_close(stored: np.ndarray, original: np.ndarray) -> None:
    assert stored.shape == original.shape and stored.dtype == np.float32
    assert ((stored * original).sum(axis=1) > 0.97).all()


@given(tokens=st.integers(0, 20), dim=st.integers(2, 65), seed=st.integers(0, 1000))
@settings(max_examples=50, deadline=None)
def test_packing_keeps_shape_length_and_direction(tokens: int, dim: int, seed: int) -> None:
    original = matrix(tokens, seed, dim)
    packed = pack(original)
    assert packed.nbytes == tokens * ((dim + 1) // 2)
    restored = unpack(packed, dim)
    assert restored.shape == original.shape
    assert np.linalg.norm(restored, axis=1) == pytest.approx(np.ones(tokens), abs=1e-5)
    if tokens and dim >= 16:
        assert (restored * original).sum(axis=1).min() > 0.9


def test_extreme_rows_survive() -> None:
    one_hot = np.eye(4, 384, dtype=np.float32)
    restored = unpack(pack(one_hot), 384)
    assert np.isfinite(restored).all()
    assert (restored.argmax(axis=1) == one_hot.argmax(axis=1)).all()


@pytest.fixture
def stored(tmp_path: Path) -> StoredTokenVectors:
    return StoredTokenVectors(tmp_path, DIM)


def test_it_is_a_token_vector_store(stored: StoredTokenVectors) -> None:
    assert isinstance(stored, TokenVectors)
    assert stored.get([1]) == {}


def test_what_was_published_is_found_in_any_order(stored: StoredTokenVectors, tmp_path: Path) -> None:
    originals = {pk: matrix(pk % 7 + 1, pk) for pk in (9, 2, 5, 7, 1)}
    stored.add(3, [9, 2], [originals[9], originals[2]])
    stored.add(3, [5, 7, 1], [originals[pk] for pk in (5, 7, 1)])
    stored.publish(3)
    for reader in (stored, StoredTokenVectors(tmp_path, DIM)):
        found = reader.get([1, 9, 4, 5, 2, 7, 100])
        assert set(found) == set(originals)
        for pk, original in originals.items():
            assert_close(found[pk], original)


def test_a_reader_sees_generations_published_after_it_opened(stored: StoredTokenVectors, tmp_path: Path) -> None:
    reader = StoredTokenVectors(tmp_path, DIM)
    stored.add(1, [1], [matrix(3, 1)])
    stored.publish(1)
    assert set(reader.get([1])) == {1}
    stored.add(2, [2], [matrix(4, 2)])
    assert set(reader.get([1, 2])) == {1}
    stored.publish(2)
    found = reader.get([1, 2])
    assert_close(found[1], matrix(3, 1))
    assert_close(found[2], matrix(4, 2))


def test_chunks_without_tokens_and_empty_generations(stored: StoredTokenVectors) -> None:
    stored.publish(1)
    stored.add(2, [], [])
    stored.publish(2)
    stored.add(3, [1], [np.zeros((0, DIM), np.float32)])
    stored.publish(3)
    assert stored.get([1])[1].shape == (0, DIM)


def test_publishing_again_is_harmless(stored: StoredTokenVectors) -> None:
    stored.add(1, [1, 2], [matrix(3, 1), matrix(2, 2)])
    stored.publish(1)
    stored.publish(1)
    assert_close(stored.get([1])[1], matrix(3, 1))


def test_a_chunk_added_twice_is_as_it_was_last(stored: StoredTokenVectors) -> None:
    stored.add(1, [1, 2], [matrix(3, 1), matrix(2, 2)])
    stored.add(1, [1], [matrix(5, 9)])
    stored.publish(1)
    assert_close(stored.get([1])[1], matrix(5, 9))


def test_discard_removes_one_generation(stored: StoredTokenVectors) -> None:
    stored.add(1, [1], [matrix(3, 1)])
    stored.publish(1)
    stored.add(2, [2], [matrix(3, 2)])
    stored.publish(2)
    stored.get([1, 2])
    stored.discard(2)
    stored.discard(2)
    assert set(stored.get([1, 2])) == {1}


def test_a_generation_can_be_built_again_after_discard(stored: StoredTokenVectors) -> None:
    stored.add(1, [1], [matrix(3, 1)])
    stored.discard(1)
    stored.add(1, [1], [matrix(2, 2)])
    stored.publish(1)
    assert_close(stored.get([1])[1], matrix(2, 2))


def test_another_dimension_is_refused(stored: StoredTokenVectors) -> None:
    with pytest.raises(StateError, match="token vectors of 32 numbers"):
        stored.add(1, [1], [matrix(3, 1, DIM + 2)])
    stored.publish(1)
    assert stored.get([1]) == {}


def test_a_torn_write_is_refused(stored: StoredTokenVectors, tmp_path: Path) -> None:
    stored.add(1, [1], [matrix(3, 1)])
    with open(tmp_path / "1" / "vectors.bin", "ab") as file:
        file.write(b"half a vec")
    with pytest.raises(StateError, match="damaged"):
        stored.publish(1)


def test_an_unwritable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text("a file where the folder should be")
    with pytest.raises(StateError, match="cannot write"):
        StoredTokenVectors(tmp_path / "tokens", DIM).add(1, [1], [matrix(1)])


def test_maxsim_order_is_kept(stored: StoredTokenVectors) -> None:
    passages = {pk: matrix(20, pk) for pk in range(1, 21)}
    stored.add(1, list(passages), list(passages.values()))
    stored.publish(1)
    query = np.concatenate([passages[4][:5] * 0.7 + matrix(5, 99) * 0.7, matrix(3, 77)])

    def best(vectors: dict[int, np.ndarray]) -> int:
        return max(vectors, key=lambda pk: float((query @ vectors[pk].T).max(axis=1).mean()))

    assert best(stored.get(list(passages))) == best(passages) == 4


def test_compacting_keeps_the_vectors_of_the_rest(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    rows = {pk: rng.standard_normal((pk % 4 + 1, 8)).astype(np.float32) for pk in range(1, 13)}
    rows = {pk: matrix / np.linalg.norm(matrix, axis=1, keepdims=True) for pk, matrix in rows.items()}
    store, reader = StoredTokenVectors(tmp_path, 8), StoredTokenVectors(tmp_path, 8)
    for generation, pks in ((1, range(1, 7)), (2, range(7, 11)), (3, range(11, 13))):
        store.add(generation, list(pks), [rows[pk] for pk in pks])
        store.publish(generation)
    before = reader.get(list(rows))
    kept = [pk for pk in rows if pk % 3 and pk < 11]
    store.compact(kept)
    for view in (store, reader, StoredTokenVectors(tmp_path, 8)):
        found = view.get(kept)
        assert sorted(found) == kept
        assert all((found[pk] == before[pk]).all() for pk in kept)
    assert store.held(list(rows)) == set(kept)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2"]
    assert (tmp_path / "1" / "vectors.bin").stat().st_size == sum(len(rows[pk]) for pk in kept if pk < 7) * 4
    inode = (tmp_path / "1").stat().st_ino
    store.compact(kept)
    assert (tmp_path / "1").stat().st_ino == inode


def test_rows_that_are_cut_off_are_not_held_and_go(tmp_path: Path) -> None:
    store = StoredTokenVectors(tmp_path, 8)
    store.add(1, [1, 2], [np.eye(3, 8, dtype=np.float32), np.eye(2, 8, dtype=np.float32)])
    store.publish(1)
    data = (tmp_path / "1" / "vectors.bin").read_bytes()
    (tmp_path / "1" / "vectors.bin").write_bytes(data[:14])
    store = StoredTokenVectors(tmp_path, 8)
    assert store.held([1, 2]) == {1}
    store.compact([1, 2])
    store.add(1, [2], [np.eye(2, 8, dtype=np.float32)])
    store.publish(1)
    assert store.held([1, 2]) == {1, 2} and len(store.get([2])[2]) == 2
