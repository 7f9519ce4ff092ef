"""ntfy, on its public server or one's own."""

from typing import Any

from notifications.channels.base import Field, Letter, Transport, Values, check_address, post_json, shortened

LONGEST = 4_000
PRIORITIES = {"critical": 5, "high": 4, "error": 4, "medium": 3, "low": 2, "info": 2}


class Ntfy(Transport):
    key = "ntfy"
    label = "ntfy"
    fields = (
        Field("server", "Server", "of one's own, or none", is_required=False, default="https://ntfy.sh"),
        Field("topic", "Topic", "who knows it can read along", pattern=r"[A-Za-z0-9_-]{1,64}"),
        Field("token", "Access token", "where the topic needs one", is_secret=True, is_required=False,
              pattern=r"[A-Za-z0-9_-]{1,200}"),
    )  # fmt: skip

    def check(self, values: Values) -> None:
        check_address("server", values["server"])

    def address(self, values: Values) -> str:
        return f"{values['server'].rstrip('/')}/{values['topic']}"

    def identity(self, values: Values) -> str:
        return self.address(values)

    def send(self, values: Values, letter: Letter) -> None:
        headers = {"Authorization": f"Bearer {values['token']}"} if values.get("token") else {}
        post_json(values["server"], _message(values["topic"], letter), headers)


def _message(topic: str, letter: Letter) -> dict[str, Any]:
    message: dict[str, Any] = {
        "topic": topic,
        "title": shortened(letter.line, 200),
        "message": shortened(letter.text or letter.line, LONGEST),
        "priority": PRIORITIES.get(letter.priority, 3),
    }
    if letter.url:
        message["click"] = letter.url
    return message
