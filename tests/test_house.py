"""The rules of the house, held by reading the code: floors, sizes, excepts, imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "dashcamd"
TEXTS = {p.relative_to(PACKAGE).as_posix(): p.read_text() for p in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(text) for name, text in TEXTS.items()}

FLOORS = {
    "__init__": 0, "types": 0, "errors": 0, "clock": 0, "config": 0, "config_schema": 0,
    "config_file": 0, "config_layers": 0, "config_read": 0, "config_text": 0, "extras": 0,
    "core": 1,
    "handover": 2,
    "cameras": 3, "storage": 3, "health": 3, "control": 3, "web": 3, "hardware": 3, "notify": 3,
    "handmade": 3, "state": 3, "script": 3, "testing": 3,
    "services": 4,
    "cli": 5, "app": 5, "world": 5, "__main__": 5,
}  # fmt: skip

HOME_OF = {
    "av": {"cameras/pyav.py"},
    "PIL": {"cameras/lores.py"},
    "simplejpeg": {"cameras/lores.py"},
    "picamera": {"cameras/picamera_outputs.py"},
    "picamera2": {"cameras/picamera2_library.py"},
    "libcamera": {"cameras/picamera2_library.py"},
    "matplotlib": {"cli/plots.py"},
}
"""Where an optional library may be imported by name; ``web/`` alone is tornado's."""


def imports(tree):
    """Every module that is imported anywhere in the file, in full."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "dashcamd":
            yield from ("dashcamd." + alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield node.module


def room(name):
    return name.split("/")[0].replace(".py", "")


def floor_of_import(module):
    parts = module.split(".")
    return FLOORS.get(parts[1], 0) if len(parts) > 1 else 0


def nodes(kind):
    return (
        (name, n) for name, tree in TREES.items() for n in ast.walk(tree) if isinstance(n, kind)
    )


def calls():
    """Name of the module and of each function that it calls by its bare name."""
    called = ((name, node.func) for name, node in nodes(ast.Call))
    return [(name, function.id) for name, function in called if isinstance(function, ast.Name)]


def test_imports_point_down():
    above = [
        (name, module)
        for name, tree in TREES.items()
        for module in imports(tree)
        if module.split(".")[0] == "dashcamd" and floor_of_import(module) > FLOORS[room(name)]
    ]
    assert not above


def test_nothing_but_tests_imports_the_fakes():
    assert not [name for name, tree in TREES.items() if "dashcamd.testing" in imports(tree)]


def test_files_and_functions_are_small():
    long_files = {name: lines for name in TREES if (lines := len(TEXTS[name].splitlines())) > 500}
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    long_functions = [
        (name, node.name, node.end_lineno - node.lineno + 1)
        for name, node in nodes(functions)
        if node.end_lineno - node.lineno >= 60
    ]
    assert not long_files, "two rooms in one?"
    assert not long_functions


def is_broad(handler):
    caught = [] if handler.type is None else list(ast.walk(handler.type))
    names = {node.id for node in caught if isinstance(node, ast.Name)}
    return handler.type is None or bool(names & {"Exception", "BaseException"})


def passes_on(handler):
    return isinstance(handler.body[-1], ast.Raise) and handler.body[-1].exc is None


def is_explained(name, handler):
    """A camera's callback may, with the reason beside it: its library would hide the error."""
    line = TEXTS[name].splitlines()[handler.lineno - 1]
    return name.startswith("cameras/") and "noqa: BLE001 - " in line


def test_only_services_catch_everything():
    assert not [
        "%s:%d" % (name, handler.lineno)
        for name, handler in nodes(ast.ExceptHandler)
        if is_broad(handler)
        and not passes_on(handler)
        and not name.startswith("services/")
        and not is_explained(name, handler)
    ]


def test_the_core_knows_no_thread_file_clock_or_log():
    banned = {"threading", "time", "os", "logging", "io", "pathlib", "socket", "subprocess"}
    core = {name: tree for name, tree in TREES.items() if name.startswith("core/")}
    assert core
    assert not [
        (n, m) for n, tree in core.items() for m in imports(tree) if m.split(".")[0] in banned
    ]
    assert not [name for name, called in calls() if called == "open" and name in core]


def test_only_commands_print():
    assert not [name for name, called in calls() if called == "print" and room(name) != "cli"]


def test_optional_libraries_stay_where_they_belong():
    used = [(name, m.split(".")[0]) for name, tree in TREES.items() for m in imports(tree)]
    assert not [(name, module) for name, module in used if name not in HOME_OF.get(module, {name})]
    assert not [name for name, module in used if module == "tornado" and room(name) != "web"]


def test_the_daemon_loads_nothing_that_only_others_need():
    optional = sorted([*HOME_OF, "tornado", "asyncio", "ssl"])
    code = "import sys, dashcamd.app; print([m for m in %r if m in sys.modules])" % optional
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
