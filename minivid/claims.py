"""Claims and their verdicts: what is said, what was measured, and whether that is enough."""

import operator
import re
from dataclasses import dataclass

from minivid.errors import MinividError

COMPARE = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
VERDICTS = ("true", "loose", "false", "not testable here")
GROUNDS = ("this toy world", "published figures")


@dataclass(frozen=True)
class Claim:
    """One claim, the verdict on it, and the measurement that the verdict rests on.

    `holds` is what `measured` must be for the verdict to stand, such as ">= 90%" or "< 30 ms":
    a comparison, a number, a unit. With "%" the values are fractions of 1. `floor` and `ceiling`
    are what chance and a perfect machine would reach, None where there is none. A claim that is
    "not testable here" has nothing measured. Raises MinividError for other words than those above.
    """

    number: int
    text: str
    verdict: str
    grounds: str
    measured: float | None = None
    holds: str = ""
    floor: float | None = None
    ceiling: float | None = None
    figure: str = "measured"

    def __post_init__(self):
        if self.verdict not in VERDICTS:
            raise MinividError(f"Claim {self.number}: a verdict is one of {', '.join(VERDICTS)}.")
        if self.grounds not in GROUNDS:
            raise MinividError(f"Claim {self.number}: the grounds are one of {', '.join(GROUNDS)}.")
        if (self.measured is None) != (self.verdict == "not testable here"):
            raise MinividError(f"Claim {self.number}: a verdict needs something measured.")
        if self.measured is not None:
            self._threshold()

    def _threshold(self) -> tuple[str, float, str]:
        """`holds` in its parts: (">=", 0.9, "%")."""
        parts = re.fullmatch(r"(>=|<=|>|<)\s*(-?[\d.]+(?:e-?\d+)?)\s*(.*)", self.holds)
        if parts is None:
            raise MinividError(f'Claim {self.number}: write `holds` like ">= 90%", '
                               f"not {self.holds!r}.")
        sign, number, unit = parts.groups()
        return sign, float(number) / (100 if unit == "%" else 1), unit

    def met(self) -> bool:
        """Whether what was measured bears the verdict out; never for a NaN."""
        if self.measured is None:
            return True
        sign, bound, _ = self._threshold()
        return bool(COMPARE[sign](float(self.measured), bound))

    def said(self, value: float | None) -> str:
        """A value in the claim's own unit: "93.8%", "12 ms", "-" for none."""
        if value is None:
            return "-"
        unit = self._threshold()[2]
        if unit == "%":
            return f"{100 * float(value):.1f}%"
        number = format(float(value), ".3g" if abs(value) < 1000 else ",.0f")
        return f"{number} {unit}".strip()

    def outcome(self) -> str:
        """"yes" where the verdict stands, "NO" where it falls, "-" where nothing was measured."""
        return "-" if self.measured is None else "yes" if self.met() else "NO"

    def line(self) -> str:
        """Three lines of text that come out the same each time, unless the verdict falls."""
        found = f"{self.figure} {self.holds}: {self.outcome()}"
        return (f"claim {self.number}: {self.text}\n"
                f"  verdict: {self.verdict} (grounds: {self.grounds})\n"
                f"  {found if self.measured is not None else 'nothing measured'}")
