"""Slack, through an incoming webhook."""

from notifications.channels.base import Field, IncomingWebhook, Letter, Values, lines_of, post_json, shortened

LONGEST = 10_000
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


class Slack(IncomingWebhook):
    key = "slack"
    label = "Slack"
    fields = (Field("webhook_url", "Webhook address", "https://hooks.slack.com/services/…", is_secret=True),)
    service = "https://hooks.slack.com/"

    def send(self, values: Values, letter: Letter) -> None:
        # Escaped as Slack asks, so that nothing in a text mentions everybody or links elsewhere.
        text = shortened(lines_of(letter), LONGEST).translate(_ESCAPES)
        post_json(values["webhook_url"], {"text": text, "mrkdwn": False, "unfurl_links": False})
