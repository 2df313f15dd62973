"""Whether a picture can be decoded."""

import os
from collections.abc import Callable, Iterable
from functools import partial
from io import BufferedReader

from PIL import Image, UnidentifiedImageError

_MOST_PIXELS = 100_000_000  # a decoder needs some bytes of memory for each


def decoder(extensions: Iterable[str]) -> Callable[[int], str | None]:
    """Given the extensions that pictures may have, return a check of an open file.

    The check is given a descriptor and returns why the picture cannot be decoded, None if it can. Only the
    formats of the given extensions are tried, whichever of them the file's own name has. Another process can be
    given the check.
    """
    known = Image.registered_extensions()
    formats = tuple(sorted({known[f".{extension}"] for extension in extensions if f".{extension}" in known}))
    return partial(_reason, formats)


def _reason(formats: tuple[str, ...], descriptor: int) -> str | None:
    Image.MAX_IMAGE_PIXELS = None  # Pillow warns by way of a filter that threads share; the check is below
    try:
        with os.fdopen(os.dup(descriptor), "rb") as file:
            return _defect(file, formats)
    except UnidentifiedImageError:  # whose text names our file object
        return f"is no picture of a known format ({', '.join(formats)})"
    except Exception as error:  # noqa: BLE001  decoders raise anything on hostile input
        return f"cannot be decoded: {error}"


def _defect(file: BufferedReader, formats: tuple[str, ...]) -> str | None:
    """Return what is wrong with a picture, None if it is whole; the decoders raise what they find.

    ``verify`` passes a truncated JPEG and ``load`` a cut PNG, so both are asked.
    """
    file.seek(0)
    with Image.open(file, formats=formats) as image:
        if image.width * image.height > _MOST_PIXELS:
            return f"has too many pixels: {image.width} × {image.height}"
        image.verify()
    file.seek(0)
    with Image.open(file, formats=formats) as image:
        image.load()
    return None
