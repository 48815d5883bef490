"""Numbers, in the spellings of several countries."""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from netgrad.data.kinds.base import Kind, register

MANY = 1000  # values from which on a faster reader of plain numbers pays

_PLAIN = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?").fullmatch
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:\.[0-9]{3})+").fullmatch
_GROUPS = "'’\u00a0\u202f\u2009 "  # between thousands, beside the mark that is not the decimal one
_MINUS = str.maketrans("\u2212\u2013\u2010\u2011", "----")  # the minus sign, and dashes that stand for it
_CURRENCY = r"(?:[A-Z]{0,3}[$€£¥₹₽₩₺₴฿₪₫₱₦₡]|USD|EUR|GBP|CHF|JPY|INR|CNY|CAD|AUD|SEK|NOK|DKK|PLN|Rs\.?|kr\.?|zł|Kč)"
_AROUND = re.compile(
    rf"(?P<open>\()?(?P<sign>[+-]?)\s*(?P<pre>{_CURRENCY})?\s*(?P<sign2>[+-]?)"
    rf"(?P<core>[0-9.,](?:[0-9.,{_GROUPS}]*[0-9.,])?(?:[eE][+-]?[0-9]+)?)(?P<gap>\s*)(?P<post>[^\s0-9().,+'-][^0-9()]*)?"
    r"(?P<close>\))?(?P<sign3>-?)"
).fullmatch
_KNOWN = (
    "% ‰ ° °C °F kg g mg µg μg t lb lbs oz m cm mm µm km mi ft in yd l L ml cl dl s sec ms min h hr hrs d V mV kV W kW "
    "MW kWh MWh Wh Hz kHz MHz GHz Pa hPa kPa MPa bar mbar km/h mph m/s kn kcal cal J kJ MJ N kN B kB KB MB GB TB px pt "
    "m² m2 km² km2 ft² m³ m3 ha dB ppm ppb mol mmol x bp"
)
_UNITS = frozenset(_KNOWN.split())


def _grouped(mark: str, other: str) -> Any:
    """What matches a number with this decimal mark, thousands apart or not."""
    by_other = rf"[1-9][0-9]{{0,2}}(?:{other}[0-9]{{2}})*{other}[0-9]{{3}}|" if other == "," else ""
    groups = rf"{by_other}[1-9][0-9]{{0,2}}(?P<gap>[{other}{_GROUPS}])[0-9]{{3}}(?:(?P=gap)[0-9]{{3}})*"
    return re.compile(rf"(?=[^eE]*[0-9])(?:{groups}|[0-9]+)?(?:{mark}[0-9]*)?(?:[eE][+-]?[0-9]+)?").fullmatch


_WITH = {".": _grouped(r"\.", ","), ",": _grouped(",", r"\.")}


@register
@dataclasses.dataclass(frozen=True)
class Number(Kind):
    """Numbers, also with thousands apart, a decimal comma, a currency, a per cent sign or a unit around them.

    decimal: "." or ",". unit: what stands beside every number; 10 % is 10. Both are decided by the whole column.
    """

    name = "number"
    example = 1.0
    takes_numbers = True
    decimal: str = "."
    unit: str = ""

    @property
    def expected(self) -> str:  # type: ignore[override]
        """In an error, after "expected"."""
        if self == Number():
            return "a number"
        shown = f"1{self.decimal}5"
        return f"a number such as {self.unit + shown if re.fullmatch(_CURRENCY, self.unit) else shown + self.unit}"

    @classmethod
    def decide(cls, texts: Sequence[str], decimal: str = ".") -> Kind | None:
        if _all_plain(texts):
            return cls()
        cores, units, bare = [], set(), []
        for text in texts:
            found = _AROUND(text.translate(_MINUS))
            if not found or (found["pre"] and found["post"]):
                return None
            unit = found["pre"] or (found["post"] or "").strip()
            if found["post"] and not (unit in _UNITS or found["gap"] or re.fullmatch(_CURRENCY, unit)):
                return None
            cores.append(found["core"])
            (units.add(unit) if unit else bare.append(found["core"]))
        if len(units) > 1:
            return None
        unit = next(iter(units), "")
        if bare and unit and not re.fullmatch(_CURRENCY, unit) and not all(core.strip("0.,") == "" for core in bare):
            return None  # 10 kg, 5: five of what?
        fits = [mark for mark, match in _WITH.items() if all(map(match, cores))]
        if not fits:
            return None
        open_to_both = len(fits) == 2 and any("," in core for core in cores)
        return cls(decimal if open_to_both else fits[0], unit)

    @classmethod
    def open_to_both(cls, texts: Sequence[str]) -> bool:
        """Whether the texts may be read with a decimal comma or a decimal point: 1,234 alone."""
        found = [_AROUND(text.translate(_MINUS)) for text in texts]
        cores = [one["core"] for one in found if one]
        return any("," in core for core in cores) and all(_WITH["."](c) and _WITH[","](c) for c in cores)

    @classmethod
    def by_thousands(cls, texts: Sequence[str]) -> bool:
        """Whether every point stands where a decimal comma would leave it for thousands: 1.234 beside 950."""
        if not any("." in text for text in texts):
            return False
        return all(_THOUSANDS(text) if "." in text else len(text.lstrip("+-")) <= 3 for text in texts)

    def convert(self, values: np.ndarray) -> np.ndarray:
        if values.dtype == object and len(values) >= MANY and self == Number() and all(type(v) is str for v in values):
            import pyarrow as pa

            try:  # rounds as Python does, and takes fewer texts
                fast = pa.array(values, pa.string()).cast(pa.float64()).to_numpy(zero_copy_only=False)
            except pa.ArrowInvalid:
                fast = np.array([np.nan])
            if np.isfinite(fast).all():
                return fast
        return super().convert(values)

    def number(self, value: Any) -> float:
        if not isinstance(value, str):
            if isinstance(value, bool | datetime.date | datetime.time):
                raise TypeError
            return float(value)
        if self.decimal == "." and _PLAIN(value):
            return float(value)
        found = _AROUND(value.translate(_MINUS))
        if not found or bool(found["open"]) != bool(found["close"]):
            raise ValueError
        unit = found["pre"] or (found["post"] or "").strip()
        if unit not in ("", self.unit) or (found["pre"] and found["post"]) or not _WITH[self.decimal](found["core"]):
            raise ValueError
        digits = found["core"]
        for mark in "." if self.decimal == "," else ",", *_GROUPS:
            digits = digits.replace(mark, "")
        negative = [found["sign"], found["sign2"], found["sign3"], "-" if found["open"] else ""].count("-")
        if negative > 1:
            raise ValueError
        return (-1 if negative else 1) * float(digits.replace(",", "."))

    def check(self) -> None:
        if self.decimal not in _WITH or not isinstance(self.unit, str):
            raise ValueError(f"no numbers are written with the decimal mark {self.decimal!r:.20}")


def _all_plain(texts: Sequence[str]) -> bool:
    return all(map(_PLAIN, texts))
