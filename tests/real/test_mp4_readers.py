"""Files of ours in players that share no code with us or with FFmpeg.

GStreamer's qtdemux (its own MP4 demuxer) and OpenH264 (Cisco's decoder), from Debian::

    apt-get install gstreamer1.0-tools gstreamer1.0-plugins-good gstreamer1.0-plugins-bad

and a real, full tmpfs (needs root).
"""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from dashcamd.errors import StorageError
from dashcamd.storage.disk import PosixDisk, open_anywhere
from dashcamd.storage.mp4_layout import faststart, frozen
from dashcamd.storage.mp4_reader import inspect
from dashcamd.storage.mp4_recovery import recover
from dashcamd.storage.mp4_writer import Mp4Writer
from dashcamd.testing import SIDE_PX, number_in, stream
from tests.storage.recordings import DONE, PART, gops, record

pytestmark = pytest.mark.real

ELEMENTS = ("qtdemux", "h264parse", "openh264dec")
INSTALL = "apt-get install gstreamer1.0-tools gstreamer1.0-plugins-good gstreamer1.0-plugins-bad"


@pytest.fixture(scope="module")
def gstreamer():
    """Decodes a file with GStreamer and OpenH264 and returns the numbers of its pictures."""
    if shutil.which("gst-launch-1.0") is None:
        pytest.skip("GStreamer is not installed: " + INSTALL)
    for element in ELEMENTS:
        if subprocess.run(["gst-inspect-1.0", "--exists", element]).returncode:
            pytest.skip("GStreamer has no %s: %s" % (element, INSTALL))

    def decode(path):
        pipeline = ["filesrc", "location=%s" % path]
        for element in ELEMENTS:
            pipeline += ["!", element]
        pipeline += ["!", "video/x-raw,format=I420", "!", "fdsink", "fd=1"]
        run = subprocess.run(["gst-launch-1.0", "-q", *pipeline], capture_output=True, timeout=50)
        assert run.returncode == 0, run.stderr.decode()
        size = SIDE_PX * SIDE_PX * 3 // 2
        assert len(run.stdout) % size == 0
        pictures = [run.stdout[at : at + size] for at in range(0, len(run.stdout), size)]
        return [
            number_in([picture[row : row + SIDE_PX] for row in range(0, SIDE_PX**2, SIDE_PX)])
            for picture in pictures
        ]

    return decode


@pytest.fixture
def disk(tmp_path):
    disk = PosixDisk(str(tmp_path))
    yield disk
    disk.close()


def test_gstreamer_decodes_every_frame_of_a_finished_file(gstreamer, disk, tmp_path):
    record(disk, stream("k" + "p" * 23 + "k" + "p" * 11, first_number=300))
    assert gstreamer(tmp_path / DONE) == list(range(300, 336))


def test_gstreamer_decodes_a_file_that_is_still_growing(gstreamer, disk, tmp_path):
    record(disk, stream("kppp" * 6), close=False)
    assert gstreamer(tmp_path / PART) == list(range(24))


@pytest.mark.parametrize("cut_bytes", [1, 300, 700, 1100, 2700])
def test_gstreamer_decodes_every_frame_of_a_recovered_file(gstreamer, disk, tmp_path, cut_bytes):
    record(disk, stream("kppp" * 6), close=False)
    os.truncate(tmp_path / PART, (tmp_path / PART).stat().st_size - cut_bytes)
    found = recover(disk, PART)
    assert 20 <= found.frames < 24
    assert gstreamer(tmp_path / PART) == list(range(found.frames))


def as_served(path, find):
    """What the page sends of the file: its index first."""
    file = open_anywhere(str(path))
    try:
        layout, data = find(file), b""
        while len(data) < layout.size:
            data += layout.read(file, len(data), 1000)
    finally:
        file.close()
    served = path.with_suffix(".served.mp4")
    served.write_bytes(data)
    path.unlink()
    return served


def test_gstreamer_decodes_every_frame_of_what_the_page_serves(gstreamer, disk, tmp_path):
    record(disk, stream("kppp" * 6), close=False)
    assert gstreamer(as_served(tmp_path / PART, frozen)) == list(range(24))
    record(disk, stream("kppp" * 6, first_number=300))
    assert gstreamer(as_served(tmp_path / DONE, faststart)) == list(range(300, 324))


def test_ffmpeg_decodes_the_same_from_what_the_page_serves(disk, tmp_path):
    if shutil.which("ffmpeg") is None:
        pytest.skip("needs ffmpeg: apt-get install ffmpeg")
    record(disk, stream("kppp" * 6), close=False)
    served = [as_served(tmp_path / PART, frozen)]
    record(disk, stream("kppp" * 6))
    wanted = frame_hashes(tmp_path / DONE)
    served.append(as_served(tmp_path / DONE, faststart))
    assert len(wanted) == 24
    assert [frame_hashes(path) for path in served] == [wanted, wanted]


def frame_hashes(path):
    """A hash of every decoded picture with its time; FFmpeg may not complain of anything."""
    run = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(path), "-f", "framemd5", "-"],
        capture_output=True, text=True, timeout=50, check=True,
    )  # fmt: skip
    assert run.stderr == ""
    return [line for line in run.stdout.splitlines() if not line.startswith("#")]


def test_a_real_full_volume_ends_the_part_cleanly(tmp_path, decoded_numbers):
    if os.geteuid() != 0:
        pytest.skip("mounting a tmpfs needs root")
    mount = tmp_path / "stick"
    mount.mkdir()
    made = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(mount)]
    if subprocess.run(made, capture_output=True).returncode:
        pytest.skip("this machine may not mount a tmpfs")
    try:
        written = fill(str(mount))
        info = inspect(str(mount / "a.mp4"))
        assert (info.status, info.is_finished, info.frames) == ("ok", True, written)
        assert decoded_numbers((mount / "a.mp4").read_bytes()) == list(range(written))
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def fill(root):
    """Record until the volume is full; returns the frames of whole fragments."""
    disk = PosixDisk(root)
    file = disk.create("a.mp4")
    writer = Mp4Writer(file)
    with pytest.raises(StorageError, match="the volume is full"):
        append_all(writer, file, gops(stream("kppp" * 40, pad_bytes=3000)))
    writer.close()
    file.close()
    disk.close()
    return writer.frames


def append_all(writer, file, parts):
    for part in parts:
        writer.append(part)
        file.sync()
