"""What happens before the virtual camera: the scene, and the accidents.

Everything is a file in one folder, so that a test plays them to a daemon in another process just
as to a camera in its own. ``script`` and ``fps`` are read when the library is installed; the
accidents at any time.
"""

from __future__ import annotations

from pathlib import Path

ACCIDENTS = {
    "frozen": "the sensor delivers nothing any more, without a word",
    "disconnected": "requests are refused and the camera is no longer listed",
    "encoder-error": "the encoder raises",
    "encoder-silence": "the encoder swallows pictures",
    "busy": "another program holds the camera",
    "absent": "no camera is listed",
}


class Stage:
    """One folder of switches; both sides of a process border hold one."""

    def __init__(self, folder: Path, fps: float = 25.0, script: str = ".") -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "fps").exists():
            (folder / "fps").write_text(str(fps))
            (folder / "script").write_text(script)

    @property
    def fps(self) -> float:
        """Pictures a second of the sensor; 0 is as fast as the library takes them."""
        return float((self.folder / "fps").read_text())

    @property
    def script(self) -> str:
        """What moves, one character a second, as `dashcamd.cameras.scene.Script` reads it."""
        return (self.folder / "script").read_text()

    def begin(self, accident: str) -> None:
        """Let it happen from now on."""
        assert accident in ACCIDENTS
        (self.folder / accident).touch()

    def end(self, accident: str) -> None:
        """Let it be over."""
        (self.folder / accident).unlink()

    def has(self, accident: str) -> bool:
        """Whether it is happening."""
        return (self.folder / accident).exists()
