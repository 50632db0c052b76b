"""Sticks that do not keep what they are given."""

from __future__ import annotations

from dashcamd.testing import MemoryDisk, MemoryFile


class FakeStick(MemoryDisk):
    """Keeps the first `real_bytes` of each file; the rest is zeros once memory forgets it."""

    def __init__(self, real_bytes, **options):
        super().__init__(**options)
        self.real_bytes = real_bytes
        self.asked = 0

    def create(self, path, *, grows=False):
        super().create(path, grows=grows).close()
        return _FakeFile(self, path, self._names[path])

    def open(self, path, *, writable=False):
        super().open(path).close()
        return _FakeFile(self, path, self._names[path])


class _FakeFile(MemoryFile):
    def forget(self):
        self._disk.asked += 1
        live = self._opened("read").live
        live[self._disk.real_bytes :] = bytes(max(0, len(live) - self._disk.real_bytes))
