"""Build a Debian system in a folder once, and run commands in it with this tree mounted.

Raspberry Pi OS 11 and 13 are Debian 11 and 13 with a camera; their Python, numpy and camera
libraries are what users have, so the tests of the camera back-ends run inside them. A root is
built by mmdebstrap into a cache outside the tree, under the hash of its recipe, and used again as
long as the recipe stays as it is. Commands run in a mount namespace of their own: the root and the
tree are read-only there, ``/tmp`` and ``/run`` are fresh, and nothing stays mounted afterwards.

Standard library only, so that it runs on any Python 3.9 or newer without an environment. Exit code
77 means "skipped", with the reason in one sentence on stderr.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

TREE = Path(__file__).resolve().parents[2]
SKIPPED = 77
"""The exit code by which automake and meson know a skipped test."""
MIRROR_VARIABLE = "DASHCAMD_DEBIAN_MIRROR"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
PASSED_ON = re.compile(
    r"^(https?_proxy|no_proxy|PIP_(INDEX_URL|DEFAULT_TIMEOUT|TRUSTED_HOST))$", re.I
)
"""The environment a build needs to reach a package index; nothing else of the host's leaks in."""


class CannotBuildHere(Exception):  # noqa: N818 - a reason to skip, not an error
    """This machine cannot build a root; the text is one sentence that says why."""


@dataclass(frozen=True)
class Recipe:
    """All that decides what is in a root; a change of any of it builds a new one.

    `packages` from `suite` and `more_suites` of the Debian mirror (``name/suite`` picks a suite);
    `setup` are shell commands run inside afterwards, with network.
    """

    name: str
    suite: str
    packages: Tuple[str, ...]
    setup: Tuple[str, ...] = ()
    more_suites: Tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Name of the root's folder in the cache."""
        return "%s-%s" % (self.name, hashlib.sha256(repr(self).encode()).hexdigest()[:12])


def cache() -> Path:
    """Where roots are kept: ``$XDG_CACHE_HOME/dashcamd-roots``, outside every tree."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "dashcamd-roots"


def mirror() -> str:
    """The Debian mirror of this machine's own apt, or of the environment."""
    named = os.environ.get(MIRROR_VARIABLE)
    if named:
        return named.rstrip("/")
    asked = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    for uri in asked.stdout.split():
        if uri.rstrip("/").endswith("/debian"):
            return uri.rstrip("/")
    raise CannotBuildHere(
        "apt on this machine knows no Debian mirror; name one in $%s" % MIRROR_VARIABLE
    )


def check_machine(recipe: Recipe) -> str:
    """The mirror to build from. Raises `CannotBuildHere`."""
    if os.geteuid() != 0:
        raise CannotBuildHere("building a Debian root needs root rights (mounts and chroot)")
    for tool in ("apt-get", "mmdebstrap", "unshare", "chroot"):
        if not shutil.which(tool):
            raise CannotBuildHere("%s is not installed (apt install mmdebstrap)" % tool)
    if not KEYRING.exists():
        raise CannotBuildHere("%s is missing (apt install debian-archive-keyring)" % KEYRING)
    found = mirror()
    try:
        urllib.request.urlopen("%s/dists/%s/InRelease" % (found, recipe.suite), timeout=20).close()
    except (urllib.error.URLError, OSError) as error:
        raise CannotBuildHere(
            "Debian's %s cannot be fetched from this machine's mirror: %s" % (recipe.suite, error)
        ) from None
    return found


def ensure(recipe: Recipe) -> Path:
    """The folder of the root, built if it is not in the cache yet. Raises `CannotBuildHere`."""
    root = cache() / recipe.key
    if os.geteuid() != 0:
        raise CannotBuildHere("running in a Debian root needs root rights (mounts and chroot)")
    root.parent.mkdir(parents=True, exist_ok=True)
    with _locked(cache() / (recipe.name + ".lock")):
        if not root.exists():
            _build(recipe, root, check_machine(recipe))
            _forget_older(recipe, root)
    return root


def run(
    root: Path,
    command: Sequence[str],
    env: Optional[Mapping[str, str]] = None,
    binds: Sequence[Tuple[Path, str]] = (),
) -> int:
    """Run `command` in `root` with the tree read-only at ``/src``; returns its exit code.

    `binds` are further folders of the host, mounted writable at a path that exists in the root.
    """
    mounts = ["mount --bind {0} {0}".format(shlex.quote(str(root)))]
    mounts += _mount_lines(root, [(TREE, "src", "ro")] + [(a, b, "rw") for a, b in binds])
    mounts += ["mount -t tmpfs tmpfs %s" % _inside(root, at) for at in ("tmp", "run", "root")]
    mounts += ["mount -o remount,bind,ro %s" % shlex.quote(str(root))]
    return _in_namespace(root, mounts, ["sh", "-c", "cd /src && exec " + shlex.join(command)], env)


