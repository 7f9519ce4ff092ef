"""What somebody's preferences say: which ways a notification takes, and when."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from kernel.errors import Invalid
from notifications.channels import ways
from notifications.models import PRIORITY_RANKS

DIGESTS = ("off", "hourly", "daily")
DIGEST_HOUR = 8  # of the day of whoever gets a daily digest
MOST_TYPES = 100
NAMES = ("channels", "min_priority", "quiet_hours", "digest")

_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_TYPE = re.compile(r"[-a-zA-Z0-9_]{1,50}")


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` to `end` on the clocks of `timezone`, across midnight where `end` is the earlier."""

    start: time
    end: time
    timezone: str

    def until(self, moment: datetime) -> datetime | None:
        """When the quiet hours around `moment` end, in UTC; none outside of them."""
        zone = ZoneInfo(self.timezone)
        local = moment.astimezone(zone)
        clock_time = local.time().replace(tzinfo=None, fold=0)
        if self.start < self.end:
            is_quiet = self.start <= clock_time < self.end
        else:
            is_quiet = clock_time >= self.start or clock_time < self.end
        return _next(self.end, moment, zone) if is_quiet else None


def _next(at: time, after: datetime, zone: ZoneInfo) -> datetime:
    """The first moment later than `after` at which clocks in `zone` show `at`, or pass it when they are put forward."""
    today = after.astimezone(zone).date()
    for days in range(3):
        for fold in (0, 1):  # where clocks are put back, they show the same time twice
            found = datetime.combine(today + timedelta(days=days), at, zone).replace(fold=fold).astimezone(UTC)
            if found > after:
                return found
    raise ValueError(f"{at} never comes")


@dataclass(frozen=True, slots=True)
class Rule:
    """How notifications of one type reach somebody."""

    channels: frozenset[str] = field(default_factory=lambda: frozenset(ways()))
    min_priority: str = "info"
    quiet_hours: QuietHours | None = None
    digest: str = "off"

    def wants(self, way: str, priority: str) -> bool:
        return way in self.channels and PRIORITY_RANKS[priority] >= PRIORITY_RANKS[self.min_priority]

    def is_collected(self, priority: str) -> bool:
        """Whether it waits for a digest; what is critical never does."""
        return self.digest != "off" and priority != "critical"

    def due_at(self, priority: str, moment: datetime) -> datetime:
        """When a notification of `moment` may be sent, in UTC; what is critical breaks through everything."""
        if priority == "critical":
            return moment
        due = self._digest_after(moment)
        return (self.quiet_hours and self.quiet_hours.until(due)) or due

    def _digest_after(self, moment: datetime) -> datetime:
        if self.digest == "hourly":
            return moment.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        if self.digest == "daily":
            zone = ZoneInfo(self.quiet_hours.timezone if self.quiet_hours else "UTC")
            return _next(time(DIGEST_HOUR), moment, zone)
        return moment


class Rules:
    """The whole of somebody's preferences; a type says only what differs from the default."""

    def __init__(self, kept: Mapping[str, Any] | None = None) -> None:
        self._kept = kept or {}

    @cached_property
    def default(self) -> Rule:
        return _rule(self._kept.get("default", {}))

    def of(self, type: str) -> Rule:
        own = self._kept.get("types", {}).get(type)
        return _rule({**self._kept.get("default", {}), **own}) if own else self.default

    def mutes(self, way: str, type: str) -> bool:
        """Whether notifications of `type` do not take `way` at all."""
        return way not in self.of(type).channels

    def muted(self, way: str) -> tuple[bool, set[str]]:
        """Whether `way` is muted for all that is not named, and the types with which it is the other way round."""
        is_muted = way not in self.default.channels
        return is_muted, {type for type in self._kept.get("types", {}) if self.mutes(way, type) != is_muted}

    def shown(self) -> dict[str, Any]:
        """`{default, types}` with every rule in full."""
        return {
            "default": _shown(self.default),
            "types": {type: _shown(self.of(type)) for type in sorted(self._kept.get("types", {}))},
        }


