"""The label of a box: 62 x 29 mm, its id in large letters and as a QR code. No secret.

The code holds the id and the fingerprint of the box's public key, so that somebody at the
phone and somebody at the registry speak of the same box.
"""

from __future__ import annotations

import base64
import hashlib
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recorder.errors import SetupError

if TYPE_CHECKING:
    from PIL.Image import Image

    from provisioning.registry import Device

WIDTH_MM, HEIGHT_MM = 62, 29
DPI = 300
_MM_PER_INCH = 25.4
_SHOWN_HEX = 16
_SMALLEST = 20
_MARGIN = 12


@dataclass(frozen=True, slots=True)
class Label:
    """A label in both forms, ready to be written to files."""

    pdf: bytes
    png: bytes


def payload(device: Device) -> str:
    """Return what the QR code of ``device`` says."""
    blob = base64.b64decode(device.public_key.split()[1])
    return f"FIELDREC1:{device.id}:{hashlib.sha256(blob).hexdigest()[:_SHOWN_HEX]}"


def make_label(device: Device) -> Label:
    """Draw the label of ``device``."""
    try:
        picture = _draw(device)
    except ImportError as error:
        raise SetupError(
            f"labels need the package {error.name}", hint="scripts/setup installs it"
        ) from error
    png, pdf = io.BytesIO(), io.BytesIO()
    picture.save(png, "PNG", dpi=(DPI, DPI))
    picture.save(pdf, "PDF", resolution=DPI, title=device.id, producer="", creator="")
    return Label(pdf=pdf.getvalue(), png=png.getvalue())


def _draw(device: Device) -> Image:
    import segno  # noqa: PLC0415 - the box itself draws no labels
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 - likewise

    width, height = (round(mm / _MM_PER_INCH * DPI) for mm in (WIDTH_MM, HEIGHT_MM))
    picture = Image.new("1", (width, height), 1)
    code = segno.make(payload(device), error="m", micro=False)
    rows = [list(row) for row in code.matrix_iter(border=2)]
    scale = height // len(rows)
    draw = ImageDraw.Draw(picture)
    top = (height - scale * len(rows)) // 2
    for y, row in enumerate(rows):
        for x, is_dark in enumerate(row):
            if is_dark:
                at = (x * scale, top + y * scale)
                draw.rectangle((*at, at[0] + scale - 1, at[1] + scale - 1), fill=0)
    left = scale * len(rows)
    size = _fitting_size(device.id, width - left - _MARGIN)
    name, small = ImageFont.load_default(size), ImageFont.load_default(40)
    draw.text((left, height * 0.30), device.id, fill=0, font=name)
    draw.text((left, height * 0.62), "Fieldrec", fill=0, font=small)
    return picture


def _fitting_size(text: str, room: int) -> float:
    """Return the size of the largest type in which ``text`` fits into ``room`` pixels."""
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 - see _draw

    measure = ImageDraw.Draw(Image.new("1", (1, 1)))
    size = 90.0
    while size > _SMALLEST:
        if measure.textlength(text, font=ImageFont.load_default(size)) < room:
            break
        size -= 2
    return size
