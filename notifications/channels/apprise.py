"""Any of a list of services that apprise speaks to: only those whose host is the service's own.

apprise opens its connections itself, so an address that a person could choose would lead anywhere. A scheme is on the
list when nothing in its address decides about the host.
"""

import apprise

from notifications.channels.base import DeliveryFailed, Field, Letter, Transport, Values, refuse, shortened

SCHEMES = {
    "clicksend": "ClickSend",
    "ifttt": "IFTTT",
    "join": "Join",
    "line": "LINE",
    "pagerduty": "PagerDuty",
    "pbul": "Pushbullet",
    "plivo": "Plivo",
    "pover": "Pushover",
    "prowl": "Prowl",
    "pushed": "Pushed",
    "pushy": "Pushy",
    "signl4": "SIGNL4",
    "threema": "Threema Gateway",
    "twilio": "Twilio",
    "vonage": "Vonage",
    "whatsapp": "WhatsApp",
    "wxteams": "Webex",
}
LONGEST = 4_000
CONNECT_WITHIN, READ_WITHIN = 5.0, 5.0
_ASSET = apprise.AppriseAsset(app_id="Signalbox", app_desc="Signalbox", plugin_paths=[], async_mode=False)


class Apprise(Transport):
    key = "apprise"
    label = "Another service"
    fields = (Field("url", "Address", "as apprise writes it, such as pover://user@token", is_secret=True),)

    def options(self) -> dict[str, str]:
        return {"schemes": ",".join(sorted(SCHEMES))}

    def check(self, values: Values) -> None:
        if _scheme(values["url"]) not in SCHEMES:
            raise refuse("url", f"The address begins with one of {', '.join(sorted(SCHEMES))}, and ://.")
        service = service_of(values["url"])
        if service is None:
            raise refuse("url", "This is not an address of that service.")
        if len(service) > 1:
            raise refuse("url", "The address names one receiver: others have channels of their own.")

    def address(self, values: Values) -> str:
        return f"{SCHEMES[_scheme(values['url'])]} …{values['url'].partition('?')[0].rstrip('/')[-3:]}"

    def send(self, values: Values, letter: Letter) -> None:
        service = service_of(values["url"])
        if service is None or _scheme(values["url"]) not in SCHEMES:
            raise DeliveryFailed("The service is not one of those offered.", is_permanent=True)
        body = shortened("\n\n".join(filter(None, [letter.text or letter.line, letter.url])), LONGEST)
        if not service.notify(title=shortened(letter.line, 200), body=body):
            raise DeliveryFailed(f"{SCHEMES[_scheme(values['url'])]} did not take it.")


def _scheme(url: str) -> str:
    return url.partition("://")[0].lower()


def service_of(url: str) -> apprise.NotifyBase | None:
    """The service that `url` describes; nothing in it may loosen how we connect, how often, or how long it takes.

    `len` of it is how many requests one message costs.
    """
    service = apprise.Apprise.instantiate(url, asset=_ASSET, suppress_exceptions=True)
    if not isinstance(service, apprise.NotifyBase):
        return None
    service.redirects = False
    # Tried again by us, as every channel; apprise would keep a worker waiting meanwhile.
    service.retry, service.wait = 0, 0.0
    service.overflow_mode = apprise.OverflowMode.TRUNCATE
    service.verify_certificate = True
    service.socket_connect_timeout, service.socket_read_timeout = CONNECT_WITHIN, READ_WITHIN
    return service
