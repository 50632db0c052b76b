"""What a player gets from a volume: every file decoded, every frame counter read."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Dict, List

import pytest

from dashcamd.cameras.scene import read_counter
from dashcamd.core import naming
from dashcamd.storage import catalog
from dashcamd.storage.catalog import StoredEvent
from dashcamd.storage.disk import PosixDisk

av = pytest.importorskip("av", reason="PyAV (extra 'media') decodes the files")


def counters(path: Path) -> List[int]:
    """The frame counters in a file, every frame decoded."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        return [
            read_counter(picture.to_ndarray()[: picture.height])
            for picture in container.decode(stream)
        ]


def stored(root: Path) -> List[StoredEvent]:
    """All events below `root`, oldest first."""
    return catalog.events(PosixDisk(str(root)))


def files(root: Path, event: StoredEvent) -> List[List[int]]:
    """The counters of each part of an event."""
    return [counters(root / path) for path in event.parts]


def written(root: Path) -> List[int]:
    """All counters on a volume in the order of events and parts."""
    return [
        number for event in stored(root) for numbers in files(root, event) for number in numbers
    ]


def is_run(numbers: List[int]) -> bool:
    """Whether each number follows its predecessor: nothing lost, nothing doubled."""
    return bool(numbers) and numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def closed_files(root: Path) -> Dict[str, str]:
    """Every closed part with its SHA-256."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*" + naming.CLOSED_SUFFIX))
        if not path.name.endswith(naming.OPEN_SUFFIX)
    }
