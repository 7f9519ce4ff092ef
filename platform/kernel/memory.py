"""The garbage collector's pauses: what is there to stay is not looked at again and again."""

import gc


def settle() -> None:
    """Take what is in memory now as there to stay.

    Python's full collections look at everything, with all threads waiting: a quarter of a second where a thousand
    formulas are loaded, at any moment. After this they look at what is younger alone. What has died since the last
    time is collected here, so call it where a pause does not matter.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


class Newcomers:
    """What comes to stay: once there is as much as `most`, memory is settled again."""

    def __init__(self, most: int) -> None:
        self._most, self._count = most, 0

    def add(self, count: int) -> None:
        self._count += count

    def settle(self) -> None:
        """Where many have come; a pause must not matter here."""
        if self._count >= self._most:
            self._count = 0
            settle()
