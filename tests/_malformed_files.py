"""Malformed archives and images, for tests that loaders reject them."""

import io
import struct
import zipfile
import zlib

import numpy as np
from PIL import Image


def npy_with_false_header(shape, dtype="|u1", content=b""):
    """Return an .npy file whose header claims more data than it contains."""
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": dtype, "fortran_order": False, "shape": shape})
    return out.getvalue() + content


def npy_bytes(array):
    """Return the content of an .npy file."""
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def write_npz(path, **members):
    """Write an .npz archive whose arrays are given as the contents of .npy files."""
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)


def write_decompression_bomb(path, side=60_000):
    """Write a PNG of some hundred bytes whose header claims side² pixels, and return its path."""
    chunk = lambda kind, body: struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b""))
    return path


def write_truncated_png(path):
    """Write the beginning of a PNG, and return its path."""
    out = io.BytesIO()
    Image.effect_noise((64, 64), 80).convert("RGB").save(out, "PNG")
    path.write_bytes(out.getvalue()[:2000])
    return path


def write_svg(path):
    """Write an image that is not made of pixels, and return its path."""
    path.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    return path
