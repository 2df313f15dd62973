"""Pictures that decode, and the beginning of one that nobody should decode."""

import struct
from io import BytesIO
from random import Random
from zlib import crc32

from PIL import Image

_SIDE = 24  # pixels
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def picture(image_format: str, mode: str = "RGB") -> bytes:
    """Return a small picture of noise, which does not compress, in one of Pillow's formats and modes."""
    noise = Random(1).randbytes(_SIDE * _SIDE * len(mode))
    content = BytesIO()
    Image.frombytes(mode, (_SIDE, _SIDE), noise).save(content, image_format)
    return content.getvalue()


def png_of(width: int, height: int) -> bytes:
    """Return a PNG that says it has this size, in a few bytes."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", b"") + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc32(kind + data))
