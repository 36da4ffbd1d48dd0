"""Images of other libraries as arrays."""

from __future__ import annotations

from typing import Any

import numpy
from numpy.typing import NDArray

# Modes of PIL whose samples are used as they are; others are converted as image files are.
_PLAIN_MODES = ("L", "RGB", "I;16")
# EXIF tag that says how a photograph is to be turned.
_ORIENTATION = 0x0112


def as_array(image: Any) -> NDArray[Any]:
    """The pixels of a PIL image, or of an object that becomes an array (``__array__``)."""
    if type(image).__module__.split(".")[0] == "PIL":
        image = _upright(image)
        if image.mode in ("I", "F"):
            raise TypeError(
                f"PIL image of mode {image.mode}: convert it to 8 or 16 bits, or give its path"
            )
        if image.mode not in _PLAIN_MODES:
            image = image.convert("RGB")
        return numpy.asarray(image)
    if hasattr(image, "__array__"):
        return numpy.asarray(image)
    raise TypeError(
        f"expected an image, found {type(image).__name__}: give a path, the bytes of an image file, a "
        "numpy array, a PIL image, or an object with __array__ such as a tensor"
    )


def _upright(image: Any) -> Any:
    """The image turned as its EXIF data say: files are read so, too."""
    if image.getexif().get(_ORIENTATION, 1) == 1:
        return image
    from PIL import ImageOps

    return ImageOps.exif_transpose(image)
