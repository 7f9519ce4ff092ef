"""The bodies of `auth/kyc`: what it reads, as multipart or as JSON, and what it shows."""

import binascii
import hashlib
import tempfile
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from accounts.kyc.errors import FileTooLarge, refused_document
from accounts.models import DocumentType, KycDocument, KycStatus
from accounts.services import HandedIn
from kernel.api.fields import MomentField
from kernel.api.parsers import StrictJSONParser
from kernel.api.uploads import Upload
from kernel.errors import Invalid

MIB = 1024 * 1024
FILE_LIMIT, MOST_FILES = settings.KYC_FILE_LIMIT, settings.KYC_MOST_FILES
MULTIPART_LIMIT = MOST_FILES * FILE_LIMIT + MIB
# Two of the largest files in base64: a JSON body is in memory as a whole. More than that comes as multipart.
JSON_LIMIT = 28 * MIB
TYPES = [choice for choice in DocumentType.choices if choice[0] != DocumentType.UNSPECIFIED]


class DocumentsJSONParser(StrictJSONParser):
    """JSON with files in it."""

    def limit(self, view: Any) -> int:
        return JSON_LIMIT


@extend_schema_field({"type": "string", "format": "byte"})
class Base64Field(serializers.Field[Any, Any, Any, Any]):
    """A file as base64. DRF's text field would look at each of millions of characters."""

    def to_internal_value(self, data: Any) -> bytes:
        try:
            return binascii.a2b_base64(data.encode("ascii"), strict_mode=True)
        except (AttributeError, ValueError):
            raise serializers.ValidationError("This is not base64.") from None


class DocumentBodySerializer(serializers.Serializer[Any]):
    document_type = serializers.ChoiceField(choices=TYPES)
    filename = serializers.CharField(max_length=10_000, allow_blank=True, required=False, default="")
    content = Base64Field()


class KycUploadSerializer(serializers.Serializer[Any]):
    documents: Any = serializers.ListSerializer(child=DocumentBodySerializer(), min_length=1, max_length=MOST_FILES)


class KycFormSerializer(serializers.Serializer[Any]):
    """The multipart form: one `document_type` for each file, in their order."""

    documents = serializers.ListField(child=serializers.FileField(), min_length=1, max_length=MOST_FILES)
    document_type = serializers.ListField(child=serializers.ChoiceField(choices=TYPES))


class KycDocumentSerializer(serializers.ModelSerializer[KycDocument]):
    """A document; `size` and `sha256` are of the file as it was handed in."""

    document_type = serializers.CharField(read_only=True)
    uploaded_at = MomentField(read_only=True)

    class Meta:
        model = KycDocument
        fields = ("id", "document_type", "filename", "content_type", "size", "sha256", "uploaded_at")
        read_only_fields = fields


class KycSubmissionSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=KycStatus.choices, read_only=True)
    documents = KycDocumentSerializer(many=True, read_only=True)


class KycStatusSerializer(KycSubmissionSerializer):
    submitted_at = MomentField(read_only=True, allow_null=True)
    reviewed_at = MomentField(read_only=True, allow_null=True)
    reason = serializers.CharField(read_only=True, allow_null=True)


def handed_in(request: Request) -> list[HandedIn]:
    """The documents in `request`; raises errors that name each faulty one."""
    if request.content_type.partition(";")[0].strip().lower() == "application/json":
        return _from_json(request.data)
    return _from_form(request.data)


def _from_json(data: Any) -> list[HandedIn]:
    body = KycUploadSerializer(data=data)
    body.is_valid(raise_exception=True)
    return [_decoded(index, **document) for index, document in enumerate(body.validated_data["documents"])]


def _decoded(index: int, document_type: str, filename: str, content: bytes) -> HandedIn:
    if len(content) > FILE_LIMIT:
        raise FileTooLarge(errors=refused_document(index, f"A file may have {FILE_LIMIT // MIB} MiB.").errors)
    file = tempfile.TemporaryFile()  # noqa: SIM115  goes with the last who holds it
    file.write(content)
    return HandedIn(document_type, filename, file, len(content), hashlib.sha256(content).hexdigest())


def _from_form(data: Any) -> list[HandedIn]:
    # `files` is the older name, which came without types.
    name = "documents" if "documents" in data else "files"
    uploads = [part for part in data.getlist(name) if isinstance(part, Upload)]
    if not uploads:
        raise Invalid.field("documents", "At least one file is required.")
    types = data.getlist("document_type")
    if name == "files" and not types:
        types = [DocumentType.UNSPECIFIED] * len(uploads)
    elif len(types) != len(uploads):
        raise Invalid.field("document_type", "One for each file is required, in their order.")
    elif unknown := [one for one in types if one not in dict(TYPES)]:
        raise Invalid.field("document_type", f'"{unknown[0][:50]}" is not a valid choice.')
    return [
        HandedIn(kind, one.filename, one.file, one.size, one.sha256) for kind, one in zip(types, uploads, strict=True)
    ]
