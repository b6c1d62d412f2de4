"""Read a file somebody brings, whatever of the five forms it has, within limits."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Final

from lab.transcripts.cues import check_cues
from lab.transcripts.speaker_text import read_speaker_text
from lab.transcripts.subtitles import read_subrip, read_webvtt
from lab.transcripts.textgrid import read_textgrid
from lab.transcripts.whisper_json import read_whisper_json
from recorder.errors import TranscriptError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from lab.transcripts.cues import Cue

MAX_FILE_BYTES: Final = 20 << 20  # an hour of speech with word times is about 2 MiB
READERS: Final[Mapping[str, Callable[[str, str], list[Cue]]]] = {
    ".vtt": read_webvtt,
    ".srt": read_subrip,
    ".json": read_whisper_json,
    ".textgrid": read_textgrid,
    ".txt": read_speaker_text,
}


def read_file(path: Path) -> bytes:
    """Return what ``path`` holds; TranscriptError for what no transcript can be."""
    if path.suffix.lower() not in READERS:
        raise TranscriptError(
            f"{path.name} is of no known kind",
            hint=f"known are {', '.join(READERS)}",
        )
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise TranscriptError(f"{path} can't be read: {error.strerror}") from error
    if len(content) > MAX_FILE_BYTES:
        raise TranscriptError(
            f"{path.name} has {path.stat().st_size} bytes, the limit is {MAX_FILE_BYTES}",
            hint="name the transcript of one session",
        )
    return content


def parse_file(content: bytes, path: Path) -> tuple[Cue, ...]:
    """Return the cues in a file's content; TranscriptError says what is wrong with it."""
    text = _text(content, path.name)
    if not text.strip():
        raise TranscriptError(f"{path.name} is empty")
    return check_cues(READERS[path.suffix.lower()](text, path.name), path.name)


def _text(content: bytes, name: str) -> str:
    # Praat writes UTF-16 where a label is not ASCII.
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        raise TranscriptError(
            f"{name} is not UTF-8", hint="save it as UTF-8 text"
        ) from None
