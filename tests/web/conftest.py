from __future__ import annotations

from tests.decoding import decoded_numbers

__all__ = ["decoded_numbers"]
