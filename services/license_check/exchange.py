"""Money in a license's currency, by dated rates that the request carries."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final

from schemas.checks import Rate
from services.license_check.units import rounded_up

RATE_MAX_AGE: Final = timedelta(days=31)
"""Customs publish rates for a month; one that is older says nothing of today."""
_CODES: Final = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN "
    "BZD CAD CDF CHF CLP CNH CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP "
    "GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR "
    "KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK "
    "MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR "
    "SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS "
    "UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG"
)
CURRENCIES: Final = frozenset(_CODES.split())
"""ISO 4217 codes of money in use, and CNH as trade writes the offshore yuan."""


def exchanged(
    value: Decimal, currency: str, to: str, rates: Iterable[Rate], moment: datetime
) -> Decimal | None:
    """Express money in another currency, rounded up; None without a rate fresh at the moment."""
    if currency == to:
        return value
    rate = fresh_rate(currency, to, rates, moment)
    if rate is None:
        return None
    exact = Fraction(value)
    return rounded_up(exact * Fraction(rate.rate) if rate.to == to else exact / Fraction(rate.rate))


def fresh_rate(currency: str, to: str, rates: Iterable[Rate], moment: datetime) -> Rate | None:
    """Choose the newest rate between two currencies that is neither ahead nor too old."""
    usable = [
        rate
        for rate in rates
        if {rate.from_, rate.to} == {currency, to}
        and timedelta(0) <= moment - rate.at <= RATE_MAX_AGE
    ]
    return max(usable, key=lambda rate: (rate.at, rate.to == to, rate.rate_id), default=None)
