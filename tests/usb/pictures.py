"""Which frames sticks hold: every picture of the clip shows its number, so a hole can be seen."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path
from typing import Dict, List, Tuple

import pytest

from dashcamd.storage import catalog, recovery
from dashcamd.storage.disk import PosixDisk
from dashcamd.testing import number_in
from tests.usb import clip, images, readers

CLIP_FRAMES = clip.FPS * clip.SECONDS

Parts = List[Tuple[float, List[int]]]
"""Start of each part on the guest's clock, and the numbers of its pictures."""


def tree_of(image: Path, fs: str, folder: Path) -> Path:
    """The files of a divided stick, copied out of its image."""
    inner = images.inner_of(image, folder / "inner.img")
    if fs == "ext4":
        # What was synced a moment before the pull is in the journal only, which debugfs passes by.
        subprocess.run(["e2fsck", "-p", str(inner)], capture_output=True)
    tree = folder / (image.stem + ".tree")
    for path, content in readers.files(inner, fs).items():
        place = tree / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    inner.unlink()
    return tree


def on_sticks(sticks: Dict[str, Path], folder: Path) -> List[int]:
    """Numbers of all pictures on sticks by file system, in the order in which they were taken.

    Recovers what was left open first.
    """
    parts: Parts = []
    for fs, image in sticks.items():
        parts += _on_stick(tree_of(image, fs, folder))
    return [number for _, numbers in sorted(parts) for number in numbers]


def _on_stick(tree: Path) -> Parts:
    av = pytest.importorskip("av", reason="PyAV (extra 'media') decodes the files")
    disk = PosixDisk(str(tree))
    parts: Parts = []
    for _, name in sorted(catalog.names(disk)):
        list(recovery.recover_event(disk, catalog.load(disk, name)))
        event = catalog.load(disk, name)
        starts = {part.file: part.start for part in event.facts.parts} if event.facts else {}
        for path in event.parts:
            with av.open(io.BytesIO((tree / path).read_bytes())) as container:
                numbers = [number_in(one.to_ndarray()) for one in container.decode(video=0)]
            parts.append((starts[path.rpartition("/")[2]], numbers))
    disk.close()
    return parts


def missing(numbers: List[int]) -> List[Tuple[int, int]]:
    """Places where the next picture is neither the following one nor one that was there already.

    The clip begins anew after its last picture; a part after a pull repeats a piece of a GOP.
    """
    return [
        (before, after)
        for before, after in zip(numbers, numbers[1:])
        if not 0 <= (before + 1 - after) % CLIP_FRAMES <= 2 * clip.FPS
    ]


def end_of(tree: Path) -> float:
    """Stamp of the end of the newest event, whose parts have no gap between them."""
    disk = PosixDisk(str(tree))
    event = catalog.events(disk)[-1]
    disk.close()
    assert event.facts is not None
    return event.facts.start + sum(part.duration_s for part in event.facts.parts)
