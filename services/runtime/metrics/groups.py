"""Countries and currencies by the few groups that may stand in a label."""

from typing import Final

from services.runtime.metrics.family import NONE, OTHER

_EU: Final = (
    "AT", "BE", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "HU", "IE",
    "IT", "LV", "LT", "LU", "MT", "NL", "PL", "PT", "RO", "SK", "SI", "ES", "SE",
)  # fmt: skip
_ALONE: Final = ("CN", "HK", "MO", "TW", "US", "JP", "KR", "GB", "IN", "VN")
"""Trade in rare earths is worth a group of its own."""
GROUPS: Final = ("EU", *_ALONE)
CURRENCIES: Final = ("CNY", "USD", "EUR", "JPY", "KRW", "GBP", "TWD", "HKD", "INR", "CHF")
_GROUP_OF: Final = {**dict.fromkeys(_EU, "EU"), **{code: code for code in _ALONE}}


def group_of(country: str | None) -> str:
    """Name the group a country is counted in."""
    return NONE if not country else _GROUP_OF.get(country, OTHER)
