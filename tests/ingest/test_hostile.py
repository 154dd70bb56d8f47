"""Hostile files through the real ingest: it ends, each is a named failure or sound text, nothing is left behind."""

import contextlib
import importlib.util
import os
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from ingest.pipeline import IngestOptions, ingest
from rag.errors import SourceError

spec = importlib.util.spec_from_file_location("hostile", Path(__file__).parent / "hostile.py")
hostile = importlib.util.module_from_spec(spec)
spec.loader.exec_module(hostile)

SEED = 20260101
MEMORY_MB = 1024


def children():
    """The living processes that this one started, less the one that Python keeps to clean up shared memory."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                command = (entry / "cmdline").read_bytes()
                if int(fields[1]) == os.getpid() and fields[0] not in "ZX" and b"resource_tracker" not in command:
                    found[int(entry.name)] = int(fields[21]) * 4096 // 1024**2
    return found


def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 // 1024**2


class Watch:
    """Samples the memory of this process and of its largest worker while it is open."""

    def __enter__(self):
        self.before, self.own, self.worker, self._done = resident_mb(), 0, 0, threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()

    def _sample(self):
        while not self._done.wait(0.1):
            self.own = max(self.own, resident_mb() - self.before)
            self.worker = max(self.worker, *children().values(), 0)


def held(doc_ids, name):
    return any(doc_id == name or doc_id.startswith(f"{name}/") for doc_id in doc_ids)


def run(make_runtime, folder, chosen, timeout_s):
    """Ingest the cases, check everything about them, and return a summary."""
    folder.mkdir()
    wanted = hostile.write(folder, chosen)
    partition = {"timeout_s": timeout_s, "memory_mb": MEMORY_MB}
    runtime = make_runtime(partition=partition, jobs=2, chunker={"max_tokens": 200})
    before, started = children().keys(), time.monotonic()
    with Watch() as watch:
        report = ingest([str(folder)], "hostile", runtime, IngestOptions())
    seconds = time.monotonic() - started
    assert children().keys() <= before, "a worker is left behind"
    documents, _ = runtime.view("hostile")  # checks every chunk against its text
    failed = {failure.doc_id: failure.reason for failure in report.failed}
    assert not documents.keys() & failed.keys()
    # An archive is its members: they are what is named.
    told = {name for name in wanted if held(documents.keys() | failed.keys(), name)}
    assert told == wanted.keys(), "a file is neither a document nor a failure"
    for doc_id, reason in failed.items():
        assert reason and "\n" not in reason and len(reason) < 600, (doc_id, reason)
        assert "internal error" not in reason and "Traceback" not in reason, (doc_id, reason)
    for name, expected in wanted.items():
        if expected == hostile.FAIL:
            assert held(failed, name), name
        elif expected != hostile.ANY:
            assert documents.get(name) == expected, (name, failed.get(name))
    for text in documents.values():
        assert text.strip() and text.encode("utf-8")
    return {
        "files": len(wanted),
        "seconds": seconds,
        "own_mb": watch.own,
        "worker_mb": watch.worker,
        "failed": failed,
        "documents": len(documents),
    }


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")
def test_a_sample_of_hostile_files(make_runtime, tmp_path):
    found = run(make_runtime, tmp_path / "files", hostile.sample(SEED, 34), timeout_s=20)
    assert found["files"] >= 38 and found["own_mb"] < MEMORY_MB


@pytest.mark.accept
@pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")
def test_three_hundred_hostile_files(make_runtime, tmp_path, capsys):
    found = run(make_runtime, tmp_path / "files", list(hostile.cases(SEED)), timeout_s=20)
    with capsys.disabled():
        print(
            f"\n{found['files']} hostile files in {found['seconds']:.0f} s: {found['documents']} documents,"
            f" {len(found['failed'])} named failures; memory of the parent +{found['own_mb']} MB,"
            f" of the largest worker {found['worker_mb']} MB"
        )
        for reason, count in Counter(reason[:110] for reason in found["failed"].values()).most_common():
            print(f"  {count:3} {reason}")
    assert found["files"] >= 300
    assert found["worker_mb"] < 2 * MEMORY_MB and found["own_mb"] < 2 * MEMORY_MB


def test_a_pipe_named_as_a_source_is_refused(make_runtime, tmp_path):
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(SourceError, match="neither a file nor a folder"):
        ingest([str(tmp_path / "pipe.txt")], "hostile", make_runtime())


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_a_named_failure(make_runtime, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("Secret.")
    (tmp_path / "in" / "a.txt").chmod(0)
    report = ingest([str(tmp_path / "in")], "hostile", make_runtime())
    assert "cannot be read" in report.failed[0].reason
