"""Exceptions of the package. Wrong arguments are Python's ValueError and TypeError, missing files its
FileNotFoundError."""


class DiffernetError(Exception):
    """Base of the package's own exceptions."""


class ImageError(DiffernetError, ValueError):
    """An image that cannot be used: damaged, of an unknown format, too large, outside the regions."""

    #: True if the image itself is sound and of another depth than those of training: its verdict is "invalid".
    invalid: bool = False


class ModelError(DiffernetError, ValueError):
    """A model file that cannot be used: damaged, of another version, or it scores otherwise than it did."""
