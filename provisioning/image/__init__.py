"""The box's system image: Debian packages, Fieldrec on top, an initramfs of our own."""
