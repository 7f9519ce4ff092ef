"""The page behind a link in a message that answers: looking changes nothing, the button does."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from notifications.services.answers import answer_by_link, find_answer_link, is_good

ANSWERS = ("accept", "reject")
PAGE = "notifications/answer.html"


# The token is the credential; no cookie takes part.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def answer(request: HttpRequest, token: str) -> HttpResponse:
    """Show what is asked and two buttons; POST `answer=accept|reject` answers, once."""
    link = find_answer_link(token)
    if link is None:
        raise Http404
    given = request.POST.get("answer", "")
    shown = {"notification": link.delivery.notification, "is_good": is_good(link), "given": ""}
    if request.method == "POST" and given in ANSWERS and shown["is_good"]:
        answer_by_link(link=link, response=given)
        shown["given"] = given
    page = render(request, PAGE, shown)
    page["Referrer-Policy"] = "no-referrer"
    page["X-Robots-Tag"] = "noindex"
    return page