def _rule(kept: Mapping[str, Any]) -> Rule:
    values: dict[str, Any] = {name: kept[name] for name in ("min_priority", "digest") if name in kept}
    if "channels" in kept:
        values["channels"] = frozenset(kept["channels"])
    if quiet := kept.get("quiet_hours"):
        start, end = time.fromisoformat(quiet["start"]), time.fromisoformat(quiet["end"])
        values["quiet_hours"] = QuietHours(start, end, quiet["timezone"])
    return Rule(**values)


def _shown(rule: Rule) -> dict[str, Any]:
    quiet = rule.quiet_hours
    return {
        "channels": [way for way in ways() if way in rule.channels],
        "min_priority": rule.min_priority,
        "quiet_hours": quiet
        and {"start": f"{quiet.start:%H:%M}", "end": f"{quiet.end:%H:%M}", "timezone": quiet.timezone},
        "digest": rule.digest,
    }


def check_rules(given: Mapping[str, Any]) -> dict[str, Any]:
    """`{default?, types?}` as it is to be kept; raises `Invalid` naming everything in it that is wrong."""
    if not isinstance(given, Mapping):
        raise Invalid(errors={"non_field_errors": ["An object is required."]})
    errors: dict[str, list[str]] = {}
    found: dict[str, Any] = {}
    rule = _checked(given.get("default", {}), "default", errors)
    if rule:
        found["default"] = rule
    types = given.get("types", {})
    if not isinstance(types, Mapping) or len(types) > MOST_TYPES:
        errors["types"] = [f"An object of at most {MOST_TYPES} types is required."]
        types = {}
    for type, own in types.items():
        if not _TYPE.fullmatch(type):
            errors[f"types.{type[:50]}"] = ["A type is a slug of at most 50 characters."]
        else:
            found.setdefault("types", {})[type] = _checked(own, f"types.{type}", errors)
    if errors:
        raise Invalid(errors=errors)
    return found


def _checked(given: Any, path: str, errors: dict[str, list[str]]) -> dict[str, Any]:
    """One rule; what is wrong in it is added to `errors` by its path."""
    if not isinstance(given, Mapping):
        errors[path] = ["An object is required."]
        return {}
    for name in _strange(given, NAMES):
        errors[f"{path}.{name}"] = ["There is no such field."]
    checks = {
        "channels": (_are_ways, f"A list of {', '.join(ways())} is required."),
        "min_priority": (
            lambda value: isinstance(value, str) and value in PRIORITY_RANKS,
            f"One of {', '.join(PRIORITY_RANKS)}.",
        ),
        "digest": (lambda value: isinstance(value, str) and value in DIGESTS, f"One of {', '.join(DIGESTS)}."),
    }
    for name, (is_good, message) in checks.items():
        if name in given and not is_good(given[name]):
            errors[f"{path}.{name}"] = [message]
    if given.get("quiet_hours") is not None:
        _check_quiet_hours(given["quiet_hours"], f"{path}.quiet_hours", errors)
    return {name: given[name] for name in NAMES if name in given}


def _check_quiet_hours(given: Any, path: str, errors: dict[str, list[str]]) -> None:
    if not isinstance(given, Mapping):
        errors[path] = ["An object with start, end and timezone is required."]
        return
    for name in _strange(given, ("start", "end", "timezone")):
        errors[f"{path}.{name}"] = ["There is no such field."]
    for name in ("start", "end"):
        if not isinstance(given.get(name), str) or not _TIME.fullmatch(given[name]):
            errors[f"{path}.{name}"] = ["A time such as 22:00 is required."]
    if not isinstance(given.get("timezone"), str) or given["timezone"] not in available_timezones():
        errors[f"{path}.timezone"] = ["A time zone such as Europe/Berlin is required."]
    if given.get("start") == given.get("end") and f"{path}.end" not in errors:
        errors[f"{path}.end"] = ["It must differ from the start."]


def _are_ways(value: Any) -> bool:
    known = ways()
    return isinstance(value, list) and len(value) <= len(known) and all(one in known for one in value)


def _strange(given: Mapping[str, Any], known: tuple[str, ...]) -> list[str]:
    return sorted(str(name)[:100] for name in set(given) - set(known))[:20]
