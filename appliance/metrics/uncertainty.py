"""What is known of a sum of noisy numbers: its 95 % interval, from the variances that are stored with them."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

NORMAL_QUANTILE = 1.959964
# Excess kurtosis of the Laplace distribution; the discrete one's is within a few hundredths wherever it matters.
LAPLACE_EXCESS = 3.0


def variance_of_noise(scale: float) -> float:
    """Variance of discrete Laplace noise with P(x) proportional to exp(-|x| / scale)."""
    part = math.exp(-1.0 / scale)
    return 2.0 * part / (1.0 - part) ** 2


@dataclass(frozen=True, slots=True)
class Noise:
    """What is known of the noise in a sum of independent noisy numbers: sums of variances and of their squares."""

    variance: float = 0.0
    squares: float = 0.0

    @classmethod
    def of(cls, variance: float) -> Self:
        """The noise of one number."""
        return cls(variance, variance * variance)

    def __add__(self, other: "Noise") -> "Noise":
        return Noise(self.variance + other.variance, self.squares + other.squares)

    def __bool__(self) -> bool:
        return self.variance > 0.0

    @property
    def margin(self) -> float:
        """Half the width of the 95 % interval around the sum; 0 for exact sums.

        The normal quantile, corrected for the heavier tails of few terms by the Cornish-Fisher expansion's term in the
        excess kurtosis (Cornish and Fisher, 1938), rounded up to a whole number, since the noise is one.
        """
        if not self:
            return 0.0
        excess = LAPLACE_EXCESS * self.squares / self.variance**2
        quantile = NORMAL_QUANTILE + excess / 24.0 * (NORMAL_QUANTILE**3 - 3.0 * NORMAL_QUANTILE)
        return float(math.ceil(quantile * math.sqrt(self.variance)))


def add_up(noises: Iterable[Noise]) -> Noise:
    return sum(noises, Noise())
