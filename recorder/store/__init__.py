"""Sessions on the box's disk: parts, journal, erase, and the scan after a crash."""
