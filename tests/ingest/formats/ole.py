"""A writer of OLE compound files, as small as an Outlook message needs: https://learn.microsoft.com/openspecs/windows_protocols/ms-cfb."""

import struct

FREE, END, FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
NONE = 0xFFFFFFFF
SECTOR, MINI = 512, 64


def compound_file(tree: dict) -> bytes:
    """Return a compound file; a dict is a storage, bytes under 4096 are a stream."""
    entries, mini, mini_fat = [], bytearray(), []

    def add(name, value):
        index = len(entries)
        entries.append([name, value, NONE, NONE, 0, 0])  # name, value, right sibling, child, start, size
        if isinstance(value, dict):
            previous = None
            for key in sorted(value, key=lambda key: (len(key), key.upper())):
                child = add(key, value[key])
                if previous is None:
                    entries[index][3] = child
                else:
                    entries[previous][2] = child
                previous = child
        else:
            assert len(value) < 4096
            count = -(-len(value) // MINI)
            first = len(mini_fat)
            entries[index][4:] = [first if count else END, len(value)]
            mini_fat.extend([*range(first + 1, first + count), END] if count else [])
            mini.extend(value.ljust(count * MINI, b"\0"))
        return index

    add("Root Entry", tree)
    directory = b"".join(_entry(*entry) for entry in entries)
    chains = [_padded(directory), _padded(struct.pack(f"<{len(mini_fat)}I", *mini_fat), b"\xff"), _padded(bytes(mini))]
    fat, starts, at = [FAT], [], 1
    for chain in chains:
        count = len(chain) // SECTOR
        starts.append(at)
        fat += [*range(at + 1, at + count), END]
        at += count
    directory = bytearray(chains[0])
    struct.pack_into("<IQ", directory, 0x74, starts[2], len(mini))
    header = struct.pack(
        "<8s16xHHHHH6xIIIIIIIII", bytes.fromhex("d0cf11e0a1b11ae1"), 0x3E, 3, 0xFFFE, 9, 6, 0, 1, starts[0], 0, 4096,
        starts[1], len(chains[1]) // SECTOR, END, 0,
    )  # fmt: skip
    header += struct.pack("<109I", 0, *[FREE] * 108)
    fat_sector = struct.pack("<128I", *fat, *[FREE] * (128 - len(fat)))
    return header + fat_sector + bytes(directory) + chains[1] + chains[2]


def _entry(name, value, right, child, start, size):
    raw = name.encode("utf-16-le")
    kind = 5 if name == "Root Entry" else 1 if isinstance(value, dict) else 2
    head = raw.ljust(64, b"\0") + struct.pack("<HBB", len(raw) + 2, kind, 1)
    return head + struct.pack("<III16xI16xIQ", NONE, right, child, 0, start, size)


def _padded(data, fill=b"\0"):
    return data + fill * (-len(data) % SECTOR)


def message(subject, sender, to, sent, body, attachment):
    """Return an Outlook message with one recipient and one attachment."""
    import datetime

    ticks = int((sent - datetime.datetime(1601, 1, 1)).total_seconds()) * 10_000_000
    strings = {0x001A: "IPM.Note", 0x0037: subject, 0x0C1A: sender[0], 0x0C1F: sender[1], 0x1000: body}
    root = _properties(strings, struct.pack("<8x4I8x", 1, 1, 1, 1), [struct.pack("<HHIQ", 0x40, 0x0039, 6, ticks)])
    recipient = _properties({0x3001: to[0], 0x39FE: to[1], 0x3003: to[1]}, bytes(8), [])
    data = _properties({0x3707: attachment[0], 0x3001: attachment[0]}, bytes(8), [])
    data["__substg1.0_37010102"] = attachment[1]
    return compound_file({**root, "__recip_version1.0_#00000000": recipient, "__attach_version1.0_#00000000": data})


def _properties(strings, head, segments):
    storage = {}
    for pid, text in strings.items():
        raw = text.encode("utf-16-le")
        storage[f"__substg1.0_{pid:04X}001F"] = raw
        segments.append(struct.pack("<HHIII", 0x1F, pid, 6, len(raw) + 2, 0))
    storage["__properties_version1.0"] = head + b"".join(segments)
    return storage
