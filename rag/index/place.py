"""Which folder a home is: contents can be copied, the device and inode of a folder and of an open file cannot."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.errors import StateError
from rag.state.home import Home

_MAX_SOCKET_PATH = 100  # the kernel takes 107 bytes


@dataclass(frozen=True, slots=True)
class Place:
    """Device and inode of a home's folder, and of its lock file: the same under every name, link and bind mount."""

    folder: tuple[int, int]
    lock: tuple[int, int]

    @classmethod
    def of(cls, home: Home, lock: int) -> Place:
        """Return the place of a home whose lock file is open."""
        folder, file = os.stat(home.root), os.fstat(lock)
        return cls((folder.st_dev, folder.st_ino), (file.st_dev, file.st_ino))

    @classmethod
    def from_json(cls, value: Any) -> Place | None:
        """Return the place of `as_json`; None if it is none."""
        try:
            [folder, lock] = ((int(device), int(inode)) for device, inode in value)
        except (TypeError, ValueError):
            return None
        return cls(folder, lock)

    def as_json(self) -> list[list[int]]:
        """Return what `from_json` reads."""
        return [list(self.folder), list(self.lock)]

    def is_at(self, home: Home) -> bool:
        """Say whether the home's path still leads here; it does not once the home was moved or replaced."""
        try:
            folder, file = os.stat(home.root), os.stat(lock_path(home))
        except OSError:
            return False
        return (folder.st_dev, folder.st_ino) == self.folder and (file.st_dev, file.st_ino) == self.lock


def lock_path(home: Home) -> Path:
    """Return the file whose lock the owner of the home's shards holds."""
    return home.root / "locks" / "owner.lock"


def owner_note(home: Home) -> Mapping[str, Any]:
    """Return what the lock file says of the owner; it may be old, or of the home that this one was copied from."""
    try:
        note: Mapping[str, Any] = json.loads(lock_path(home).read_bytes())
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def write_note(lock: int, socket_path: Path) -> None:
    """Say in the lock file who the owner is; nothing is made shorter before the new text is there."""
    note = json.dumps({"pid": os.getpid(), "socket": str(socket_path)}).encode()
    os.pwrite(lock, note, 0)
    os.ftruncate(lock, len(note))


def made_socket_path(home: Home) -> Path:
    """Return where the owner listens, in a folder that only the user can enter; the folder is made.

    Raises:
        StateError: that folder lets others in.
    """
    path = _within(home)
    if path is None:
        folder = os.stat(home.root)
        digest = hashlib.sha256(f"{folder.st_dev} {folder.st_ino}".encode()).hexdigest()[:16]
        path = Path(tempfile.gettempdir()) / f"ragwright-{os.getuid()}-{digest}" / "owner.sock"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    status = path.parent.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise StateError(f"{path.parent} must be a folder that only you can enter (mode 0700); remove it and try again")
    return path


def socket_paths(home: Home) -> list[str]:
    """Return where the owner may listen: in the home, whatever its name is now, or where it says that it does."""
    noted, within = owner_note(home).get("socket"), _within(home)
    return list(dict.fromkeys(str(path) for path in (within, noted) if path))


def _within(home: Home) -> Path | None:
    path = home.root / "run" / "owner.sock"
    return path if len(os.fsencode(path)) <= _MAX_SOCKET_PATH else None
