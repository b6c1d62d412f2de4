"""What the recorder and its screens say to each other: one JSON object a line, UTF-8.

A client sends `Request`s and gets an `Answer` with the same ``id`` to each, in any order.
After `Subscribe` it also gets a `News` at least twice a second, and at once when the
phase or an alarm changes. A client that reads too slowly misses news, never answers.

Moments are host time in nanoseconds (CLOCK_MONOTONIC_RAW, the same for every process of
the box); ``*_s`` are lengths. ``docs/protocol.md`` tells it with examples.
"""
