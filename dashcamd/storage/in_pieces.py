"""Long work on a volume in pieces: a generator yields after each, and returns the result.

Whoever drives it may do something else in between, or at least say that it is alive. Closed before
its end it lets go of what it holds.
"""

from __future__ import annotations

from typing import Generator, TypeVar

T = TypeVar("T")

InPieces = Generator[None, None, T]


def at_once(work: InPieces[T]) -> T:
    """Do all of `work` now; its result. Raises what it raises."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
