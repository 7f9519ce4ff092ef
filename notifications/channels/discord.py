"""Discord, through a webhook of a channel."""

import msgspec

from notifications.channels.base import (
    DeliveryFailed,
    Field,
    IncomingWebhook,
    Letter,
    Values,
    json_of,
    lines_of,
    post_letter,
    refusal,
    shortened,
    wait_of,
)

LONGEST = 2_000
GONE = (401, 404, 410)


class Discord(IncomingWebhook):
    key = "discord"
    label = "Discord"
    fields = (Field("webhook_url", "Webhook address", "https://discord.com/api/webhooks/…", is_secret=True),)
    service = "https://discord.com/api/webhooks/"

    def send(self, values: Values, letter: Letter) -> None:
        # Nothing in a text mentions anybody.
        body = {"content": shortened(lines_of(letter), LONGEST), "allowed_mentions": {"parse": []}}
        headers = {"Content-Type": "application/json"}
        answer = post_letter(values["webhook_url"], content=msgspec.json.encode(body), headers=headers)
        if answer.status == 429:
            asked = json_of(answer).get("retry_after") or answer.headers.get("retry-after")
            raise DeliveryFailed("It answered 429.", retry_after=wait_of(asked))
        if not 200 <= answer.status < 300:
            raise refusal(answer, gone=GONE)
