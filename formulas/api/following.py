"""The doors to subscriptions and reviews."""

from typing import Any, cast

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from formulas import selectors, services
from formulas.api import following_shapes as shapes
from formulas.api.filters import ReviewFilter
from formulas.api.serializers import FormulaSerializer
from formulas.api.views import ID, read_body
from formulas.models import Formula, Review, Subscription
from kernel.api.idempotency import idempotent


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
        formula_id = read_body(shapes.SubscriptionWriteSerializer, request)["formula_id"]
        formula = selectors.get_formula(request.user, formula_id, field="formula_id")
        subscription = services.subscribe_to_formula(user=request.user, formula=formula)
        return Response(self.get_serializer(subscription).data, status=201)

    @extend_schema(request=shapes.SubscriptionChangeSerializer, responses=shapes.SubscriptionSerializer)
    def partial_update(self, request: Request, formula_id: int) -> Response:
        notify = read_body(shapes.SubscriptionChangeSerializer, request)["notify"]
        changed = services.change_subscription(user=request.user, formula_id=formula_id, notify=notify)
        return Response(self.get_serializer(changed).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, formula_id: int) -> Response:
        services.unsubscribe_from_formula(user=request.user, formula_id=formula_id)
        return Response(status=204)

    @extend_schema(responses=FormulaSerializer(many=True))
    @action(detail=False)
    def formulas(self, request: Request) -> Response:
        """The formulas one actively follows, as the marketplace shows them."""
        followed = selectors.followed_by(request.user, Formula.objects.visible_to(request.user), True)
        page = self.paginate_queryset(cast(Any, selectors.as_shown(request.user, followed)))
        rows = FormulaSerializer(cast(Any, page), many=True, context=self.get_serializer_context())
        return self.get_paginated_response(cast(Any, rows.data))

    @extend_schema(responses=shapes.SubscriptionStatusSerializer)
    @action(detail=True)
    def status(self, request: Request, formula_id: int) -> Response:
        """Whether one gets the formula's signals."""
        subscription = self.get_queryset().filter(formula_id=formula_id).first()
        if subscription is None:
            selectors.get_formula(request.user, formula_id)
        body = {
            "formula_id": int(formula_id),
            "is_subscribed": subscription is not None and subscription.is_active,
            "subscription": subscription,
        }
        return Response(shapes.SubscriptionStatusSerializer(body, context=self.get_serializer_context()).data)

    @extend_schema(request=None, responses=shapes.SubscriptionSerializer)
    @action(detail=True, methods=["post"])
    def toggle(self, request: Request, formula_id: int) -> Response:
        """Switch the subscription on or off."""
        changed = services.toggle_subscription(user=request.user, formula_id=formula_id)
        return Response(self.get_serializer(changed).data)


class ReviewViewSet(viewsets.GenericViewSet[Review]):
    """Reviews by subscribers."""

    serializer_class = shapes.ReviewSerializer
    filterset_class: type[ReviewFilter] | None = None
    lookup_value_regex = ID
    queryset = Review.objects.none()

    def get_queryset(self) -> QuerySet[Review]:
        return selectors.reviews_of(self.request.user)

    def _own(self) -> Review:
        return get_object_or_404(self.get_queryset(), pk=self.kwargs["pk"], user_id=self.request.user.pk)

    @extend_schema(request=shapes.ReviewWriteSerializer, responses={201: shapes.ReviewSerializer})
    @idempotent
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        fields = read_body(shapes.ReviewWriteSerializer, request)
        formula = selectors.get_formula(request.user, fields.pop("formula_id"), field="formula_id")
        review = services.review_formula(user=request.user, formula=formula, **fields)
        return Response(self.get_serializer(review).data, status=201)

    @extend_schema(request=shapes.ReviewChangeSerializer, responses=shapes.ReviewSerializer)
    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        fields = read_body(shapes.ReviewChangeSerializer, request)
        return Response(self.get_serializer(services.change_review(review=self._own(), **fields)).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        services.delete_review(review=self._own())
        return Response(status=204)

    @extend_schema(responses=shapes.ReviewSerializer(many=True))
    @action(detail=False, url_path=rf"formula/(?P<formula_id>{ID})", filterset_class=ReviewFilter)
    def formula(self, request: Request, formula_id: int) -> Response:
        """The reviews of one formula, newest first."""
        formula = selectors.get_formula(request.user, formula_id)
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset().filter(formula=formula)))
        return self.get_paginated_response(cast(Any, self.get_serializer(cast(Any, page), many=True).data))

    @extend_schema(responses=shapes.ReviewStatsSerializer)
    @action(detail=False, url_path=rf"formula/(?P<formula_id>{ID})/stats", pagination_class=None)
    def stats(self, request: Request, formula_id: int) -> Response:
        """How many gave how many points."""
        return Response(selectors.review_stats(selectors.get_formula(request.user, formula_id)))
