"""Jobs over REST and on sockets."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from kernel import jobs
from kernel.api.fields import MomentField
from kernel.models import Job
from kernel.realtime import Request as SocketRequest
from kernel.realtime import Socket, operation


class JobSerializer(serializers.ModelSerializer[Job]):
    """A job: `progress` from 0 to 1, `url` where to ask again."""

    created_at = MomentField(read_only=True)
    started_at = MomentField(read_only=True, allow_null=True)
    finished_at = MomentField(read_only=True, allow_null=True)
    url = serializers.SerializerMethodField()

    class Meta:
        model = Job
        fields = (
            "id",
            "kind",
            "status",
            "progress",
            "message",
            "result",
            "error",
            "created_at",
            "started_at",
            "finished_at",
            "url",
        )

    def get_url(self, job: Job) -> str:
        """The job's own address under the prefix this request came by."""
        request = self.context["request"]
        prefix = request.path_info.partition("/jobs")[0] if "/jobs" in request.path_info else "/api/v1"
        return str(request.build_absolute_uri(f"{prefix}/jobs/{job.pk}"))


class JobViewSet(viewsets.GenericViewSet[Job], mixins.ListModelMixin, mixins.RetrieveModelMixin):
    """One's own long work; operators see all."""

    serializer_class = JobSerializer
    queryset = Job.objects.none()
    lookup_value_regex = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

    def get_queryset(self) -> QuerySet[Job]:
        return Job.objects.visible_to(self.request.user)

    @extend_schema(responses={200: JobSerializer})
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Cancel a job that has not ended."""
        return Response(self.get_serializer(jobs.cancel(job=self.get_object())).data)


class JobsSubscribe(SocketRequest, frozen=True, kw_only=True):
    """One job, or all of one's own."""

    id: str | None = None


@operation("jobs.subscribe", JobsSubscribe)
async def subscribe_to_jobs(socket: Socket, request: JobsSubscribe) -> dict[str, Any]:
    """Receive `job.progress` of one's own jobs."""
    wanted = request.id
    await socket.listen(f"jobs:{socket.user.pk}", (lambda job: job["id"] == wanted) if wanted else None)
    return {}


router = SimpleRouter(trailing_slash=False)
router.register("jobs", JobViewSet, basename="job")
urlpatterns = router.urls
