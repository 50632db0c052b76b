"""A drawn picture that says why there is none: never a frozen one.

A baseline JPEG (ITU-T T.81) of grey 8x8 blocks, one for each dot of the font: only the DC
coefficient of a block is ever coded, so a few lines and no library make it. Pure.
"""

from __future__ import annotations

import functools
import struct
import textwrap
from typing import List

from dashcamd.cameras.overlay import CELL_HEIGHT, CELL_WIDTH, FIRST, FONT, GLYPH_HEIGHT, LAST

COLUMNS, ROWS = 120, 68
"""Blocks: 960x544 pixels, nearly 16:9."""

LETTERS = (COLUMNS - 4) // CELL_WIDTH
LINES = (ROWS - 4) // CELL_HEIGHT
PAPER, INK, RULE = 24, 220, 70
QUANTISER = 8
"""With it the coded DC value is the block's grey minus 128 (T.81, A.3.3)."""

_DC_COUNTS = (0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0)
"""Codes of each length in T.81's typical table for luminance DC (K.3.3.1)."""


def _dc_codes() -> List[str]:
    codes, code = [], 0
    for length, count in enumerate(_DC_COUNTS, 1):
        for _ in range(count):
            codes.append(format(code, "0%db" % length))
            code += 1
        code <<= 1
    return codes


DC_CODES = _dc_codes()
END_OF_BLOCK = "0"


@functools.lru_cache(maxsize=8)
def notice(text: str) -> bytes:
    """`text` as a JPEG; characters beyond ASCII become question marks."""
    grid = [[PAPER] * COLUMNS for _ in range(ROWS)]
    lines = textwrap.wrap(text, LETTERS, max_lines=LINES, placeholder="...")
    top = (ROWS - len(lines) * CELL_HEIGHT) // 2
    for number, line in enumerate(lines):
        left = (COLUMNS - len(line) * CELL_WIDTH) // 2
        for place, letter in enumerate(line):
            _draw(grid, letter, left + place * CELL_WIDTH, top + number * CELL_HEIGHT)
    for column in range(COLUMNS):
        grid[0][column] = grid[-1][column] = RULE
    return jpeg(grid)


def _draw(grid: List[List[int]], letter: str, left: int, top: int) -> None:
    code = ord(letter) if FIRST <= ord(letter) <= LAST else ord("?")
    glyph = FONT[(code - FIRST) * 5 : (code - FIRST) * 5 + 5]
    for x, column in enumerate(glyph):
        for y in range(GLYPH_HEIGHT):
            if column >> y & 1:
                grid[top + y][left + x] = INK


def jpeg(grid: List[List[int]]) -> bytes:
    """A grey JPEG with one 8x8 block for each of the numbers 0..255 in `grid`."""
    height, width = len(grid) * 8, len(grid[0]) * 8
    frame = struct.pack(">BHHBBBB", 8, height, width, 1, 1, 0x11, 0)
    dc_table = bytes((0x00, *_DC_COUNTS, *range(12)))
    ac_table = bytes((0x10, 1, *(0,) * 15, 0))
    return b"".join((
        b"\xff\xd8",
        _segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"),
        _segment(0xDB, b"\0" + bytes([QUANTISER]) * 64),
        _segment(0xC0, frame),
        _segment(0xC4, dc_table),
        _segment(0xC4, ac_table),
        _segment(0xDA, b"\1\1\0\0\x3f\0"),
        _scan([grey for row in grid for grey in row]),
        b"\xff\xd9",
    ))  # fmt: skip


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _scan(greys: List[int]) -> bytes:
    """Entropy-coded differences of the blocks' DC values (T.81, F.1.2.1)."""
    bits, before = [], 128
    for grey in greys:
        bits.append(_difference(grey - before))
        before = grey
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\0")


@functools.cache
def _difference(value: int) -> str:
    size = abs(value).bit_length()
    amount = value if value >= 0 else value + (1 << size) - 1
    digits = format(amount, "0%db" % size) if size else ""
    return DC_CODES[size] + digits + END_OF_BLOCK
