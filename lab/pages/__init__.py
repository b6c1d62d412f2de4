"""The lab's pages: one file each, in Russian and English, with nothing from outside."""
