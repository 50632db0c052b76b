"""A file that grows, frozen at its last whole fragment: it plays, seeks and ends cleanly.

Browsers that meet a fragmented MP4 without an index ask for every fragment in turn (Chromium:
122 requests before the first picture of 120 s). So an index (``sidx``, ISO/IEC 14496-12, 8.16.3)
is put before the first fragment on the way out; fragments count their offsets from themselves
and do not notice. A part that was closed meanwhile is served as it was: all its bytes are still
there but the 16 that were flipped.
"""

from __future__ import annotations

import struct
from typing import List, NamedTuple, Optional

from dashcamd.storage.mp4_boxes import FLIP_OFFSET, INIT_OFFSET, PLACEHOLDER, TIMESCALE, full_box
from dashcamd.storage.mp4_parse import Fragment, Source, read_fragment, read_opening

ENTRY_LIMIT = 0xFFFF


class Frozen(NamedTuple):
    """The first `end` bytes of a growing file with `table` put in at `at`."""

    at: int
    table: bytes
    end: int

    @property
    def size(self) -> int:
        """Bytes that are served."""
        return self.end + len(self.table)

    def read(self, source: Source, offset: int, size: int) -> bytes:
        """Up to `size` bytes at `offset` of what is served; fewer at seams and at the end."""
        if offset < self.at:
            data = source.read(offset, min(size, self.at - offset))
            return _unflipped(data, offset)
        within = offset - self.at
        if within < len(self.table):
            return self.table[within : within + size]
        behind = offset - len(self.table)
        return source.read(behind, min(size, self.end - behind))


def freeze(source: Source, limit: Optional[int] = None) -> Optional[Frozen]:
    """Freeze `source` at its last whole fragment within `limit` bytes; None if there is none."""
    opening = read_opening(source)
    if opening is None:
        return None
    end = opening.end
    limit = source.size if limit is None else min(limit, source.size)
    fragments: List[Fragment] = []
    while len(fragments) < ENTRY_LIMIT:
        fragment = read_fragment(source, end)
        if fragment is None or fragment.end > limit:
            break
        fragments.append(fragment)
        end = fragment.end
    return Frozen(opening.end, sidx(fragments), end) if fragments else None


def sidx(fragments: List[Fragment]) -> bytes:
    """The segment index of `fragments`, which follow it at once."""
    head = struct.pack(">IIQQHH", 1, TIMESCALE, fragments[0].time, 0, 0, len(fragments))
    rows = b"".join(
        struct.pack(
            ">III",
            fragment.end - fragment.offset,
            sum(fragment.durations),
            0x9000_0000 if fragment.is_key else 0,
        )
        for fragment in fragments
    )
    return full_box(b"sidx", 1, 0, head, rows)


def _unflipped(data: bytes, offset: int) -> bytes:
    """`data` at `offset` with the placeholder of a growing file where the flip may have been."""
    patched = bytearray(data)
    for place in range(max(offset, FLIP_OFFSET), min(offset + len(data), INIT_OFFSET)):
        patched[place - offset] = PLACEHOLDER[place - FLIP_OFFSET]
    return bytes(patched)
