"""Telling whoever keeps bars in memory, in any process, that they have changed."""

from datafeed.models import Series, new_edition


def note_appended(*, series_id: int) -> None:
    """Bars later than all others were recorded: what is kept of the earlier ones stays true."""
    Series.objects.filter(pk=series_id).update(revision=new_edition())


def note_rewritten(*, series_id: int) -> None:
    """Bars came or went otherwise: nothing that is kept of this series is to be believed."""
    Series.objects.filter(pk=series_id).update(edition=new_edition(), revision=new_edition())


def note_written(*, series_id: int, newest: int | None, earliest: int) -> None:
    """Bars from `earliest` on (epoch seconds UTC) are recorded after the former `newest`, or else in between."""
    if newest is not None and earliest > newest:
        note_appended(series_id=series_id)
    else:
        note_rewritten(series_id=series_id)
