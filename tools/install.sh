#!/bin/sh
# Installs dashcamd as a service on a Raspberry Pi or any Debian:  sudo sh tools/install.sh
#
# Copies the package next to its launcher, so that neither pip nor a network is needed; what it
# imports comes from Debian. $DESTDIR installs into another root and starts nothing; $PYTHON names
# another interpreter. tools/uninstall.sh takes back exactly what this puts down.
set -eu
DESTDIR=${DESTDIR-} PYTHON=${PYTHON-/usr/bin/python3}
SOURCE=$(cd "$(dirname "$0")/.." && pwd)
LIB=$DESTDIR/usr/local/lib/dashcamd
UNITS=$DESTDIR/etc/systemd/system

fail() { echo "install: $*" >&2; exit 1; }

[ -n "$DESTDIR" ] || [ "$(id -u)" = 0 ] || fail "needs root: sudo sh tools/install.sh"
missing=$("$PYTHON" - <<'END'
import importlib.util, sys
wanted = ["numpy", "pyudev", "psutil"] + (["tomli"] if sys.version_info < (3, 11) else [])
print(" ".join("python3-" + name for name in wanted if importlib.util.find_spec(name) is None))
END
) || fail "$PYTHON does not run; install python3 or set PYTHON"
[ -z "$missing" ] || fail "$PYTHON lacks modules: sudo apt install $missing"
[ -n "$DESTDIR" ] || command -v fsck.exfat >/dev/null ||
    echo "install: sticks are checked when exfatprogs and dosfstools are installed" >&2

"$PYTHON" -c 'import tornado' 2>/dev/null ||
    echo "install: the page for a phone needs: sudo apt install python3-tornado" >&2

# Put together beside the old one and swapped: a cut in the middle must leave one that runs.
NEW=$LIB.new
rm -rf "$NEW" "$LIB.old"
install -d "$NEW" "$UNITS" "$DESTDIR/usr/local/bin" "$DESTDIR/etc/dashcamd" \
    "$DESTDIR/etc/udev/rules.d" "$DESTDIR/etc/sysusers.d" "$DESTDIR/etc/tmpfiles.d"
cp -R "$SOURCE/dashcamd" "$NEW/dashcamd"
find "$NEW" -name __pycache__ -type d -prune -exec rm -rf {} +
# Compiled now: the service may not write there, and starts a second sooner on a Pi Zero.
"$PYTHON" -m compileall -q -s "$NEW" -p /usr/local/lib/dashcamd "$NEW/dashcamd"
install -m 0755 "$SOURCE/systemd/dashcamd-mount" "$NEW/dashcamd-mount"
sync
[ ! -e "$LIB" ] || mv "$LIB" "$LIB.old"
mv "$NEW" "$LIB"
rm -rf "$LIB.old"
cat > "$DESTDIR/usr/local/bin/dashcamd" <<END
#!$PYTHON
import sys

sys.path.insert(0, "/usr/local/lib/dashcamd")
from dashcamd.cli.main import main

sys.exit(main())
END
chmod 0755 "$DESTDIR/usr/local/bin/dashcamd"
for unit in dashcamd.service dashcamd-mount@.service dashcamd-eject.path dashcamd-eject.service; do
    install -m 0644 "$SOURCE/systemd/$unit" "$UNITS/$unit"
done
install -m 0644 "$SOURCE/config/90-dashcamd.rules" "$DESTDIR/etc/udev/rules.d/90-dashcamd.rules"
install -m 0644 "$SOURCE/config/dashcamd.sysusers" "$DESTDIR/etc/sysusers.d/dashcamd.conf"
install -m 0644 "$SOURCE/config/dashcamd.tmpfiles" "$DESTDIR/etc/tmpfiles.d/dashcamd.conf"
[ -e "$DESTDIR/etc/dashcamd/dashcamd.toml" ] ||
    install -m 0644 "$SOURCE/config/dashcamd.toml" "$DESTDIR/etc/dashcamd/dashcamd.toml"

[ -z "$DESTDIR" ] || exit 0
systemd-sysusers dashcamd.conf
systemd-tmpfiles --create dashcamd.conf
systemctl daemon-reload
udevadm control --reload
udevadm trigger --subsystem-match=block --action=change
systemctl enable --now dashcamd-eject.path
systemctl enable dashcamd.service
systemctl restart dashcamd.service
echo "dashcamd runs; see: dashcamd status, journalctl -u dashcamd -f, dashcamd check"
