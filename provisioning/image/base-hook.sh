#!/bin/sh
# Run by mmdebstrap when all packages are configured: unpacks more packages into the tree and writes down what is in it.
# Usage: base-hook.sh TREE; in the environment FIELDREC_UNPACK (names), FIELDREC_NOTES (a folder for the lists).
set -eu
tree=$1
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for name in $FIELDREC_UNPACK; do
  case $name in
    linux-image-*) # the metapackage only names the newest kernel
      real=$(apt-cache depends "$name" | sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | tail -n 1)
      name=${real:?no kernel behind $name} ;;
  esac
  (cd "$work" && apt-get -o APT::Sandbox::User=root -qq download "$name")
  echo "$name" >>"$work/unpacked"
done
for deb in "$work"/*.deb; do
  dpkg-deb --fsys-tarfile "$deb" | tar -C "$tree" --keep-directory-symlink -xf - \
    --exclude='./usr/share/doc' --exclude='./usr/share/man' --exclude='./usr/share/bug' --exclude='./usr/share/lintian'
done

dpkg-query --admindir="$tree/var/lib/dpkg" -W -f '${Package} ${Version} ${Architecture}\n' >"$work/installed"
{
  awk '{print $1 "=" $2}' "$work/installed"
  cat "$work/unpacked"
} | xargs apt-cache show --no-all-versions >"$FIELDREC_NOTES/shown"
cp "$work/installed" "$work/unpacked" "$FIELDREC_NOTES/"
