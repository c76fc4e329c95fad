"""Compression of PNG pictures with a palette."""

import io

import numpy as np
import pytest
from PIL import Image

from reports.render.pictures import compact


def png(pixels, **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", **options)
    return file.getvalue()


def palette_pixels(content):
    """Return the RGB pixels of a picture, which must have a palette."""
    image = Image.open(io.BytesIO(content))
    assert image.mode == "P"
    return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("size", [1, 200, 256])
def test_up_to_256_colours_are_kept_exactly(channels, size):
    generator = np.random.Generator(np.random.PCG64(0))
    palette = generator.integers(0, 256, (size, channels), np.uint8)
    pixels = palette[generator.integers(0, size, (70, 130))]
    content = png(pixels)
    compacted = compact(content)
    np.testing.assert_array_equal(palette_pixels(compacted), pixels[..., :3])
    assert len(compacted) < len(content) or size == 1


def test_beyond_256_colours_the_rarest_are_replaced_by_the_nearest():
    frequent = np.repeat(np.arange(0, 256, dtype=np.uint8), 4)[:, None].repeat(3, axis=1)
    rare = np.array([[10, 10, 11]], np.uint8)
    pixels = np.concatenate([frequent, rare, frequent[:1]])[None]
    found = palette_pixels(compact(png(pixels)))
    np.testing.assert_array_equal(found[0, -2], [10, 10, 10])
    np.testing.assert_array_equal(found[0, :-2], pixels[0, :-2])


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n"])
def test_files_other_than_png_are_an_error(content):
    with pytest.raises(ValueError, match="PNG"):
        compact(content)
