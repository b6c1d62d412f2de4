# Which of the two systems on the card to start. Sourced by init; runs in busybox's shell.
#
# Two copies of a record of 512 bytes lie before the first partition, at SLOT_OFFSETS (KiB) of the disk. A record is one
# line: name and version, sequence, the good slot, the slot on trial or "-", tries left, and the beginning of the SHA-256
# of all before it. The newest whole copy counts; the other one is overwritten. provisioning/slots.py does the same.

SLOT_OFFSETS='1024 2048'
SLOT_NAME=fieldrec-slot-1

slot_sum() { printf '%s' "$1" | sha256sum | cut -c1-16; }

# slot_read DISK: sets slot_seq, slot_good, slot_trying, slot_tries, slot_older (offset of the copy to overwrite).
slot_read() {
  slot_seq=0 slot_good=a slot_trying=- slot_tries=0 slot_older=
  for offset in $SLOT_OFFSETS; do
    line=$(dd if="$1" bs=1024 skip="$offset" count=1 2>/dev/null | head -n 1 | tr -d '\000')
    body=${line% *}
    sum=${line##* }
    set -- "$1" $body
    if [ "$#" = 6 ] && [ "$2" = "$SLOT_NAME" ] && [ "$sum" = "$(slot_sum "$body")" ] && [ "$3" -ge "$slot_seq" ]; then
      [ "$slot_seq" = 0 ] || slot_older=$slot_newest
      slot_seq=$3 slot_good=$4 slot_trying=$5 slot_tries=$6 slot_newest=$offset
    else
      slot_older=$offset
    fi
    set -- "$1"
  done
}

# slot_write DISK: makes what slot_good, slot_trying, slot_tries say the newest record.
slot_write() {
  slot_seq=$((slot_seq + 1))
  body="$SLOT_NAME $slot_seq $slot_good $slot_trying $slot_tries"
  { printf '%s %s\n' "$body" "$(slot_sum "$body")"; dd if=/dev/zero bs=512 count=1 2>/dev/null; } |
    dd bs=512 count=1 iflag=fullblock 2>/dev/null |
    dd of="$1" bs=512 seek=$((slot_older * 2)) count=1 conv=notrunc,fsync 2>/dev/null
}

# slot_choose DISK: spends a try where a slot is on trial; sets slot_first and slot_second, in which order to try to mount.
slot_choose() {
  slot_read "$1"
  slot_first=$slot_good
  if [ "$slot_trying" != - ]; then
    if [ "$slot_tries" -gt 0 ]; then
      slot_tries=$((slot_tries - 1))
      slot_first=$slot_trying
    else
      slot_trying=-
    fi
    slot_write "$1"
  fi
  if [ "$slot_first" = a ]; then slot_second=b; else slot_second=a; fi
}
