"""Writes one small picture in the ways that tests/formats.rs and tests/bad_images.rs read it.

Pixel (x, y) is (10 x, 15 y, 128), or grey 10 x. Usage: make.py. Needs pillow and numpy.
"""
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

HERE = Path(__file__).resolve().parent
WIDTH, HEIGHT = 24, 16
y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
RGB = np.dstack([10 * x, 15 * y, np.full_like(x, 128)]).astype(np.uint8)
GREY = (10 * x).astype(np.uint8)
ALPHA = (255 - 10 * x).astype(np.uint8)
EXACT = {"quality": 98, "subsampling": 0}
# Tag 0x0112 of EXIF, and what a camera held that way stores.
STORED = {1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
          4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
          6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270}

rgb, grey = Image.fromarray(RGB), Image.fromarray(GREY)
rgba = Image.fromarray(np.dstack([RGB, ALPHA]))
palette = Image.new("P", (WIDTH, HEIGHT))
palette.putpalette([v for i in range(24) for v in (10 * i, 10 * i, 10 * i)])
palette.putdata([int(v) // 10 for v in GREY.ravel()])

rgb.save(HERE / "rgb.png")
rgba.save(HERE / "rgb_alpha.png")
grey.save(HERE / "grey.png")
Image.merge("LA", [grey, Image.fromarray(ALPHA)]).save(HERE / "grey_alpha.png")
Image.fromarray(GREY.astype(np.uint16) * 256 + 77).save(HERE / "grey_16_bit.png")
palette.save(HERE / "grey_palette.png")
palette.save(HERE / "grey_palette_alpha.png", transparency=3)
rgb.save(HERE / "rgb.jpg", **EXACT)
rgb.save(HERE / "rgb_progressive.jpg", progressive=True, **EXACT)
grey.save(HERE / "grey.jpg", **EXACT)
rgb.convert("CMYK").save(HERE / "rgb_cmyk.jpg", **EXACT)
rgb.save(HERE / "rgb.bmp")
palette.save(HERE / "grey_palette.bmp")
rgb.save(HERE / "rgb.tif")
rgb.save(HERE / "rgb_lzw.tiff", compression="tiff_lzw")
rgba.save(HERE / "rgb_alpha_deflate.tif", compression="tiff_adobe_deflate")
Image.fromarray(GREY.astype(np.uint16) * 256 + 77).save(HERE / "grey_16_bit.tif")
rgb.save(HERE / "rgb_lossless.webp", lossless=True)
rgb.save(HERE / "rgb_lossy.webp", quality=98)
for orientation, transpose in STORED.items():
    stored = rgb if transpose is None else rgb.transpose(transpose)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = HERE / f"rgb_orientation_{orientation}.jpg"
    stored.save(path, exif=exif, **EXACT)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(path))).astype(int)
    assert abs(upright - RGB).max() < 12, orientation

# Read by nothing here.
rgb.save(HERE / "unsupported.gif")
palette.save(HERE / "unsupported_palette.tif")
Image.fromarray(GREY.astype(np.float32)).save(HERE / "unsupported_float.tif")
