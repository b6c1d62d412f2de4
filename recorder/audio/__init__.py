"""Microphones: real ones through ALSA, files and a simulated one."""
