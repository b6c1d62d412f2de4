"""Parse XML as a box writes it: small, UTF-8, without declarations that cost memory."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Final

from recorder.errors import FormatError

# The header of 64 channels has 15 kB.
MAX_XML_BYTES: Final = 1 << 20
_ENCODING = re.compile(r"""<\?xml[^>]*\sencoding\s*=\s*["']([^"']*)""")


def parse_xml(content: bytes) -> ET.Element:
    """Return the root element; FormatError for whatever no box writes.

    Entities, document types, comments and other encodings are refused before the parser
    sees them: a few bytes of them can cost all memory.
    """
    if len(content) > MAX_XML_BYTES:
        raise FormatError(f"XML of {len(content)} bytes, the limit is {MAX_XML_BYTES}")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise FormatError("XML that is not UTF-8") from None
    if "<!" in text:
        raise FormatError("XML with a document type, entities or comments")
    declared = _ENCODING.search(text)
    if declared and declared[1].upper() != "UTF-8":
        raise FormatError("XML that declares another encoding than UTF-8")
    try:
        return ET.fromstring(text)  # noqa: S314 - "<!" is refused just above
    except (ET.ParseError, ValueError):
        raise FormatError("XML that is not well-formed") from None
