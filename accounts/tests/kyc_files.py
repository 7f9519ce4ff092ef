"""Files to hand in: good ones, and every kind that must not be taken."""

import base64
import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import pikepdf
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image
from PIL.PngImagePlugin import PngInfo

CANARY = b"canary-4711"
MANY = 10 * 1024 * 1024


def picture(kind: str = "JPEG", size: tuple[int, int] = (120, 80), **options: Any) -> bytes:
    image = Image.linear_gradient("L").resize(size).convert("RGB")
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def photo_with_a_place(orientation: int = 6) -> bytes:
    """A JPEG that says where it was taken, by whom, and that it must be turned."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, CANARY.decode()
    exif.get_ifd(0x8825)[1] = "N"
    return picture(exif=exif, comment=CANARY)


def png_with_text() -> bytes:
    info = PngInfo()
    info.add_text("Author", CANARY.decode(), zip=False)
    return picture("PNG", pnginfo=info) + CANARY


def png_of(width: int, height: int) -> bytes:
    """A PNG whose header says so, with far fewer pixels behind it."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0" * 99)) + chunk(b"IEND", b"")
    )


def pdf(change: Callable[[pikepdf.Pdf], object] = lambda document: None, pages: int = 1, **options: Any) -> bytes:
    document = pikepdf.new()
    for _ in range(pages):
        document.add_blank_page()
    document.docinfo["/Author"] = CANARY.decode()
    change(document)
    out = io.BytesIO()
    # Else its id is the second it was made in, and the same document is another one a moment later.
    document.save(out, deterministic_id="encryption" not in options, **options)
    return out.getvalue()


def _script(document: pikepdf.Pdf) -> None:
    document.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)")


def _hidden_script(document: pikepdf.Pdf) -> None:
    action = document.make_indirect(pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=pikepdf.Stream(document, b"x")))
    document.pages[0].Annots = pikepdf.Array(
        [pikepdf.Dictionary(Subtype=pikepdf.Name.Link, Rect=[0, 0, 9, 9], AA=pikepdf.Dictionary(E=action))]
    )


def _launch(document: pikepdf.Pdf) -> None:
    document.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.Launch, F="cmd.exe")


def _attachment(document: pikepdf.Pdf) -> None:
    document.attachments["a.exe"] = b"MZ"


def _huge_picture(document: pikepdf.Pdf) -> None:
    image = pikepdf.Stream(document, b"x", Subtype=pikepdf.Name.Image, Width=40_000, Height=40_000)
    document.pages[0].Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(A=image))


def zipped(name: str, body: bytes = b"x") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, body)
    return out.getvalue()


def pdf_bomb(gigabytes: int = 4) -> bytes:
    """A PDF of a few MB whose table of objects unpacks to gigabytes."""
    packer = zlib.compressobj(9)
    first, again = (packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    packed = first + again * (1024 * gigabytes)
    start = b"%PDF-1.5\n"
    catalog = b"1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n"
    objects = b"4 0 obj\n<< /Type /ObjStm /N 1 /First 4 /Filter /FlateDecode /Length %d >>\nstream\n" % len(packed)
    objects += packed + b"\nendstream\nendobj\n"
    here = len(start + catalog + objects)
    rows = [(0, 0, 255), (1, len(start), 0), (2, 4, 0), (0, 0, 0), (1, len(start + catalog), 0), (1, here, 0)]
    table = b"".join(struct.pack(">BIB", *row) for row in rows)
    index = b"5 0 obj\n<< /Type /XRef /Size 6 /W [1 4 1] /Root 1 0 R /Length %d >>\nstream\n" % len(table)
    return start + catalog + objects + index + table + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % here


def hostile() -> dict[str, bytes]:
    """What must be refused, by what it is."""
    html = b"<html><script>alert(1)</script></html>"
    return {
        "nothing": b"",
        "text": b"hello",
        "html": html,
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        "xml": b"<?xml version='1.0'?><x/>",
        "zip": zipped("a.txt"),
        "docx": zipped("word/document.xml"),
        "zip bomb": zipped("a", bytes(30 * 1024 * 1024)),
        "gif and html": b"GIF89a/*" + html,
        "windows program": b"MZ" + bytes(100),
        "elf": b"\x7fELF" + bytes(100),
        "html before a jpeg": html + picture(),
        "html before a pdf": html + pdf(),
        "a jpeg's first bytes": b"\xff\xd8\xff\xe0" + html,
        "a png's first bytes": b"\x89PNG\r\n\x1a\n" + html,
        "a pdf's first bytes": b"%PDF-1.7\n" + html,
        "half a jpeg": picture(size=(600, 600))[:3_000],
        "half a png": picture("PNG", size=(600, 600))[:700],
        "a png of 40,000 by 40,000": png_of(40_000, 40_000),
        "a png just too large": png_of(40_001, 1_000),
        "a jpeg with a thousand scans": picture()[:-2] + b"\xff\xda\x00\x08" * 1_000,
        "a pdf of 51 pages": pdf(pages=51),
        "a pdf of 5,000 pages": pdf(pages=5_000),
        "a pdf with a password": pdf(encryption=pikepdf.Encryption(owner="a", user="b")),
        "an encrypted pdf": pdf(encryption=pikepdf.Encryption(owner="a", user="")),
        "a pdf with a script": pdf(_script),
        "a pdf with a hidden script": pdf(_hidden_script),
        "a pdf that starts a program": pdf(_launch),
        "a pdf with an attachment": pdf(_attachment),
        "a pdf with a huge picture": pdf(_huge_picture),
    }


def form(*contents: bytes, kinds: list[str] | None = None, name: str = "documents") -> dict[str, Any]:
    """The multipart form that hands `contents` in."""
    files = [SimpleUploadedFile(f"scan{number}.jpg", content) for number, content in enumerate(contents)]
    return {name: files, "document_type": kinds or ["passport"] * len(files)}


def as_json(*contents: bytes, filename: str = "scan.jpg") -> dict[str, Any]:
    """The JSON body that hands `contents` in."""
    return {
        "documents": [
            {"document_type": "passport", "filename": filename, "content": base64.b64encode(content).decode()}
            for content in contents
        ]
    }
