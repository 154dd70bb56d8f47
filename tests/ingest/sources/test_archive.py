import hashlib
import stat
import struct
import zipfile

import pytest

from ingest.pipeline import IngestOptions, ingest
from ingest.sources import Reach, archive, resolve
from ingest.sources.reading import read_document
from rag.errors import DocumentError, PruneRefusedError, SourceError
from rag.settings import FetchSettings, PartitionSettings


class Remembered(dict):
    def record(self, uri, known):
        self[uri] = known


@pytest.fixture
def reach(tmp_path):
    with Reach(FetchSettings(max_file_mb=1, max_archive_mb=2), tmp_path / "spool", Remembered()) as opened:
        yield opened


def pack(path, members, method=zipfile.ZIP_DEFLATED):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", method) as packed:
        for name, data in members.items():
            packed.writestr(name, data)
    return str(path)


def reasons(source, reach):
    """Return doc_id -> why it cannot be read ("" if it can), of every document of a source, as the workers see it."""
    found = resolve([source], reach)
    told = {}
    for item in reach.brought(found.items, {}):
        try:
            read_document(item, PartitionSettings())
            told[item.doc_id] = ""
        except DocumentError as error:
            told[item.doc_id] = str(error)
    return told


def outside(tmp_path):
    return {path for path in tmp_path.rglob("*") if path.is_file() and "spool" not in path.parts}


def test_members_are_documents(tmp_path, reach):
    source = pack(
        tmp_path / "kb.zip", {"b/one.md": "# One", "a.txt": "words", ".git/x": "no", "__MACOSX/._a.txt": "no"}
    )
    found = resolve([source], reach)
    assert [item.doc_id for item in found.items] == ["a.txt", "b/one.md"]
    hashes = {}
    text, markdown = (read_document(item, PartitionSettings()) for item in reach.brought(found.items, hashes))
    assert (text.title, text.text) == ("a", "words") and markdown.title == "One"
    assert text.source_hash == hashes["a.txt"] == hashlib.sha256(b"words").hexdigest()
    assert markdown.uri == (tmp_path / "kb.zip").as_uri() + "#b/one.md"


def test_an_archive_in_a_folder_is_a_folder(tmp_path, reach):
    pack(tmp_path / "kb" / "sub" / "old.ZIP", {"one.md": "# One"})
    (tmp_path / "kb" / "a.md").write_text("# A")
    assert [item.doc_id for item in resolve([str(tmp_path / "kb")], reach).items] == ["a.md", "sub/old.ZIP/one.md"]


@pytest.mark.parametrize(
    "name", ["../out.md", "a/../../out.md", "/etc/out.md", "C:/out.md", "C:out.md", "a\\..\\out.md", "\\\\host\\out.md"]
)
def test_names_that_lead_out_are_failures_and_write_nothing(tmp_path, reach, name):
    source = pack(tmp_path / "kb.zip", {name: "evil", "good.md": "# Good"})
    before = outside(tmp_path)
    told = reasons(source, reach)
    assert told.pop("good.md") == "" and len(told) == 1
    assert "leads out of the archive" in next(iter(told.values()))
    assert outside(tmp_path) == before


def test_members_that_are_no_plain_files_are_failures(tmp_path, reach):
    path = tmp_path / "kb.zip"
    link = zipfile.ZipInfo("link.md")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr(link, "/etc/passwd")
        packed.writestr("inner.zip", b"PK")
        packed.writestr("documents.jsonl", '{"doc_id": "x", "text": "y"}')
        packed.writestr("lz.md", "# x", zipfile.ZIP_LZMA)
        packed.writestr("bz.md", "# x", zipfile.ZIP_BZIP2)
        packed.writestr("twice.md", "# 1")
        with pytest.warns(UserWarning, match="Duplicate"):
            packed.writestr("twice.md", "# 2")
        packed.writestr("dot.md", "# 1")
        packed.writestr("./dot.md", "# 2")
        packed.writestr("ok.md", "# Ok")
    told = reasons(str(path), reach)
    assert told.pop("ok.md") == ""
    expected = {
        "link.md": "is a link",
        "inner.zip": "archive in an archive",
        "documents.jsonl": "from folders only",
        "lz.md": "compression",
        "bz.md": "compression",
        "twice.md": "several members",
        "dot.md": "several members",
    }
    assert set(told) == set(expected)
    assert all(expected[name] in reason for name, reason in told.items())


