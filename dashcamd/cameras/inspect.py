"""Decides before recording whether a stream may pass through untouched."""

from __future__ import annotations

from typing import List, NamedTuple, Optional

from dashcamd.cameras.source import Address, Source, pts_of
from dashcamd.config import CameraConfig
from dashcamd.core.annexb import Gluer, parse_configuration
from dashcamd.errors import CameraError, MediaError
from dashcamd.types import Seconds

PACKET_LIMIT, BYTE_LIMIT = 3000, 64 << 20
"""A minute or two at the head of a file; B frames that appear later are noticed when they do."""


class Verdict(NamedTuple):
    """`obstacle` is why the stream must be transcoded, None when it may pass through.

    `gop_s` is the longest distance between keyframes seen; None when there was only one.
    """

    obstacle: Optional[str]
    gop_s: Optional[Seconds] = None


def inspect(source: Source, config: CameraConfig) -> Verdict:
    """Look at the header, and for a file at its first packets through a second opening."""
    if source.codec != "h264":
        return Verdict("its codec is %s" % source.codec)
    try:
        gluer = Gluer(parse_configuration(bytes(source.stream.codec_context.extradata or b"")))
    except MediaError as error:
        return Verdict(str(error))
    if source.address.is_live:
        if getattr(source.stream.codec_context, "has_b_frames", False):
            return Verdict("it has B frames")
        return Verdict(None)
    return _inspect_packets(source.address, config, gluer)


def _inspect_packets(address: Address, config: CameraConfig, gluer: Gluer) -> Verdict:
    source = Source(address, config)
    keys: List[Seconds] = []
    last_pts: Optional[Seconds] = None
    read = 0
    try:
        for count, packet in enumerate(source.packets()):
            read += packet.size
            if count > PACKET_LIMIT or read > BYTE_LIMIT:
                break
            try:
                unit = gluer.unit(bytes(packet))
            except MediaError:
                continue
            if unit is None:
                continue
            pts = pts_of(packet)
            falls = pts is not None and last_pts is not None and last_pts - 1 < pts < last_pts
            if unit.has_b_slice or falls:
                return Verdict("it has B frames")
            last_pts = pts
            if unit.is_idr and pts is not None:
                keys.append(pts)
            if unit.is_idr and not gluer.has_parameter_sets:
                return Verdict("its keyframes have no parameter sets")
    except CameraError:
        return Verdict("it cannot be read to the end")
    finally:
        source.close()
    if last_pts is None and not keys:
        return Verdict(None if gluer.has_parameter_sets else "it has no keyframe")
    return Verdict(None, max((b - a for a, b in zip(keys, keys[1:])), default=None))
