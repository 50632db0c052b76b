"""The family of errors, sorted by what the program does next.

Each is also the builtin it resembles, so that code which knows nothing of dashcamd can still
catch it sensibly.
"""

from __future__ import annotations


class DashcamError(Exception):
    """Root of all errors that dashcamd raises on purpose; its text is one line for people."""


class ConfigError(DashcamError, ValueError):
    """A setting or an argument is wrong: say where, what is allowed, and exit with 2."""


class CameraError(DashcamError, RuntimeError):
    """The camera cannot be opened or no longer delivers: close the part, reopen with back-off."""


class DeadCameraError(CameraError):
    """The camera's library hangs and cannot even be closed.

    Close the part, then end the process with a non-zero status by `os._exit`, for systemd to start
    it again: an ordinary exit would wait for the library for ever.
    """


class EndOfStream(CameraError):  # noqa: N818 - an end is not an error to its reader
    """A file that plays the camera has come to its end."""


class StorageError(DashcamError, OSError):
    """The volume failed: close the part, keep frames in the ring, fail over."""


class MediaError(DashcamError, ValueError):
    """A file is not what it should be (not an MP4, no video, damaged beyond recovery)."""


class ProtocolError(DashcamError, ValueError):
    """A client spoke nonsense: drop the client."""


class OperationError(DashcamError, RuntimeError):
    """What was asked for cannot be done now (no daemon running, no such event): exit with 1."""
