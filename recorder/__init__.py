"""The engine on the box: records EEG and audio against one clock and seals them.

It runs with no screen and holds no code that decrypts a recording.
"""

__version__ = "0.1.0"
