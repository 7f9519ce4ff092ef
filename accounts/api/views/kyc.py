"""Identity documents: handing them in, how the check stands, reading, taking back, having them erased."""

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import selectors, services
from accounts.api import kyc as shapes
from accounts.api.views.base import NO_STORE, NOTHING, user_of
from accounts.kyc.filenames import attachment
from kernel.api.streams import PiecewiseResponse
from kernel.api.uploads import MultipartParser


class KycUploadView(APIView):
    parser_classes = [MultipartParser, shapes.DocumentsJSONParser]
    body_limit = shapes.MULTIPART_LIMIT
    text_limit = shapes.JSON_LIMIT
    file_limit = shapes.FILE_LIMIT
    most_files = shapes.MOST_FILES

    @extend_schema(
        operation_id="auth_kyc_upload",
        request={"multipart/form-data": shapes.KycFormSerializer, "application/json": shapes.KycUploadSerializer},
        responses={201: shapes.KycSubmissionSerializer},
    )
    def post(self, request: Request) -> Response:
        """Hand in documents: a new version, which takes the place of one that still waits.

        JPEG, PNG and PDF are taken, up to 10 MiB each; what they are is found from their bytes. The same documents
        again, while they wait, are the same submission.
        """
        submission = services.submit_documents(user=user_of(request), documents=shapes.handed_in(request))
        body = shapes.KycSubmissionSerializer(submission).data
        return Response(body, status=status.HTTP_201_CREATED, headers=NO_STORE)


class KycStatusView(APIView):
    @extend_schema(operation_id="auth_kyc_status", responses=shapes.KycStatusSerializer)
    def get(self, request: Request) -> Response:
        """How one's own identity check stands, and what was handed in for it."""
        return _status(request)


class KycWithdrawView(APIView):
    @extend_schema(operation_id="auth_kyc_withdraw", request=None, responses=shapes.KycStatusSerializer)
    def post(self, request: Request) -> Response:
        """Take back what waits for a decision; no reviewer sees it any more."""
        services.withdraw_kyc(user=user_of(request))
        return _status(request)


def _status(request: Request) -> Response:
    return Response(shapes.KycStatusSerializer(selectors.kyc_standing(user_of(request))).data, headers=NO_STORE)


class KycView(APIView):
    @extend_schema(operation_id="auth_kyc_delete", responses={204: NOTHING})
    def delete(self, request: Request) -> Response:
        """Erase every document one has handed in, and what was said of them. An approval ends with it."""
        services.erase_kyc(user=user_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class KycDocumentView(APIView):
    @extend_schema(
        operation_id="auth_kyc_documents_retrieve", responses={(200, "application/octet-stream"): OpenApiTypes.BINARY}
    )
    def get(self, request: Request, document_id: UUID) -> Any:
        """The document as it is kept: for its owner, and for reviewers, of which a record is made."""
        document, pieces = services.open_document(reader=user_of(request), document_id=document_id)
        return PiecewiseResponse(
            pieces,
            content_type=document.content_type,
            headers={
                "Content-Length": str(document.kept_size),
                "Content-Disposition": attachment(document.filename),
                "Content-Security-Policy": "sandbox; default-src 'none'",
                "X-Content-Type-Options": "nosniff",
                **NO_STORE,
            },
        )
