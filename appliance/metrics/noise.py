"""The noise itself: OpenDP's discrete Laplace mechanism, and what is known of its sums."""

from collections.abc import Sequence

from opendp.domains import atom_domain, vector_domain
from opendp.measurements import make_laplace
from opendp.metrics import l1_distance
from opendp.mod import enable_features

# OpenDP wants this word for whatever its own review has not finished with; this mechanism's written proof is published.
FEATURE = "contrib"


class BudgetExceeded(RuntimeError):
    """The noise would be too small for the budget; nothing was released. It means a mistake in this program."""


def add_noise(values: Sequence[int], scale: float, sensitivity: int, epsilon: float) -> list[int]:
    """`values` with independent discrete Laplace noise of the given scale: P(x) is proportional to exp(-|x| / scale).

    OpenDP is asked whether vectors that differ by `sensitivity` (L1) stay within `epsilon`; raises `BudgetExceeded`
    before anything is released if they do not.
    """
    enable_features(FEATURE)
    mechanism = make_laplace(vector_domain(atom_domain(T="i64")), l1_distance(T="i64"), scale=scale)
    # OpenDP rounds its answer up, so the last digits may exceed.
    if mechanism.map(sensitivity) > epsilon * (1.0 + 1e-9):  # type: ignore[no-untyped-call]
        raise BudgetExceeded(f"noise of the scale {scale:g} does not keep {sensitivity} within {epsilon:g}")
    return [int(value) for value in mechanism(list(values))]
