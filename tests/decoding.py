"""A fixture that decodes, for the folders that import it in their conftest."""

from __future__ import annotations

import io
from typing import List

import pytest

from dashcamd.testing import number_in


@pytest.fixture
def decoded_numbers():
    """Numbers of the pictures that FFmpeg decodes from the bytes of a file, in order."""
    av = pytest.importorskip("av", reason="PyAV (extra 'media') decodes the files")

    def decode(data: bytes) -> List[int]:
        with av.open(io.BytesIO(data)) as container:
            return [number_in(picture.to_ndarray()) for picture in container.decode(video=0)]

    return decode