def test_encrypted_members_are_failures(tmp_path, reach):
    path = tmp_path / "kb.zip"
    pack(path, {"a.md": "# A"}, zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    path.write_bytes(data)
    assert "encrypted" in reasons(str(path), reach)["a.md"]


def test_bombs_are_stopped_by_what_comes_out(tmp_path, reach, monkeypatch):
    source = pack(tmp_path / "big.zip", {"big.txt": b"x" * 1_500_000, "ok.md": "# Ok"})
    assert "larger than 1 MB" in reasons(source, reach)["big.txt"]
    monkeypatch.setattr(archive, "_FREE_BYTES", 100_000)
    source = pack(tmp_path / "ratio.zip", {"r.txt": b"\0" * 900_000, "ok.md": "# Ok"})
    told = reasons(source, reach)
    assert "zip bomb" in told["r.txt"] and told["ok.md"] == ""
    monkeypatch.undo()
    many = {f"{n}.txt": bytes([65 + n]) * 900_000 for n in range(5)}
    told = reasons(pack(tmp_path / "many.zip", many), reach)
    assert [name for name, reason in told.items() if "unpacks to more than 2 MB" in reason] == [
        "2.txt",
        "3.txt",
        "4.txt",
    ]


def test_a_header_that_lies_about_the_size_is_not_believed(tmp_path, reach):
    path = tmp_path / "lie.zip"
    pack(path, {"lie.txt": b"\0" * 3_000_000})
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", data, data.index(signature) + offset, 10)
    path.write_bytes(data)
    assert "cannot be unpacked" in reasons(str(path), reach)["lie.txt"]
    assert not any(file.stat().st_size > 2**20 for file in (tmp_path / "spool").rglob("*"))


def test_damage_is_named(tmp_path, reach):
    path = tmp_path / "kb.zip"
    pack(path, {"a.md": "# A words", "b.md": "# B"}, zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"# A words", b"# X words"))
    told = reasons(str(path), reach)
    assert "CRC" in told["a.md"] and told["b.md"] == ""
    path.write_bytes(path.read_bytes()[:40])
    found = resolve([str(path)], reach)
    assert found.items == [] and "no zip archive" in found.failures[0].reason
    pack(path, {})
    assert "holds no documents" in resolve([str(path)], reach).failures[0].reason


def test_any_damage_is_a_failure_and_never_a_crash(tmp_path, reach):
    import random

    path = tmp_path / "kb.zip"
    pack(path, {f"d{n}/f{n}.txt": f"words {n} " * 30 for n in range(4)})
    whole, chance = path.read_bytes(), random.Random(3)
    before = outside(tmp_path)
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        path.write_bytes(data)
        try:
            found = resolve([str(path)], reach)
        except SourceError as error:  # the damage is in the only name that could be read
            assert "holds no format that is read" in str(error)
            continue
        assert found.count
        for item in reach.brought(found.items, {}):
            try:
                item.source_hash()
            except DocumentError as error:
                assert "\n" not in str(error)
        list(reach.emptied(found.items))
    assert outside(tmp_path) == before


def test_names_that_are_not_flagged_as_utf8(tmp_path, reach):
    path = tmp_path / "kb.zip"
    pack(path, {"xx.md": "# A", "yy.md": "# B"}, zipfile.ZIP_STORED)
    data = path.read_bytes().replace(b"xx.md", "é.md".encode()).replace(b"yy.md", b"y\x81.md")
    path.write_bytes(data)
    told = reasons(str(path), reach)
    assert set(told) == {"é.md", "yü.md"} and set(told.values()) == {""}


