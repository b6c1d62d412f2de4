#!/bin/sh
# Make the Unix user and the folders of boxes on this intake server. Run as root:
#   add-device                 every box the fleet knows
#   add-device box-0007y       this one
# Doing it again changes nothing. Written by `fieldrec-lab server`.
set -eu
umask 022
root='@ROOT@'
owner='@OWNER@'  # runs the mover, owns the intake; whoever pulls joins its group

if [ "$(id -u)" -ne 0 ]; then
    echo "add-device: run it as root" >&2
    exit 1
fi

getent group "$owner" >/dev/null || groupadd --system "$owner"
getent passwd "$owner" >/dev/null || useradd --system --gid "$owner" \
    --no-create-home --home-dir "$root" --shell /usr/sbin/nologin "$owner"

# sshd locks a box into a folder only if root alone can change the folders above it.
chown root:root "$root" "$root/boxes" "$root/principals" "$root"/principals/* \
    "$root/sshd_config" "$root/host_key" "$root/host_key.pub" "$root/user_ca.pub" \
    "$root/krl"
chmod 0755 "$root" "$root/boxes" "$root/principals"
chmod 0600 "$root/host_key"
install -d -o "$owner" -g "$owner" -m 2750 "$root/intake"
install -d -o "$owner" -g "$owner" -m 0700 "$root/staging"

if [ "$#" -eq 0 ]; then
    for known in "$root"/principals/box-*; do
        set -- "$@" "${known##*/}"
    done
fi
for device in "$@"; do
    user=$(printf '%s' "$device" | tr '[:upper:]' '[:lower:]')
    case "$user" in
        *[!a-z0-9-]*) known=no ;;
        box-*) known=yes ;;
        *) known=no ;;
    esac
    if [ "$known" = no ] || [ ! -f "$root/principals/$user" ]; then
        echo "add-device: $device is no box of this fleet; see $root/principals" >&2
        exit 1
    fi
    # No password ('*', which sshd does not take for a locked account), no shell, no home,
    # and in no group that anything here belongs to.
    getent passwd "$user" >/dev/null || useradd --gid nogroup --password '*' \
        --no-create-home --home-dir / --shell /usr/sbin/nologin "$user"
    folder="$root/boxes/$user"
    install -d -o root -g root -m 0755 "$folder"
    # The box: write and search, no list. The mover's group: everything.
    install -d -o "$user" -g "$owner" -m 2370 "$folder/up"
    # The box: open by exact name. The lab's group: write.
    install -d -o "$owner" -g "$owner" -m 2771 "$folder/receipts"
    echo "$user is ready"
done
