"""Messages between recorder and board's process survive any cut of the stream."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.eeg.messages import Ended, FrameReader, Refused, Rows, Started, Task, to_frame

messages = st.one_of(
    st.builds(Started, st.text()),
    st.builds(Refused, st.integers(0, 99), st.text()),
    st.builds(Ended, st.text()),
    st.builds(
        Rows,
        polled_ns=st.integers(0, 2**62),
        host_ns=st.integers(0, 2**62),
        wall_ns=st.integers(0, 2**62),
        counter=st.binary(max_size=200),
        stamp_s=st.binary(max_size=200),
        samples_uv=st.binary(max_size=70_000),
        battery_percent=st.none() | st.floats(0, 100),
    ),
)


@settings(deadline=None)  # a busy machine is no fault
@given(sent=st.lists(messages, max_size=5), cuts=st.lists(st.integers(0, 5000), max_size=9))
def test_whatever_is_sent_arrives_however_it_is_cut(
    sent: list[Started | Refused | Ended | Rows], cuts: list[int]
) -> None:
    stream = b"".join(map(to_frame, sent))
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    reader = FrameReader()
    received = []
    for begin, end in pairwise(edges):
        received += reader.feed(stream[begin:end])
    assert received == sent


def test_an_address_is_whatever_leads_to_the_headset() -> None:
    assert Task("CYTON_BOARD", serial_port="/dev/ttyUSB0").address == "/dev/ttyUSB0"
    assert Task("MUSE_2_BOARD", mac_address="A").address == "A"
    assert Task("UNICORN_BOARD", serial_number="UN-1").address == "UN-1"
    assert Task("CYTON_BOARD", file="a.csv").address == "a.csv"
    assert not Task("SYNTHETIC_BOARD").address
