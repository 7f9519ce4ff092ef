"""The doors to formulas, deployments and signals."""

from typing import Any, cast

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from datafeed.selectors import find_instrument
from formulas import selectors, services
from formulas.api import serializers as shapes
from formulas.api.filters import DeploymentFilter, FormulaFilter, SignalFilter
from formulas.api.preview_shapes import PreviewSerializer, PreviewWriteSerializer
from formulas.disclosure import open_code
from formulas.errors import MayNotCopy
from formulas.models import Deployment, Formula, Signal
from formulas.preview import preview
from kernel.api.etags import check_if_match, etag
from kernel.api.idempotency import idempotent
from kernel.errors import Forbidden
from kernel.permissions import OPERATOR, has_role

ID = "[1-9][0-9]{0,17}"


def read_body(serializer: type[Serializer[Any]], request: Request, *, partial: bool = False) -> dict[str, Any]:
    """The request's body as `serializer` understands it; raises a validation error that names each field."""
    reader = serializer(data=request.data, partial=partial)
    reader.is_valid(raise_exception=True)
    return cast(dict[str, Any], reader.validated_data)


class FormulaViewSet(viewsets.GenericViewSet[Formula], mixins.ListModelMixin):
    """The marketplace and one's own formulas."""

    serializer_class = shapes.FormulaSerializer
    text_limit = shapes.LONGEST_CODE
    required_scope = {"validate": "read", "preview": "read"}
    filterset_class = FormulaFilter
    lookup_value_regex = ID
    queryset = Formula.objects.none()

    def get_queryset(self) -> QuerySet[Formula]:
        return Formula.objects.visible_to(self.request.user)

    def as_shown(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Asked for those of one page alone: counting all of them needs none of it. Versions need nothing more."""
        return selectors.as_shown(self.request.user, rows) if rows.model is Formula else rows

    def _own(self) -> Formula:
        """The formula of this URL, if it is the caller's to change: another's does not exist."""
        own = Formula.objects.visible_to(self.request.user).editable_by(self.request.user)
        return get_object_or_404(own.select_related("version"), pk=self.kwargs["pk"])

    def _shown(self, pk: int, status: int = 200) -> Response:
        formula = get_object_or_404(self.as_shown(self.get_queryset()), pk=pk)
        opened = open_code(self.request.user, formula)
        body = self.get_serializer(formula, context={**self.get_serializer_context(), "may_read_code": opened}).data
        return Response(body, status=status, headers={"ETag": _etag(formula)})

    @extend_schema(request=shapes.FormulaWriteSerializer, responses={201: shapes.FormulaSerializer})
    @idempotent
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        fields = read_body(shapes.FormulaWriteSerializer, request)
        formula = services.create_formula(author=request.user, **fields)
        return self._shown(formula.pk, 201)

    @extend_schema(responses=shapes.FormulaSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self._shown(self.kwargs["pk"])

    @extend_schema(request=shapes.FormulaWriteSerializer, responses=shapes.FormulaSerializer)
    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self._change(request, partial=False)

    @extend_schema(request=shapes.FormulaWriteSerializer, responses=shapes.FormulaSerializer)
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self._change(request, partial=True)

    def _change(self, request: Request, *, partial: bool) -> Response:
        formula = self._own()
        check_if_match(request, _etag(formula))
        fields = read_body(shapes.FormulaWriteSerializer, request, partial=partial)
        services.change_formula(formula=formula, **fields)
        return self._shown(formula.pk)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        formula = self._own()
        check_if_match(request, _etag(formula))
        services.delete_formula(formula=formula)
        return Response(status=204)

    @extend_schema(request=None, responses={201: shapes.FormulaSerializer})
    @action(detail=True, methods=["post"], filterset_class=None)
    @idempotent
    def duplicate(self, request: Request, pk: int) -> Response:
        """A private copy of one's own, of a formula whose code one may read."""
        formula = selectors.get_formula(request.user, pk)
        if not open_code(request.user, formula):
            raise MayNotCopy
        return self._shown(services.duplicate_formula(author=request.user, formula=formula).pk, 201)

    @extend_schema(responses=shapes.FormulaSerializer(many=True))
    @action(detail=False, url_path="my/formulas")
    def mine(self, request: Request) -> Response:
        """One's own formulas, the retired ones too."""
        own = self.filter_queryset(self.get_queryset().filter(author_id=request.user.pk))
        page = self.paginate_queryset(own)
        return self.get_paginated_response(cast(Any, self.get_serializer(cast(Any, page), many=True).data))

    @extend_schema(request=shapes.CodeSerializer, responses=shapes.CheckSerializer)
    @action(detail=False, methods=["post"], filterset_class=None, pagination_class=None)
    def validate(self, request: Request) -> Response:
        """Say whether code compiles, and where it does not."""
        code = read_body(shapes.CodeSerializer, request)["formula_code"]
        return Response(selectors.check_formula(code))

    @extend_schema(request=PreviewWriteSerializer, responses=PreviewSerializer)
    @action(detail=False, methods=["post"], filterset_class=None, pagination_class=None)
    def preview(self, request: Request) -> Response:
        """What code would have said on the newest bars; nothing is kept."""
        fields = read_body(PreviewWriteSerializer, request)
        shown = preview(
            code=fields["formula_code"],
            instrument=find_instrument(fields["symbol"]),
            resolution=fields["resolution"],
            bars=fields["bars"],
            parameters=fields.get("parameters"),
        )
        return Response(PreviewSerializer(shown).data)

    @extend_schema(responses={200: {"type": "array", "items": {"type": "string"}}})
    @action(detail=False, url_path="categories(?:/list)?", filterset_class=None, pagination_class=None)
    def categories(self, request: Request) -> Response:
        """The categories in use."""
        return Response(selectors.categories_of(request.user))

    @extend_schema(responses={200: {"type": "array", "items": {"type": "string"}}})
    @action(detail=False, url_path="tags(?:/list)?", filterset_class=None, pagination_class=None)
    def tags(self, request: Request) -> Response:
        """The tags in use."""
        return Response(selectors.tags_of(request.user))

    @extend_schema(responses=shapes.VersionSerializer(many=True))
    @action(detail=True, filterset_class=None)
    def versions(self, request: Request, pk: int) -> Response:
        """The history of a formula's versions, newest first."""
        formula = selectors.get_formula(request.user, pk)
        page = self.paginate_queryset(cast(Any, formula.versions.all()))
        context = {"may_read_code": open_code(request.user, formula)}
        rows = shapes.VersionSerializer(cast(Any, page), many=True, context=context)
        return self.get_paginated_response(cast(Any, rows.data))

    @extend_schema(responses=shapes.SignalSerializer(many=True))
    @action(detail=True, filterset_class=None)
    def signals(self, request: Request, pk: int) -> Response:
        """The signals of a formula, newest first; none where one may not see them."""
        formula = selectors.get_formula(request.user, pk)
        page = self.paginate_queryset(cast(Any, selectors.signals_of(request.user).filter(formula=formula)))
        return self.get_paginated_response(
            cast(Any, shapes.SignalSerializer(cast(Any, page), many=True, context=self.get_serializer_context()).data)
        )


def _etag(formula: Formula) -> str:
    return etag(formula.pk, formula.updated_at.isoformat())


class DeploymentViewSet(viewsets.GenericViewSet[Deployment], mixins.ListModelMixin, mixins.RetrieveModelMixin):
    """Formulas running live."""

    serializer_class = shapes.DeploymentSerializer
    filterset_class = DeploymentFilter
    lookup_value_regex = ID
    queryset = Deployment.objects.none()

    def get_queryset(self) -> QuerySet[Deployment]:
        return selectors.deployments_of(self.request.user)

    @extend_schema(request=shapes.DeploymentWriteSerializer, responses={201: shapes.DeploymentSerializer})
    @idempotent
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        fields = read_body(shapes.DeploymentWriteSerializer, request)
        formula = _deployable(request, fields["formula_id"])
        deployment = services.deploy_formula(
            formula=formula,
            instrument=find_instrument(fields["symbol"]),
            resolution=fields["resolution"],
            parameters=fields.get("parameters"),
        )
        return Response(self.get_serializer(deployment).data, status=201)

    @extend_schema(request=shapes.DeploymentChangeSerializer, responses=shapes.DeploymentSerializer)
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        status = read_body(shapes.DeploymentChangeSerializer, request)["status"]
        changed = services.set_deployment_status(deployment=self.get_object(), status=status)
        return Response(self.get_serializer(changed).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Stop a deployment; its signals stay."""
        services.set_deployment_status(deployment=self.get_object(), status="stopped")
        return Response(status=204)


def _deployable(request: Request, formula_id: int) -> Formula:
    """A formula the caller may run: their own, or any for an operator; raises `FormulaNotFound`."""
    formula = selectors.get_formula(request.user, formula_id, field="formula_id")
    if formula.author_id != request.user.pk and not has_role(request.user, OPERATOR):
        raise Forbidden("Only a formula's author or an operator may run it.")
    return formula


class SignalViewSet(viewsets.GenericViewSet[Signal], mixins.ListModelMixin, mixins.RetrieveModelMixin):
    """Signals of the formulas one may see, newest first."""

    serializer_class = shapes.SignalSerializer
    filterset_class = SignalFilter
    lookup_value_regex = ID
    queryset = Signal.objects.none()

    def get_queryset(self) -> QuerySet[Signal]:
        return selectors.signals_of(self.request.user)