def main(recipe: Recipe, command: Sequence[str], env: Optional[Mapping[str, str]] = None) -> int:
    """Build, run, and say what happened: the whole of a ``make test-...`` target."""
    started = time.monotonic()
    try:
        root = ensure(recipe)
    except CannotBuildHere as reason:
        print("SKIPPED: %s: %s." % (recipe.name, reason), file=sys.stderr)
        return SKIPPED
    print(
        "%s: ready after %.0f s: %s" % (recipe.name, time.monotonic() - started, root), flush=True
    )
    return run(root, command, env)


def _build(recipe: Recipe, root: Path, found: str) -> None:
    """mmdebstrap, then the set-up commands, in a folder that gets its name when it is whole."""
    print("%s: building (once; some minutes)" % recipe.name, flush=True)
    unfinished = root.with_name(root.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    sources = ["deb %s %s main" % (found, suite) for suite in (recipe.suite, *recipe.more_suites)]
    subprocess.run(
        [
            "mmdebstrap",
            "--mode=root",
            "--variant=minbase",
            "--keyring=%s" % KEYRING,
            # A mirror that stands still is fine for tests.
            '--aptopt=Acquire::Check-Valid-Until "false"',
            "--dpkgopt=path-exclude=/usr/share/doc/*",
            "--dpkgopt=path-exclude=/usr/share/man/*",
            "--dpkgopt=path-exclude=/usr/share/locale/*",
            "--include=" + ",".join(recipe.packages),
            recipe.suite,
            str(unfinished),
            *sources,
        ],
        check=True,
    )
    (unfinished / "src").mkdir()
    for line in recipe.setup:
        code = _in_namespace(
            unfinished, _network_mounts(unfinished), ["sh", "-ec", line], _passed()
        )
        if code:
            raise subprocess.CalledProcessError(code, line)
    unfinished.rename(root)


def _network_mounts(root: Path) -> List[str]:
    """The host's resolver and certificates: behind a TLS proxy, trust what the host trusts."""
    pairs = [(Path("/etc/resolv.conf"), root / "etc/resolv.conf")]
    pairs.append((CERTIFICATES, root / str(CERTIFICATES).lstrip("/")))
    lines = []
    for here, there in pairs:
        if here.exists():
            there.parent.mkdir(parents=True, exist_ok=True)
            if there.is_symlink():
                there.unlink()
            there.touch()
            lines.append("mount --bind %s %s" % (here, shlex.quote(str(there))))
    return lines


def _passed() -> Dict[str, str]:
    passed = {name: value for name, value in os.environ.items() if PASSED_ON.match(name)}
    return dict(passed, PIP_CERT=str(CERTIFICATES), SSL_CERT_FILE=str(CERTIFICATES))


def _mount_lines(root: Path, binds: Sequence[Tuple[Path, str, str]]) -> List[str]:
    lines = []
    for here, there, mode in binds:
        at = _inside(root, there)
        lines.append("mount --bind %s %s" % (shlex.quote(str(here)), at))
        lines.append("mount -o remount,bind,%s %s" % (mode, at))
    return lines


def _inside(root: Path, path: str) -> str:
    return shlex.quote(str(root / path.lstrip("/")))


def _in_namespace(
    root: Path, mounts: Sequence[str], command: Sequence[str], env: Optional[Mapping[str, str]]
) -> int:
    """chroot into `root` in mount and process namespaces that end with the command."""
    lines = ["set -e", *mounts]
    lines += ["mount --rbind /%s %s" % (at, _inside(root, at)) for at in ("dev", "sys")]
    lines += ["mount -t proc proc %s" % _inside(root, "proc")]
    lines += ["exec chroot %s %s" % (shlex.quote(str(root)), shlex.join(command))]
    inside = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        **(env or {}),
    }
    done = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", "\n".join(lines)],
        env=inside,
    )
    return done.returncode


def _forget_older(recipe: Recipe, root: Path) -> None:
    """Delete roots of the same name built from an older recipe: each is hundreds of megabytes."""
    for other in root.parent.glob(recipe.name + "-*"):
        if other != root:
            shutil.rmtree(other, ignore_errors=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
