"""A program of its own with little memory and time: an uploaded file goes in, a clean copy comes out, or a refusal.

Decoders read what a stranger made, so they run here and not in the server: `python cleaner.py jpeg <in >out`. It
imports nothing of the project. A refusal is its exit status with the reason on standard error.
"""

import contextlib
import resource
import struct
import sys
import warnings
import zlib
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO

REFUSED = 65  # EX_DATAERR of sysexits.h
MOST_PIXELS = 40_000_000
MOST_PAGES = 50
MOST_SCANS = 100  # a progressive JPEG has about ten; each more costs a pass over all its pixels
MEMORY, CPU_SECONDS, OUTPUT = 768 * 1024 * 1024, 25, 64 * 1024 * 1024

# What is a program, or brings a file that nobody has looked at.
ACTIVE_KEYS = {"/JS", "/JavaScript", "/XFA", "/RichMedia", "/RichMediaContent"}
ACTIVE_ACTIONS = {"/JavaScript", "/Launch", "/ImportData", "/SubmitForm", "/Rendition", "/GoToE", "/Movie", "/Sound"}
ACTIVE_KINDS = {"/RichMedia", "/Screen", "/Movie", "/Sound", "/3D"}
ATTACHING_KEYS = {"/EF", "/EmbeddedFiles", "/AF"}
# What makes a viewer act by itself, and what tells of the author.
DROPPED_KEYS = ("/AA", "/OpenAction", "/Metadata", "/PieceInfo", "/LastModified")
HARMLESS_ACTIONS = {"/GoTo", "/URI", "/Named"}


class Refused(Exception):
    """The file is not taken; the text says why to whoever sent it."""


def clean_jpeg(source: BinaryIO, output: BinaryIO) -> None:
    if sum(1 for _ in _occurrences(source, b"\xff\xda")) > MOST_SCANS:
        raise Refused("This image is built in a way that takes too long to read.")
    _clean_image("JPEG", source, output, quality=88)


def clean_png(source: BinaryIO, output: BinaryIO) -> None:
    _clean_image("PNG", source, output, compress_level=3)


def _occurrences(source: BinaryIO, wanted: bytes) -> Iterable[int]:
    content = source.read()
    source.seek(0)
    place = content.find(wanted)
    while place >= 0:
        yield place
        place = content.find(wanted, place + len(wanted))


def _clean_image(kind: str, source: BinaryIO, output: BinaryIO, **options: Any) -> None:
    """Decode every pixel and write it anew; of what stood beside the pixels only transparency stays."""
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    too_large = f"This image has more than {MOST_PIXELS // 1_000_000} million pixels."
    try:
        image = Image.open(source, formats=[kind])
        if image.width * image.height > MOST_PIXELS:
            raise Refused(too_large)
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        image.info = {name: image.info[name] for name in ("transparency",) if name in image.info}
        image.save(output, kind, **options)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise Refused(too_large) from None
    except (OSError, SyntaxError, ValueError, TypeError, ArithmeticError, LookupError, EOFError) as error:
        raise Refused("This image cannot be read.") from error
    except (AttributeError, struct.error, zlib.error) as error:
        raise Refused("This image cannot be read.") from error


def clean_pdf(source: BinaryIO, output: BinaryIO) -> None:
    """Copy the pages into a new document, so that nothing comes along that no page needs."""
    import pikepdf

    try:
        with pikepdf.open(source) as pdf, pikepdf.new() as clean:
            if pdf.is_encrypted:
                raise Refused("This PDF is encrypted.")
            _check_pages(len(pdf.pages))
            for item in pdf.objects:
                _check_object(pikepdf, item)
            clean.pages.extend(pdf.pages)
            for item in clean.objects:
                _strip(pikepdf, item)
            clean.remove_unreferenced_resources()
            clean.save(output)
    except pikepdf.PasswordError:
        raise Refused("This PDF is protected by a password.") from None
    except (pikepdf.PdfError, ValueError, TypeError, LookupError, RuntimeError, AttributeError, OSError) as error:
        raise Refused("This PDF cannot be read.") from error


def _check_pages(count: int) -> None:
    if not 1 <= count <= MOST_PAGES:
        raise Refused(f"A PDF has 1 to {MOST_PAGES} pages; this one has {count}.")


def _check_object(pikepdf: Any, item: Any) -> None:
    """Refuse programs, attachments and pictures too large to look at, in `item` and what is directly in it."""
    for holder in _dictionaries(pikepdf, item):
        keys = set(holder.keys())
        kind, action = str(holder.get("/Subtype", "")), str(holder.get("/S", ""))
        if keys & ACTIVE_KEYS or kind in ACTIVE_KINDS or action in ACTIVE_ACTIONS:
            raise Refused("This PDF holds a script or another active part.")
        if keys & ATTACHING_KEYS or kind == "/FileAttachment":
            raise Refused("This PDF has files attached.")
        if kind == "/Image" and int(holder.get("/Width", 0)) * int(holder.get("/Height", 0)) > MOST_PIXELS:
            raise Refused(f"An image in this PDF has more than {MOST_PIXELS // 1_000_000} million pixels.")


def _strip(pikepdf: Any, item: Any) -> None:
    for holder in _dictionaries(pikepdf, item):
        for key in DROPPED_KEYS:
            if key in holder:
                del holder[key]
        action = holder.get("/A")
        if isinstance(action, pikepdf.Dictionary) and str(action.get("/S", "")) not in HARMLESS_ACTIONS:
            del holder["/A"]


def _dictionaries(pikepdf: Any, item: Any) -> Iterable[Any]:
    """`item` and everything directly inside it that has keys; what it only refers to comes by itself."""
    waiting = [item]
    while waiting:
        found = waiting.pop()
        if isinstance(found, pikepdf.Stream | pikepdf.Dictionary):
            yield found
            waiting += [value for _, value in found.items() if _is_direct(pikepdf, value)]
        elif isinstance(found, pikepdf.Array):
            waiting += [value for value in found if _is_direct(pikepdf, value)]


def _is_direct(pikepdf: Any, value: Any) -> bool:
    return isinstance(value, pikepdf.Dictionary | pikepdf.Array) and not value.is_indirect


CLEANERS: dict[str, Callable[[BinaryIO, BinaryIO], None]] = {
    "jpeg": clean_jpeg,
    "png": clean_png,
    "pdf": clean_pdf,
}


def limit_resources() -> None:
    """Whatever a file makes a decoder do, this process dies of it and no other suffers."""
    limits = {
        resource.RLIMIT_AS: MEMORY,
        resource.RLIMIT_CPU: CPU_SECONDS,
        resource.RLIMIT_FSIZE: OUTPUT,
        resource.RLIMIT_CORE: 0,
    }
    for kind, limit in limits.items():
        with contextlib.suppress(ValueError, OSError):  # not every system knows all of them
            resource.setrlimit(kind, (limit, limit))


def main(kind: str) -> int:
    limit_resources()
    sys.stdin.buffer.seek(0)  # whoever started us has read the beginning
    try:
        CLEANERS[kind](sys.stdin.buffer, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    except Refused as refusal:
        sys.stderr.write(str(refusal))
        return REFUSED
    except MemoryError:
        sys.stderr.write("This file needs too much memory to be read.")
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
