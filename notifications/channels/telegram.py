"""Telegram, through a bot of one's own."""

from typing import Any

import msgspec

from notifications.channels.base import (
    DeliveryFailed,
    Field,
    Letter,
    Transport,
    Values,
    json_of,
    lines_of,
    post_letter,
    shortened,
    wait_of,
)

LONGEST = 4_000
FROM_BOTFATHER = r"[0-9]{3,20}:[A-Za-z0-9_-]{20,100}"
QUIET = {"low", "info"}
GONE = {401, 403, 404}
BUSY = {408, 429}


class Telegram(Transport):
    """The bot's token comes from @BotFather; the chat is one that has written to the bot or that it was added to."""

    key = "telegram"
    label = "Telegram"
    fields = (
        Field("bot_token", "Bot token", "from @BotFather", is_secret=True, pattern=FROM_BOTFATHER),
        Field("chat_id", "Chat", "its number, or @name of a channel", pattern=r"-?[0-9]{1,20}|@[A-Za-z0-9_]{4,64}"),
    )
    reaches_one_person = True
    service = "https://api.telegram.org"

    def address(self, values: Values) -> str:
        return values["chat_id"]

    def send(self, values: Values, letter: Letter) -> None:
        url = f"{self.service}/bot{values['bot_token']}/sendMessage"
        body = msgspec.json.encode(_message(values["chat_id"], letter))
        answer = post_letter(url, content=body, headers={"Content-Type": "application/json"})
        said = json_of(answer)
        if answer.status == 200 and said.get("ok") is True:
            return
        parameters = said.get("parameters")
        asked = parameters.get("retry_after") if isinstance(parameters, dict) else None
        raise DeliveryFailed(
            shortened(f"Telegram answered {answer.status}: {said.get('description', 'nothing')}", 200),
            is_permanent=400 <= answer.status < 500 and answer.status not in BUSY,
            is_gone=answer.status in GONE,
            retry_after=wait_of(asked or answer.headers.get("retry-after")),
        )


def _message(chat_id: str, letter: Letter) -> dict[str, Any]:
    # Telegram refuses a whole message for a button whose address is not on the internet.
    has_button = letter.answer_url.startswith("https://")
    text = f"{letter.line}\n\n{letter.text}".strip() if has_button else lines_of(letter)
    message: dict[str, Any] = {
        "chat_id": chat_id,
        "text": shortened(text, LONGEST),
        "disable_notification": letter.priority in QUIET,
        "link_preview_options": {"is_disabled": True},
    }
    if has_button:
        message["reply_markup"] = {"inline_keyboard": [[{"text": "Answer", "url": letter.answer_url}]]}
    return message