def test_a_member_that_was_read_before_is_not_unpacked_to_know_it(tmp_path, reach, monkeypatch):
    source = pack(tmp_path / "kb.zip", {"a.md": "# A", "b.md": "# B"})
    unpacked = []
    pieces = archive.Archive.pieces
    monkeypatch.setattr(
        archive.Archive, "pieces", lambda self, info: unpacked.append(info.filename) or pieces(self, info)
    )
    hashes = [reach.source_hash(item, {"x"}, True) for item in resolve([source], reach).items]
    assert unpacked == ["a.md", "b.md"]
    pack(tmp_path / "kb.zip", {"a.md": "# A", "b.md": "# C"})
    again = [reach.source_hash(item, set(hashes), True) for item in resolve([source], reach).items]
    assert unpacked == ["a.md", "b.md", "b.md"]
    assert again == [hashes[0], hashlib.sha256(b"# C").hexdigest()]


def test_an_archive_is_brought_up_to_date_and_pruned(tmp_path, runtime):
    def counts(**options):
        report = ingest([str(path)], "kb", runtime, IngestOptions(**options))
        return report.added, report.changed, report.removed, report.unchanged, [x.doc_id for x in report.failed]

    path = tmp_path / "kb.zip"
    members = {f"{n}.md": f"# Head {n}\n\nWords of {n}." for n in range(4)}
    pack(path, members | {"../x.md": "evil"})
    assert counts() == (4, 0, 0, 0, ["../x.md"])
    pack(path, members | {"2.md": "# Other\n\nwords"})
    assert counts() == (0, 1, 0, 3, [])
    assert runtime.view("kb")[0]["2.md"].startswith("# Other")
    pack(path, {name: text for name, text in members.items() if name != "3.md"})
    assert counts(prune=True, allow_delete_over=0.3) == (0, 1, 1, 2, [])
    path.write_bytes(b"PK broken")
    with pytest.raises(PruneRefusedError, match="no zip archive"):
        (tmp_path / "one.md").write_text("# one")
        ingest([str(path), str(tmp_path / "one.md")], "kb", runtime, IngestOptions(prune=True, allow_delete_over=1.0))
    assert len(runtime.view("kb")[0]) == 3
    assert not any(folder.is_dir() for folder in (tmp_path / "home" / "spool").iterdir())


def test_names_with_the_separators_of_windows_and_what_systems_leave_behind(tmp_path, reach):
    path = tmp_path / "kb.zip"
    names = ["handbook\\rules\\a.md", "handbook\\b.md", "~$b.docx", "__MACOSX\\x.md", "sub/Thumbs.db", "handbook\\"]
    with zipfile.ZipFile(path, "w") as packed:
        for name in names:
            info = zipfile.ZipInfo("x")
            info.filename = name
            packed.writestr(info, "# Words")
    assert [item.doc_id for item in resolve([str(path)], reach).items] == ["handbook/b.md", "handbook/rules/a.md"]
    assert reasons(str(path), reach) == {"handbook/b.md": "", "handbook/rules/a.md": ""}


def test_lock_files_of_office_are_no_documents(tmp_path, reach):
    for name in ("a.md", "~$report.docx", "sub/~$sheet.xlsx", ".~lock.a.odt#", "Thumbs.db", "sub/desktop.ini"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("words")
    for source in (str(tmp_path), str(tmp_path / "**" / "*"), tmp_path.as_uri()):
        found = resolve([source], reach)
        assert [item.doc_id for item in found.items] == ["a.md"] and not found.failures, source


@pytest.mark.parametrize("rules", ["*.log\ndrafts/\n", "# none\n/a.log\n/drafts\n/b/*.log\n"])
def test_the_ignore_file_of_an_archive_counts(tmp_path, reach, rules):
    members = {".ragwrightignore": rules, "a.log": "x", "drafts/d.md": "# D", "drafts/e/f.md": "# F", "b/c.md": "# C"}
    source = pack(tmp_path / "docs.zip", {**members, "b/d.log": "x"})
    assert reasons(source, reach) == {"b/c.md": ""}


def test_an_ignore_file_of_an_archive_that_leaves_nothing_or_is_no_text_is_named(tmp_path, reach):
    source = pack(tmp_path / "docs.zip", {".ragwrightignore": "*", "a.md": "# A"})
    found = resolve([source], reach)
    assert not found.items and "leaves out every file" in found.failures[0].reason
    source = pack(tmp_path / "more.zip", {".ragwrightignore": b"\xff\xfe*", "a.md": "# A"})
    found = resolve([source], reach)
    assert not found.items and ".ragwrightignore: it is no UTF-8" in found.failures[0].reason
