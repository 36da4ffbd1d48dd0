"""Every kind of image that is taken, and every kind that is refused."""

import io
import subprocess

import numpy
import pytest
from PIL import Image

import differnet


class Tensor:
    """What frameworks' tensors look like from outside."""

    def __init__(self, array):
        self._array = array

    def __array__(self, dtype=None, copy=None):
        return self._array


def png(array):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "png")
    return buffer.getvalue()


def test_the_same_pixels_score_the_same_however_they_come(model, scratched, tmp_path):
    path = tmp_path / "part.png"
    path.write_bytes(png(scratched))
    images = [
        path,
        str(path),
        path.read_bytes(),
        scratched,
        numpy.asfortranarray(scratched),
        Image.fromarray(scratched),
        Image.open(path),
        Tensor(scratched),
        scratched[:, :, 0],
        Image.fromarray(scratched[:, :, 0]),
        Image.fromarray(scratched).convert("RGBA"),
        numpy.repeat(scratched, 2, axis=0)[::2],
    ]
    scores = {model.score(image).score for image in images}
    assert len(scores) == 1
    assert {result.score for result in model.scores(images)} == scores
    assert {result.score for result in model.maps(images)} == scores


def test_deep_arrays_are_seen_as_the_files_of_their_samples(good, scratched, tmp_path):
    def deep(image, bits):
        grey = image[:, :, 0].astype(numpy.uint16) << (bits - 8)
        return grey + numpy.arange(96, dtype=numpy.uint16) % 16

    for bits in (12, 16):
        model = differnet.train([deep(image, bits) for image in good], method="padim", seed=1)
        for image in (deep(scratched, bits), numpy.asfortranarray(deep(scratched, bits))):
            path = tmp_path / "deep.png"
            Image.fromarray(image).save(path)
            assert model.score(image).score == model.score(path).score == model.score(Image.open(path)).score
        color = numpy.repeat(deep(scratched, bits)[:, :, None], 3, axis=2)
        assert model.score(color).score == model.score(path).score
        # 12 bits of 16 are not seen as black.
        assert model.score(deep(scratched, bits)).verdict == "defect"
        if bits == 12:
            with pytest.raises(differnet.ImageError, match="8 bits") as raised:
                model.score(scratched)
            assert raised.value.invalid and not differnet.ImageError("damaged").invalid


def test_pictures_that_differnet_drew_are_no_photographs(model, good_folder, scratched, command, tmp_path):
    Image.fromarray(scratched).save(tmp_path / "part.png")
    model.save(tmp_path / "part.differnet")
    subprocess.run(
        [command, "localize", "--model", "part.differnet", "--out", "maps", "part.png"], cwd=tmp_path, check=True
    )
    assert len(differnet.find_images(tmp_path)) > 1
    assert [result.path for result in model.scores(tmp_path)] == [str(tmp_path / "part.png")]


def test_photographs_are_turned_as_their_files_are(model, scratched, tmp_path):
    path = tmp_path / "turned.png"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(scratched).save(path, exif=exif)
    with Image.open(path) as image:
        assert model.score(image).score == model.score(path).score
    assert model.score(path).score == model.score(numpy.rot90(scratched, 3)).score


def test_an_array_may_be_changed_after_it_was_scored(model, scratched):
    image = scratched.copy()
    result = model.score(image)
    before = model.score(image).map.copy()
    image[:] = 0
    numpy.testing.assert_array_equal(result.map, before)


@pytest.mark.parametrize(
    ("image", "error", "remedy"),
    [
        (numpy.zeros((8, 8), numpy.float64), TypeError, "numpy.uint8"),
        (numpy.full((8, 8), numpy.nan), TypeError, "numpy.uint8"),
        (numpy.zeros((8, 8), bool), TypeError, "numpy.uint8"),
        (numpy.zeros((8, 8), numpy.int64), TypeError, "numpy.uint8"),
        (numpy.zeros((3, 8, 8), numpy.uint8), ValueError, "numpy.moveaxis"),
        (numpy.zeros((8, 8, 4), numpy.uint8), ValueError, r"\[height, width, 3\]"),
        (numpy.zeros((2, 8, 8, 3), numpy.uint8), ValueError, r"\[height, width\]"),
        (numpy.zeros((0, 8), numpy.uint8), differnet.ImageError, "0 pixels|8×0"),
        ([[1, 2], [3, 4]], TypeError, r"scores\(\)"),
        ([], TypeError, r"scores\(\)"),
        (None, TypeError, "give a path"),
        (3.5, TypeError, "give a path"),
        (b"", differnet.ImageError, "empty"),
        (b"no image", differnet.ImageError, "not an image"),
        ("missing.png", FileNotFoundError, "missing.png"),
    ],
)
def test_what_is_no_image_is_refused_with_a_remedy(model, image, error, remedy):
    with pytest.raises(error, match=remedy):
        model.score(image)


def test_pil_images_of_floats_are_refused(model):
    with pytest.raises(TypeError, match="mode F"):
        model.score(Image.new("F", (8, 8)))


def test_a_folder_or_a_list_gives_many(model, good, good_folder):
    of_folder = [result.score for result in model.scores(good_folder)]
    assert of_folder == [result.score for result in model.scores(good)]
    paths = [result.path for result in model.scores(good_folder)]
    assert paths == [str(path) for path in sorted(good_folder.iterdir())]
    assert [result.path for result in model.scores(good)] == [None] * len(good)
    with pytest.raises(FileNotFoundError):
        model.scores(good_folder / "missing")
    with pytest.raises(TypeError):
        model.scores(3)
