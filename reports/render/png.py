"""PNG with a palette: a picture of a page has few colours, and takes a third of the bytes when it says so.

Reads what browsers and Vega write (8 bits a channel, not interlaced), after the PNG specification, third edition.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Pixels = NDArray[np.uint8]
"""Shape (height, width, 3): red, green, blue."""

COLOURS = 256
SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {2: 3, 6: 4}  # colour types: red, green and blue; the same, with alpha


def compact(content: bytes) -> bytes:
    """The same picture in at most 256 colours; of more, the rarest are drawn in those that are nearest to them.

    Raises:
        ValueError: if it is no PNG of the kind that is read.
    """
    return _encoded(_decoded(content))


def _decoded(content: bytes) -> Pixels:
    """The pixels; what is transparent is taken as it is, without its alpha."""
    chunks = _chunks(content)
    width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    if depth != 8 or kind not in _CHANNELS or interlaced:
        raise ValueError("only PNG of 8 bits a channel that is not interlaced is read")
    channels = _CHANNELS[kind]
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + width * channels)
    above = np.zeros(width * channels, np.uint8)
    rows = []
    for line in lines:
        above = _unfiltered(int(line[0]), line[1:], above, channels)
        rows.append(above)
    return np.stack(rows).reshape(height, width, channels)[..., :3]


def _chunks(content: bytes) -> dict[bytes, bytes]:
    """By their types; those of one type one after another."""
    if not content.startswith(SIGNATURE):
        raise ValueError("not a PNG")
    found: dict[bytes, bytes] = {}
    place = len(SIGNATURE)
    while place < len(content):
        (size,) = struct.unpack_from(">I", content, place)
        kind = content[place + 4 : place + 8]
        found[kind] = found.get(kind, b"") + content[place + 8 : place + 8 + size]
        place += 12 + size
    return found


def _unfiltered(kind: int, line: Pixels, above: Pixels, channels: int) -> Pixels:
    """A line without its filter (section 9.2): none, sub, up, average, Paeth."""
    if kind == 0:
        return line
    if kind == 1:
        return np.cumsum(line.reshape(-1, channels), axis=0, dtype=np.uint8).reshape(-1)
    if kind == 2:
        return line + above
    predict = _average if kind == 3 else _paeth
    done, over = bytearray(line.tobytes()), above.tobytes()
    for place in range(len(done)):
        before = place - channels
        left, corner = (done[before], over[before]) if before >= 0 else (0, 0)
        done[place] = (done[place] + predict(left, over[place], corner)) & 0xFF
    return np.frombuffer(bytes(done), np.uint8)


def _average(left: int, up: int, _corner: int) -> int:
    return (left + up) >> 1


def _paeth(left: int, up: int, corner: int) -> int:
    """Of the three neighbours the one nearest to left + up - corner; the first of several."""
    to_left, to_up, to_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
    if to_left <= to_up and to_left <= to_corner:
        return left
    return up if to_up <= to_corner else corner


def _encoded(pixels: Pixels) -> bytes:
    """A PNG with a palette and without filters, which help no picture that has one."""
    height, width, _ = pixels.shape
    every = pixels.reshape(-1, 3)
    colours, places, sizes = np.unique(every, axis=0, return_inverse=True, return_counts=True)
    palette = colours[np.argsort(-sizes, kind="stable")[:COLOURS]]
    nearest = np.asarray(cKDTree(palette.astype(float)).query(colours.astype(float))[1], np.uint8)
    indices = nearest[places.reshape(height, width)]
    lines = np.concatenate([np.zeros((height, 1), np.uint8), indices], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts: list[tuple[bytes, Any]] = [(b"IHDR", header), (b"PLTE", palette.tobytes())]
    parts += [(b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b"")]
    return SIGNATURE + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
