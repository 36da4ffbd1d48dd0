"""Writes one small picture in the ways that formats.rs and bad_images.rs, tests of differnet-data, read it.

Pixel (x, y) is (10 x, 15 y, 128), or grey 10 x. Usage: formats.py. Needs pillow and numpy.
"""
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

OUT = Path(__file__).resolve().parents[2] / "crates/differnet-data/tests/formats"
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

rgb.save(OUT / "rgb.png")
rgba.save(OUT / "rgb_alpha.png")
grey.save(OUT / "grey.png")
Image.merge("LA", [grey, Image.fromarray(ALPHA)]).save(OUT / "grey_alpha.png")
Image.fromarray(GREY.astype(np.uint16) * 256 + 77).save(OUT / "grey_16_bit.png")
palette.save(OUT / "grey_palette.png")
palette.save(OUT / "grey_palette_alpha.png", transparency=3)
rgb.save(OUT / "rgb.jpg", **EXACT)
rgb.save(OUT / "rgb_progressive.jpg", progressive=True, **EXACT)
grey.save(OUT / "grey.jpg", **EXACT)
rgb.convert("CMYK").save(OUT / "rgb_cmyk.jpg", **EXACT)
rgb.save(OUT / "rgb.bmp")
palette.save(OUT / "grey_palette.bmp")
rgb.save(OUT / "rgb.tif")
rgb.save(OUT / "rgb_lzw.tiff", compression="tiff_lzw")
rgba.save(OUT / "rgb_alpha_deflate.tif", compression="tiff_adobe_deflate")
Image.fromarray(GREY.astype(np.uint16) * 256 + 77).save(OUT / "grey_16_bit.tif")
rgb.save(OUT / "rgb_lossless.webp", lossless=True)
rgb.save(OUT / "rgb_lossy.webp", quality=98)
for orientation, transpose in STORED.items():
    stored = rgb if transpose is None else rgb.transpose(transpose)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = OUT / f"rgb_orientation_{orientation}.jpg"
    stored.save(path, exif=exif, **EXACT)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(path))).astype(int)
    assert abs(upright - RGB).max() < 12, orientation
palette.save(OUT / "grey_palette.tif")
Image.fromarray(GREY.astype(np.float32)).save(OUT / "grey_float_255.tif")
