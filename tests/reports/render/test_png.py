"""Pictures with a palette: the same pixels, in fewer bytes, whatever filters the picture came with."""

import struct
import zlib

import numpy as np
import pytest

from reports.render.png import SIGNATURE, _chunk, _decoded, _paeth, compact


def filtered(pixels, kinds):
    """A PNG whose lines have these filters in turn, written after the specification's definitions."""
    height, width, channels = pixels.shape
    lines, above = [], np.zeros(width * channels, int)
    for number, row in enumerate(pixels.reshape(height, -1).astype(int)):
        kind = kinds[number % len(kinds)]
        left = np.concatenate([np.zeros(channels, int), row[:-channels]])
        corner = np.concatenate([np.zeros(channels, int), above[:-channels]])
        paeth = np.array([_paeth(*map(int, three)) for three in zip(left, above, corner, strict=True)])
        predicted = (0, left, above, (left + above) // 2, paeth)[kind]
        lines.append(bytes([kind]) + ((row - predicted) % 256).astype(np.uint8).tobytes())
        above = row
    header = struct.pack(">IIBBBBB", width, height, 8, {3: 2, 4: 6}[channels], 0, 0, 0)
    data = zlib.compress(b"".join(lines))
    half = len(data) // 2  # a picture may come in several parts
    parts = [(b"IHDR", header), (b"IDAT", data[:half]), (b"IDAT", data[half:]), (b"IEND", b"")]
    return SIGNATURE + b"".join(_chunk(*part) for part in parts)


def shown(content):
    """The pixels of a picture with a palette and no filters."""
    width, height = struct.unpack_from(">II", content, 16)
    palette = np.frombuffer(content.split(b"PLTE")[1], np.uint8)
    data = content.split(b"IDAT", 1)[1]
    lines = np.frombuffer(zlib.decompressobj().decompress(data), np.uint8).reshape(height, 1 + width)
    assert not lines[:, 0].any()
    return np.stack([palette[3 * lines[:, 1:].astype(int) + channel] for channel in range(3)], axis=-1)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("kinds", [(0,), (1,), (2,), (3,), (4,), (4, 3, 2, 1, 0)])
def test_every_filter_is_taken_off_and_few_colours_stay_as_they_are(kinds, channels):
    generator = np.random.Generator(np.random.PCG64(0))
    palette = generator.integers(0, 256, (200, channels), np.uint8)
    pixels = palette[generator.integers(0, 200, (7, 13))]
    content = filtered(pixels, kinds)
    np.testing.assert_array_equal(_decoded(content), pixels[..., :3])
    np.testing.assert_array_equal(shown(compact(content)), pixels[..., :3])


def test_of_more_colours_the_rarest_are_drawn_in_the_nearest():
    often = np.repeat(np.arange(0, 256, dtype=np.uint8), 4)[:, None].repeat(3, axis=1)
    rare = np.array([[10, 10, 11]], np.uint8)
    pixels = np.concatenate([often, rare, often[:1]])[None]
    found = shown(compact(filtered(pixels, (0,))))
    np.testing.assert_array_equal(found[0, -2], [10, 10, 10])


@pytest.mark.parametrize(
    "content", [b"", b"GIF89a", SIGNATURE + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0))]
)
def test_what_is_not_read_is_refused(content):
    with pytest.raises(ValueError, match="PNG"):
        compact(content)
