"""Recordings as players like them: the index first, put together while they are read.

On the stick the index of a finished part is its last box, because that survives a power cut, and
a part that grows has none: browsers then ask for the end before the beginning, or gather a second
of fragments before they show a picture. Nothing is rewritten. A *layout* says which bytes are
served in which order: ``ftyp``, ``moov`` with its chunk offsets moved, then everything else as it
lies in the file::

    finished   ftyp  mdat(.....)  moov              ->  ftyp  moov  mdat(.....)
    growing    ftyp  free  moov(mvex)  moof mdat .. ->  ftyp  moov  mdat(moov(mvex)  moof mdat ..)

Files come from anybody's stick: what does not fit has no layout and is served as it is.
"""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Tuple, Union

import numpy as np

from dashcamd.errors import MediaError
from dashcamd.storage.mp4_boxes import FLIP_OFFSET, FTYP, INIT_OFFSET, closing_header, index
from dashcamd.storage.mp4_parse import (
    Box,
    Fragment,
    Source,
    chunk_tables,
    read_box,
    read_fragment,
    read_opening,
    table_of,
)

MOOV_LIMIT_BYTES = 8 << 20
"""Most that is read and held for one layout: four hours of a camera whose frames are uneven."""

SAMPLE_LIMIT = 400_000
"""What fits that of a part that grows: 20 bytes a frame at the worst."""

BOX_LIMIT = 16
"""Boxes of a finished file that are looked at; ours has three."""

_LARGEST_OFFSET = {4: 0xFFFF_FFFF, 8: 1 << 62}


class Extent(NamedTuple):
    """The bytes of the file from `start` up to, not including, `end`."""

    start: int
    end: int


class Layout(NamedTuple):
    """What is served, in order; `upto` is the end of the last whole fragment of a growing file."""

    pieces: Tuple[Union[bytes, Extent], ...]
    upto: Optional[int] = None

    @property
    def size(self) -> int:
        """Bytes that are served."""
        return sum(map(_length, self.pieces))

    def read(self, source: Source, offset: int, size: int) -> bytes:
        """Up to `size` bytes at `offset` of what is served; fewer at seams and at the end."""
        for piece in self.pieces:
            length = _length(piece)
            if offset < length:
                size = min(size, length - offset)
                if isinstance(piece, Extent):
                    return source.read(piece.start + offset, size)
                return piece[offset : offset + size]
            offset -= length
        return b""


def _length(piece: Union[bytes, Extent]) -> int:
    return piece.end - piece.start if isinstance(piece, Extent) else len(piece)


def faststart(source: Source) -> Optional[Layout]:
    """A finished file with its index moved to the front; None if it has none at its end.

    None as well for an index that is too large, is nonsense, or leads outside the file.
    """
    boxes = _boxes(source)
    if len(boxes) < 3 or boxes[0].kind != b"ftyp" or boxes[-1].kind != b"moov":
        return None
    first, moov = boxes[0], boxes[-1]
    if moov.end != source.size or moov.end - moov.offset > MOOV_LIMIT_BYTES:
        return None
    if any(box.kind == b"moov" for box in boxes[:-1]):
        return None
    data = source.read(moov.offset, moov.end - moov.offset)
    try:
        moved = _moved(data, moov.body - moov.offset, first.end, moov.offset)
    except MediaError:
        return None
    return Layout((Extent(0, first.end), moved, Extent(first.end, moov.offset)))


def _boxes(source: Source) -> List[Box]:
    """All boxes of the file; none when they do not fill it exactly."""
    found: List[Box] = []
    offset = 0
    while offset < source.size and len(found) < BOX_LIMIT:
        box = read_box(source, offset)
        if box is None or box.end > source.size:
            return []
        found.append(box)
        offset = box.end
    return found if offset == source.size else []


def _moved(moov: bytes, body: int, start: int, end: int) -> bytes:
    """`moov` with its chunk offsets, all from `start` up to `end`, moved by its own length."""
    moved = bytearray(moov)
    for place, count, width in chunk_tables(moov[body:]):
        layout = ">u%d" % width
        table = np.frombuffer(moov, layout, count, body + place)
        if count and not start <= int(table.min()) <= int(table.max()) < end:
            raise MediaError("a chunk lies outside the data")
        if end + len(moov) > _LARGEST_OFFSET[width]:
            raise MediaError("the offsets have no room for the index before them")
        shifted = table + table.dtype.type(len(moov))
        at = body + place
        moved[at : at + count * width] = shifted.astype(layout).tobytes()
    return bytes(moved)


def frozen(source: Source, limit: Optional[int] = None) -> Optional[Layout]:
    """A growing file of ours as it would be, ended at its last whole fragment within `limit` bytes.

    None while there is no whole fragment. When the part is closed meanwhile the same `limit` gives
    the same bytes: the fragments are all still there.
    """
    opening = read_opening(source)
    if opening is None:
        return None
    limit = source.size if limit is None else min(limit, source.size)
    fragments = _whole_fragments(source, opening.end, limit)
    if not fragments:
        return None
    end = fragments[-1].end
    try:
        moov = _moved(index(opening.track, table_of(fragments)), 8, FLIP_OFFSET, end)
    except MediaError:
        return None
    return Layout((FTYP, moov, closing_header(end), Extent(INIT_OFFSET, end)), end)


def _whole_fragments(source: Source, offset: int, limit: int) -> List[Fragment]:
    fragments: List[Fragment] = []
    count = time = 0
    while count < SAMPLE_LIMIT:
        fragment = read_fragment(source, offset)
        if fragment is None or fragment.end > limit or not fragment.follows(time):
            break
        fragments.append(fragment)
        count += len(fragment.sizes)
        offset, time = fragment.end, fragment.last_time
    return fragments
