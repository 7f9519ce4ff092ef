"""The doors to formulas, deployments, signals, subscriptions and reviews."""

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
from formulas.api.filters import FormulaFilter, SignalFilter
from formulas.models import Deployment, Formula, Review, Signal, Subscription, Tag
from kernel.api.etags import check_if_match, etag
from kernel.api.idempotency import idempotent
from kernel.errors import Forbidden
from kernel.permissions import OPERATOR, has_role

ID = "[1-9][0-9]{0,17}"


def _read(serializer: type[Serializer[Any]], request: Request, *, partial: bool = False) -> dict[str, Any]:
    """The request's body as `serializer` understands it; raises a validation error that names each field."""
    reader = serializer(data=request.data, partial=partial)
    reader.is_valid(raise_exception=True)
    return cast(dict[str, Any], reader.validated_data)


class FormulaViewSet(viewsets.GenericViewSet[Formula], mixins.ListModelMixin):
    """The marketplace and one's own formulas."""

    serializer_class = shapes.FormulaSerializer
    text_limit = shapes.LONGEST_CODE
    required_scope = {"validate": "read"}
    filterset_class = FormulaFilter
    lookup_value_regex = ID
    queryset = Formula.objects.none()

    def get_queryset(self) -> QuerySet[Formula]:
        formulas = Formula.objects.visible_to(self.request.user)
        by = self.request.query_params.get("ordering", "").removeprefix("-")
        return selectors.with_figures(formulas) if by in selectors.FIGURES else formulas

    def as_shown(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Asked for those of one page alone: counting all of them needs none of it. Versions need nothing more."""
        return selectors.as_shown(self.request.user, rows) if rows.model is Formula else rows

    def _own(self) -> Formula:
        """The formula of this URL, if it is the caller's to change: another's does not exist."""
        own = Formula.objects.visible_to(self.request.user).editable_by(self.request.user)
        return get_object_or_404(own.select_related("version"), pk=self.kwargs["pk"])

    def _shown(self, pk: int, status: int = 200) -> Response:
        formula = get_object_or_404(self.as_shown(self.get_queryset()), pk=pk)
        body = self.get_serializer(formula).data
        return Response(body, status=status, headers={"ETag": _etag(formula)})

    @extend_schema(request=shapes.FormulaWriteSerializer, responses={201: shapes.FormulaSerializer})
    @idempotent
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        fields = _read(shapes.FormulaWriteSerializer, request)
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
        fields = _read(shapes.FormulaWriteSerializer, request, partial=partial)
        services.change_formula(formula=formula, **fields)
        return self._shown(formula.pk)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        formula = self._own()
        check_if_match(request, _etag(formula))
        services.delete_formula(formula=formula)
        return Response(status=204)

    @extend_schema(request=shapes.CodeSerializer, responses=shapes.CheckSerializer)
    @action(detail=False, methods=["post"], filterset_class=None, pagination_class=None)
    def validate(self, request: Request) -> Response:
        """Say whether code compiles, and where it does not."""
        code = _read(shapes.CodeSerializer, request)["formula_code"]
        return Response(selectors.check_formula(code))

    @extend_schema(responses={200: {"type": "array", "items": {"type": "string"}}})
    @action(detail=False, filterset_class=None, pagination_class=None)
    def categories(self, request: Request) -> Response:
        """The categories in use."""
        visible = Formula.objects.visible_to(request.user).exclude(category="")
        return Response(sorted(set(visible.order_by().values_list("category", flat=True).distinct())))

    @extend_schema(responses={200: {"type": "array", "items": {"type": "string"}}})
    @action(detail=False, filterset_class=None, pagination_class=None)
    def tags(self, request: Request) -> Response:
        """The tags in use."""
        visible = Formula.objects.visible_to(request.user)
        return Response(list(Tag.objects.filter(formulas__in=visible).distinct().values_list("name", flat=True)))

    @extend_schema(responses=shapes.VersionSerializer(many=True))
    @action(detail=True, filterset_class=None)
    def versions(self, request: Request, pk: int) -> Response:
        """The history of a formula's versions, newest first."""
        formula = selectors.get_formula(request.user, pk)
        page = self.paginate_queryset(cast(Any, formula.versions.all()))
        context = {"may_read_code": selectors.may_read_code(request.user, formula)}
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
    lookup_value_regex = ID
    queryset = Deployment.objects.none()

    def get_queryset(self) -> QuerySet[Deployment]:
        return selectors.deployments_of(self.request.user)

    @extend_schema(request=shapes.DeploymentWriteSerializer, responses={201: shapes.DeploymentSerializer})
    @idempotent
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        fields = _read(shapes.DeploymentWriteSerializer, request)
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
        status = _read(shapes.DeploymentChangeSerializer, request)["status"]
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


class SubscriptionViewSet(viewsets.GenericViewSet[Subscription], mixins.ListModelMixin):
    """The formulas one follows, by formula id."""

    serializer_class = shapes.SubscriptionSerializer
    lookup_field = "formula_id"
    lookup_value_regex = ID
    queryset = Subscription.objects.none()

    def get_queryset(self) -> QuerySet[Subscription]:
        return Subscription.objects.visible_to(self.request.user).select_related("formula__author")

    @extend_schema(request=shapes.SubscriptionWriteSerializer, responses={201: shapes.SubscriptionSerializer})
    @idempotent
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        formula_id = _read(shapes.SubscriptionWriteSerializer, request)["formula_id"]
        formula = selectors.get_formula(request.user, formula_id, field="formula_id")
        subscription = services.subscribe_to_formula(user=request.user, formula=formula)
        return Response(self.get_serializer(subscription).data, status=201)

    @extend_schema(request=shapes.SubscriptionChangeSerializer, responses=shapes.SubscriptionSerializer)
    def partial_update(self, request: Request, formula_id: int) -> Response:
        notify = _read(shapes.SubscriptionChangeSerializer, request)["notify"]
        changed = services.change_subscription(user=request.user, formula_id=formula_id, notify=notify)
        return Response(self.get_serializer(changed).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, formula_id: int) -> Response:
        services.unsubscribe_from_formula(user=request.user, formula_id=formula_id)
        return Response(status=204)

    @extend_schema(request=None, responses=shapes.SubscriptionSerializer)
    @action(detail=True, methods=["post"])
    def toggle(self, request: Request, formula_id: int) -> Response:
        """Switch the subscription on or off."""
        changed = services.toggle_subscription(user=request.user, formula_id=formula_id)
        return Response(self.get_serializer(changed).data)


class ReviewViewSet(viewsets.GenericViewSet[Review]):
    """Reviews by subscribers."""

    serializer_class = shapes.ReviewSerializer
    lookup_value_regex = ID
    queryset = Review.objects.none()

    def get_queryset(self) -> QuerySet[Review]:
        return Review.objects.visible_to(self.request.user).select_related("user")

    def _own(self) -> Review:
        return get_object_or_404(self.get_queryset(), pk=self.kwargs["pk"], user_id=self.request.user.pk)

    @extend_schema(request=shapes.ReviewWriteSerializer, responses={201: shapes.ReviewSerializer})
    @idempotent
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        fields = _read(shapes.ReviewWriteSerializer, request)
        formula = selectors.get_formula(request.user, fields.pop("formula_id"), field="formula_id")
        review = services.review_formula(user=request.user, formula=formula, **fields)
        return Response(self.get_serializer(review).data, status=201)

    @extend_schema(request=shapes.ReviewChangeSerializer, responses=shapes.ReviewSerializer)
    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        fields = _read(shapes.ReviewChangeSerializer, request)
        return Response(self.get_serializer(services.change_review(review=self._own(), **fields)).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        services.delete_review(review=self._own())
        return Response(status=204)

    @extend_schema(responses=shapes.ReviewSerializer(many=True))
    @action(detail=False, url_path=rf"formula/(?P<formula_id>{ID})")
    def formula(self, request: Request, formula_id: int) -> Response:
        """The reviews of one formula, newest first."""
        formula = selectors.get_formula(request.user, formula_id)
        page = self.paginate_queryset(self.get_queryset().filter(formula=formula))
        return self.get_paginated_response(cast(Any, self.get_serializer(cast(Any, page), many=True).data))
