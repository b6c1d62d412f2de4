"""Bytes on disk, pure: standards only, no devices, files, sockets or threads."""
