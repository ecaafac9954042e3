"""How counts are made anonymous, in the words that stand on every page."""

from dataclasses import dataclass

from appliance.settings import Settings
from appliance.web.wording import gettext, this_language


@dataclass(frozen=True)
class AnonymityWords:
    """`is_off` is for a warning on every page."""

    is_off: bool
    text: str


def describe(settings: Settings) -> AnonymityWords:
    """One or two sentences on the mode that is set."""
    chosen = settings.anonymity
    if chosen.mode == "differential":
        text = gettext(
            "Anonymity: differential, epsilon %(epsilon)s a visit. Noise is added to counts before they are stored; "
            "± is their 95 %% interval. What was counted in the last %(minutes)s minutes or less is exact and not "
            "stored yet.",
            epsilon=this_language().decimal(chosen.epsilon),
            minutes=settings.analysis.bucket_minutes,
        )
        return AnonymityWords(False, text)
    if chosen.mode == "threshold":
        text = gettext(
            "Anonymity: threshold %(k)s. Counts are exact and appear hour by hour; where an hour counted fewer than "
            "%(k)s, it is withheld, and totals leave it out.",
            k=chosen.k,
        )
        return AnonymityWords(False, text)
    reason = chosen.reason.strip()
    return AnonymityWords(
        True, gettext("Anonymity is off: counts are stored exact. Reason given: %(reason)s", reason=reason)
    )
