"""How counts are made anonymous, in the words that stand on every page."""

from dataclasses import dataclass

from appliance.settings import Settings


@dataclass(frozen=True)
class AnonymityWords:
    """`is_off` is for a warning on every page."""

    is_off: bool
    text: str


def describe(settings: Settings) -> AnonymityWords:
    """One or two sentences on the mode that is set."""
    chosen = settings.anonymity
    if chosen.mode == "differential":
        return AnonymityWords(
            False,
            f"Anonymity: differential, epsilon {chosen.epsilon:g} a visit. Noise is added to counts before they are "
            f"stored; ± is their 95 % interval. What was counted in the last {settings.analysis.bucket_minutes} "
            "minutes or less is exact and not stored yet.",
        )
    if chosen.mode == "threshold":
        return AnonymityWords(
            False,
            f"Anonymity: threshold {chosen.k}. Counts are exact and appear hour by hour; where an hour counted fewer "
            f"than {chosen.k}, it is withheld, and totals leave it out.",
        )
    return AnonymityWords(True, f"Anonymity is off: counts are stored exact. Reason given: {chosen.reason.strip()}")
