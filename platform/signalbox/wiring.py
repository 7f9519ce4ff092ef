"""The way a bar goes, from the provider to the screen: read this page from top to bottom.

Handlers, background tasks and what a lower app needs from a higher one are connected here and nowhere else.
"""

from django.conf import settings
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db.models.signals import post_delete

from accounts import mails  # noqa: F401  registers its jobs
from accounts.events import (
    ApiKeyRevoked,
    KycErased,
    KycReviewed,
    SessionRevoked,
    UserChanged,
    UserDeleted,
    UserRegistered,
)
from accounts.handlers import (
    close_key_sockets,
    close_session_sockets,
    close_user_sockets,
    note_panel_sign_in,
    note_panel_sign_out,
)
from accounts.services import forget_old_invitations, forget_old_links, forget_old_sessions
from accounts.sockets import authenticate_sockets, still_good
from accounts.tasks import sweep_kyc
from accounts.throttling import forget_old_failures
from datafeed.events import BarClosed, FeedFell, FeedRecovered, GapFilled
from datafeed.marks import use_marks
from datafeed.services import fill_gaps, forget_old_bars, forget_old_files, make_partitions
from datafeed.tasks import run_feed
from formulas import backtests, parity, scoring, sweeps  # noqa: F401  register their jobs
from formulas.events import AlertRaised, SignalRaised, SubscriptionChanged
from formulas.handlers import count_without, evaluate_formulas, go_on_after_gap, push_signal
from formulas.models import Review, Subscription
from formulas.selectors import marks_of
from formulas.tasks import catch_up, end_waits, keep_certificates, keep_records, warm_up
from kernel.api.idempotency import forget_old_answers
from kernel.audit import cut_old_entries
from kernel.background import every, keep_running, on_thread
from kernel.events import on, retry_pending
from kernel.jobs import requeue_abandoned, run_jobs
from kernel.realtime import use_authenticator, use_stream_source
from kernel.realtime.rechecks import use_rechecker, watch_sockets
from notifications.deliverer import run_deliveries
from notifications.events import InboxChanged, NotificationCreated
from notifications.following import watch_inboxes
from notifications.handlers import (
    follow_subscription,
    forget_deleted_person,
    join_own_streams,
    move_streams,
    notify_of_alert,
    notify_subscribers,
    push_to_sockets,
    redact_erased_reviews,
    tell_of_review,
    tell_operators_of_feed,
    tell_other_screens,
)
from notifications.selectors import NotificationStreams
from notifications.services import forget_old_deliveries, forget_old_notifications, tell_held_back
from notifications.tasks import keep_marking_published, sweep_unpublished
from portfolio.events import PositionChanged
from portfolio.handlers import push_position


def wire() -> None:
    """Connect everything; called once, when all apps are loaded."""
    # From the market to the person.
    on(BarClosed, evaluate_formulas)
    on(GapFilled, go_on_after_gap)
    on(SignalRaised, notify_subscribers, push_signal)
    on(AlertRaised, notify_of_alert)
    on(PositionChanged, push_position)
    on(FeedFell, tell_operators_of_feed)
    on(FeedRecovered, tell_operators_of_feed)
    on(NotificationCreated, push_to_sockets)
    on(InboxChanged, tell_other_screens)

    # People come, move and go.
    on(UserRegistered, join_own_streams)
    on(UserChanged, move_streams, close_user_sockets)
    on(UserDeleted, forget_deleted_person)
    on(SessionRevoked, close_session_sockets)
    on(ApiKeyRevoked, close_key_sockets)
    on(SubscriptionChanged, follow_subscription)
    on(KycReviewed, tell_of_review)
    on(KycErased, redact_erased_reviews)
    post_delete.connect(count_without, sender=Subscription, dispatch_uid="count_without_subscription")
    post_delete.connect(count_without, sender=Review, dispatch_uid="count_without_review")
    user_logged_in.connect(note_panel_sign_in, dispatch_uid="note_panel_sign_in")
    user_logged_out.connect(note_panel_sign_out, dispatch_uid="note_panel_sign_out")

    # What the floor asks of the apps above it.
    use_authenticator(authenticate_sockets)
    use_rechecker(still_good)
    use_stream_source(NotificationStreams())
    use_marks(marks_of)

    # What a server does beside answering. The leader's tasks run in one process at a time.
    keep_running("sockets", watch_sockets)
    keep_running("inboxes", watch_inboxes)
    keep_running("feed", _feed, by_leader=True)
    keep_running("gaps", lambda: every(60, fill_gaps), by_leader=True)
    keep_running("warm-up", lambda: every(1, warm_up), by_leader=True)
    keep_running("waits", lambda: every(60, end_waits), by_leader=True)
    keep_running("published", keep_marking_published)
    keep_running("notifications", lambda: every(1, sweep_unpublished), by_leader=True)
    keep_running("summaries", lambda: every(5, tell_held_back), by_leader=True)
    keep_running("deliveries", run_deliveries)
    keep_running("events", lambda: every(1, retry_pending), by_leader=True)
    keep_running("kyc", lambda: every(900, sweep_kyc), by_leader=True)
    keep_running("certificates", lambda: every(60, keep_certificates), by_leader=True)
    keep_running("records", lambda: every(300, keep_records), by_leader=True)
    keep_running("housekeeping", lambda: every(3600, _tidy_up), by_leader=True)
    if settings.JOBS_RUN_BY_CELERY:
        keep_running("jobs", lambda: every(10, requeue_abandoned), by_leader=True)
    else:
        keep_running("jobs", run_jobs)


def _tidy_up() -> None:
    """Delete what need not be kept any longer."""
    forget_old_answers()
    forget_old_sessions()
    forget_old_failures()
    forget_old_links()
    forget_old_invitations()
    cut_old_entries()
    forget_old_deliveries()
    forget_old_notifications()
    forget_old_files()
    forget_old_bars()
    make_partitions()


async def _feed() -> None:
    """First what closed while nobody was looking, then the market as it goes on."""
    await on_thread(catch_up)
    await run_feed()
