"""What the worker does, all at once and in the test's own thread."""

from notifications.services.deliveries import claim_channels, work_on
from notifications.services.fan_out import expand_fan_outs


def deliver(rounds: int = 10) -> int:
    """Share out and send everything that is due by now; how many deliveries arrived."""
    sent = 0
    for _ in range(rounds):
        expand_fan_outs()
        claimed = claim_channels(50)
        sent += sum(work_on(channel_id) for channel_id in claimed)
        if not claimed:
            break
    return sent
