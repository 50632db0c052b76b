"""Python functions where ctypes looks for libbcm_host.so and libmmal.so."""

from __future__ import annotations

import ctypes
import importlib
import warnings
from typing import Any, Callable, Dict, Optional

FUNCTIONS: Dict[str, Callable[..., Any]] = {}
OK, ENOMEM, ENOSPC, EINVAL, ENOSYS = range(5)
"""``MMAL_STATUS_T``; picamera.mmal has the same numbers, but only once it is loaded."""


def exported(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make `function` the library's function of that name."""
    FUNCTIONS[function.__name__] = function
    return function


class CFunction:
    """One symbol of a library: picamera declares its types, then calls it.

    Arguments pass the check that real ctypes makes at the boundary; a function that is not
    emulated raises when it is called, not when it is looked up.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.argtypes: Optional[list] = None
        self.restype: Any = ctypes.c_int

    def __call__(self, *given: Any) -> Any:
        for place, (value, declared) in enumerate(zip(given, self.argtypes or ()), 1):
            try:
                declared.from_param(value)
            except (TypeError, ctypes.ArgumentError) as error:
                raise ctypes.ArgumentError(
                    "%s argument %d: %s" % (self.name, place, error)
                ) from None
        if self.name not in FUNCTIONS:
            raise NotImplementedError("the emulated VideoCore has no %s" % self.name)
        return FUNCTIONS[self.name](*given)


class SharedLibrary:
    """What ``ctypes.CDLL`` answers: every symbol exists."""

    def __getattr__(self, name: str) -> CFunction:
        if name.startswith("__"):
            raise AttributeError(name)
        found = CFunction(name)
        setattr(self, name, found)
        return found


def load() -> None:
    """Import picamera onto the emulated libraries. Raises ImportError when it is not installed."""
    real = ctypes.CDLL
    emulated = {"libbcm_host.so": SharedLibrary(), "libmmal.so": SharedLibrary()}

    def cdll(name: Any, *given: Any, **named: Any) -> Any:
        return emulated[name] if name in emulated else real(name, *given, **named)

    ctypes.CDLL = cdll  # type: ignore[assignment, misc]
    try:
        with warnings.catch_warnings():
            # 1.13 is from 2017: it imports pkg_resources and has unescaped docstrings.
            warnings.simplefilter("ignore")
            importlib.import_module("picamera.array")
    finally:
        ctypes.CDLL = real  # type: ignore[misc]


@exported
def bcm_host_init() -> None:
    """Nothing to start."""


@exported
def graphics_get_display_size(number: Any, width: Any, height: Any) -> int:
    """No display is connected."""
    return -1
