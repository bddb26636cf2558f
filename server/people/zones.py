"""A time zone is an IANA name; everything local to a person or a clinic is counted in it."""

import difflib
import zoneinfo

from server.errors import Invalid


def known(typed: str) -> str:
    """The name as the zone database writes it; `Invalid` names what was probably meant."""
    names = {name.casefold(): name for name in zoneinfo.available_timezones()}
    if name := names.get(typed.strip().replace(" ", "_").casefold()):
        return name
    cities = {name.rpartition("/")[2].casefold(): name for name in names.values()}
    meant = difflib.get_close_matches(typed.rpartition("/")[2].replace(" ", "_").casefold(), cities, n=1)
    hint = f"Did you mean {cities[meant[0]]}?" if meant else "Write it like America/New_York."
    raise Invalid(f"{typed!r} is not a time zone. {hint}")
