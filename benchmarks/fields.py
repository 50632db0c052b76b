"""What a motion field costs: CPU microseconds, and the ratio to decoding one picture.

Run: ``python benchmarks/fields.py``; the last row needs the ``media`` extra. Each number is the
best of seven rounds of processor time, which load on the machine disturbs least.

decode          baseline: FFmpeg decodes one 640x480 picture of the drawn scene
naive SAD       the obvious int16 code, for `block_sad` to be compared with
"""

from __future__ import annotations

import itertools
import sys
import time
import timeit
from typing import Callable, Dict, List, Tuple

import numpy as np

from dashcamd.cameras.scene import Scene, Script
from dashcamd.core.fields import block_sad, matched_blocks, vector_blocks
from dashcamd.core.luma import LumaField

SIZES = ((320, 240), (640, 480))
FPS = 24
VECTORS = [("source", "i4"), ("w", "u1"), ("h", "u1"), ("dst_x", "i2"), ("dst_y", "i2")]
VECTORS += [("motion_x", "i4"), ("motion_y", "i4"), ("motion_scale", "u2")]


def cpu_us(call: Callable[[], object], number: int = 20) -> float:
    return min(timeit.repeat(call, number=number, repeat=7, timer=time.process_time)) / number * 1e6


def naive_sad(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    rows, cols = after.shape[0] // 16, after.shape[1] // 16
    difference = np.abs(after.astype(np.int16) - before)
    return difference.reshape(rows, 16, cols, 16).sum(axis=(1, 3))


def lumas(width: int, height: int) -> Tuple[List[np.ndarray], np.ndarray]:
    """Two still pictures and one in which the walker moved on."""
    scene = Scene(width, height, FPS, Script(".ww"))
    still = [scene.planes(number)[0].copy() for number in (1, 2)]
    moving = [scene.planes(number)[0].copy() for number in (2 * FPS, 2 * FPS + 1)]
    return still + moving, np.roll(moving[0], 4, axis=1)


def vectors_for(width: int, height: int) -> np.ndarray:
    rows, cols = height // 16, width // 16
    made = np.zeros(rows * cols, VECTORS)
    made["source"], made["w"], made["h"], made["motion_scale"], made["motion_x"] = -1, 16, 16, 4, 9
    made["dst_x"] = np.tile(np.arange(cols) * 16 + 8, rows)
    made["dst_y"] = np.repeat(np.arange(rows) * 16 + 8, cols)
    return made


def luma_field_us(pictures: List[np.ndarray]) -> float:
    field = LumaField(pictures[0].shape[1], pictures[0].shape[0])
    numbers = itertools.count()
    return cpu_us(lambda: field.step(pictures[2 + next(numbers) % 2]))


def measure(width: int, height: int) -> Dict[str, float]:
    (still_a, still_b, moving_a, moving_b), panned = lumas(width, height)
    sad = block_sad(still_a, still_b)
    vectors = vectors_for(width, height)
    return {
        "naive SAD": cpu_us(lambda: naive_sad(still_a, still_b)),
        "block_sad": cpu_us(lambda: block_sad(still_a, still_b)),
        "vector_blocks": cpu_us(lambda: vector_blocks(vectors, sad)),
        "matched_blocks, still": cpu_us(lambda: matched_blocks(still_a, still_b)),
        "matched_blocks, walker": cpu_us(lambda: matched_blocks(moving_a, moving_b)),
        "matched_blocks, all moves": cpu_us(lambda: matched_blocks(moving_a, panned), 3),
        "LumaField, walker": luma_field_us([still_a, still_b, moving_a, moving_b]),
    }


def decode_us() -> float:
    from dashcamd.cameras import pyav
    from dashcamd.cameras.encoder import H264Encoder

    scene = Scene(640, 480, FPS, Script(".ww"))
    encoder = H264Encoder(640, 480, FPS, 1.0, 2_000_000, 0)
    av = pyav.load()
    packets = [
        av.Packet(encoder.encode(pyav.picture_of(scene.planes(number)), number / FPS).data)
        for number in range(3 * FPS)
    ]

    def decode() -> None:
        decoder = av.CodecContext.create("h264", "r")
        pyav.decode_at_once(decoder)
        for packet in packets:
            decoder.decode(packet)

    return cpu_us(decode, 1) / len(packets)


def main() -> int:
    baseline = decode_us()
    table = [measure(*size) for size in SIZES]
    print("%-28s%14s%14s%22s" % ("us of CPU", "320x240", "640x480", "of decoding 640x480"))
    for name in table[0]:
        print(
            "%-28s%14.0f%14.0f%21.2fx"
            % (name, table[0][name], table[1][name], table[1][name] / baseline)
        )
    print("%-28s%14s%14.0f%21.2fx" % ("decode", "", baseline, 1.0))
    return 0


if __name__ == "__main__":
    sys.exit(main())
