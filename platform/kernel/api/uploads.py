"""Reading uploaded files: onto disk as they come, counted, so that no request fills the memory."""

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any, BinaryIO, cast

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.core.files.uploadhandler import FileUploadHandler
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, DataAndFiles

from kernel.api.parsers import BodyTooLarge


@dataclass(frozen=True, slots=True)
class Upload:
    """One file of a request, on disk without a name there; `size` in bytes, `sha256` in hex."""

    filename: str
    file: BinaryIO
    size: int
    sha256: str

    def close(self) -> None:
        """Called by Django when the request is over."""
        self.file.close()


class MultipartParser(BaseParser):
    """`multipart/form-data` whose files become `Upload`s; the view's `file_limit` and `most_files` bound them."""

    media_type = "multipart/form-data"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        context = parser_context or {}
        view, request = context["view"], context["request"]
        handler = SpoolingHandler(view.file_limit, view.most_files)
        encoding = context.get("encoding") or settings.DEFAULT_CHARSET
        try:
            data, files = MultiPartParser(request.META, cast(Any, stream), [handler], encoding).parse()
        except MultiPartParserError as error:
            raise ParseError(f"The body is not valid multipart: {error}") from None
        except (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent):
            raise BodyTooLarge from None
        return DataAndFiles(data, files)


class SpoolingHandler(FileUploadHandler):
    """Writes each file to a place on disk that has no name and goes with the process."""

    def __init__(self, file_limit: int, most_files: int) -> None:
        super().__init__()
        self._file_limit, self._most_files = file_limit, most_files
        self._count = 0
        self._open: list[BinaryIO] = []

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._count += 1
        if self._count > self._most_files:
            raise BodyTooLarge(f"At most {self._most_files} files are taken.")
        self._size, self._digest = 0, hashlib.sha256()
        self._file: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115  goes to whoever reads the request
        self._open.append(self._file)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._size += len(raw_data)
        if self._size > self._file_limit:
            raise BodyTooLarge(f"A file may have {self._file_limit // 2**20} MiB.")
        self._digest.update(raw_data)
        self._file.write(raw_data)

    def file_complete(self, file_size: int) -> Any:
        self._file.seek(0)
        return Upload(self.file_name or "", self._file, self._size, self._digest.hexdigest())

    def upload_interrupted(self) -> None:
        for file in self._open:
            file.close()
