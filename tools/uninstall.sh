#!/bin/sh
# Takes back what tools/install.sh put down; recordings and settings stay:
#   sudo sh tools/uninstall.sh
# --purge also removes /etc/dashcamd, what the service remembers, and the user.
set -eu
[ "$(id -u)" = 0 ] || { echo "uninstall: needs root: sudo sh tools/uninstall.sh" >&2; exit 1; }
systemctl disable --now dashcamd.service dashcamd-eject.path 2>/dev/null || true
systemctl stop 'dashcamd-mount@*.service' 2>/dev/null || true
rm -f /etc/systemd/system/dashcamd.service /etc/systemd/system/dashcamd-mount@.service \
    /etc/systemd/system/dashcamd-eject.path /etc/systemd/system/dashcamd-eject.service \
    /etc/udev/rules.d/90-dashcamd.rules /etc/sysusers.d/dashcamd.conf \
    /etc/tmpfiles.d/dashcamd.conf /usr/local/bin/dashcamd
rm -rf /usr/local/lib/dashcamd
systemctl daemon-reload
udevadm control --reload
[ -z "$(ls -A /run/dashcamd/volumes 2>/dev/null)" ] && rm -rf /run/dashcamd
if [ "${1-}" = --purge ]; then
    rm -rf /etc/dashcamd /var/lib/dashcamd
    deluser --quiet dashcamd 2>/dev/null || userdel dashcamd 2>/dev/null || true
fi
echo "dashcamd is uninstalled; recordings stay on the sticks"
