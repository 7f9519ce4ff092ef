"""What a document is called: shown to people, sent in a header, and never a path."""

import unicodedata
from urllib.parse import quote

from accounts.kyc.cleaning import EXTENSIONS
from accounts.models.kyc import LONGEST_FILENAME


def shown_filename(sent: str, content_type: str) -> str:
    """The last part of what was sent, without invisible characters, and with the ending of what the file really is."""
    last = sent.replace("\\", "/").rpartition("/")[2]
    # Category C: controls, marks that turn the reading direction, halves of surrogates.
    visible = "".join(character for character in last if unicodedata.category(character)[0] != "C").strip(" .")
    ending = EXTENSIONS[content_type]
    stem = visible.rpartition(".")[0] or visible or "document"
    return stem[: LONGEST_FILENAME - len(ending)] + ending


def attachment(filename: str) -> str:
    """The `Content-Disposition` of a download, whatever characters the name has."""
    return f"attachment; filename*=UTF-8''{quote(filename, safe='')}"
