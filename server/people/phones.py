"""Telephone numbers: one written form (E.164), and a keyed hash that finds a number without showing it."""

import hmac

import phonenumbers

from server.errors import Invalid


def normalise(typed: str, region: str = "US") -> str:
    """ "(555) 010-1234" → "+15550101234"; `Invalid` when it cannot be a number."""
    try:
        number = phonenumbers.parse(typed, region)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_possible_number(number):
        raise Invalid(f"{typed!r} is not a telephone number. Write it like +1 212 555 0123.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def readable(e164: str) -> str:
    """ "+12125550100" → "+1 212-555-0100": as people read it, and a voice says it digit by digit."""
    return phonenumbers.format_number(phonenumbers.parse(e164), phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def phone_hash(field_key: str, e164: str) -> bytes:
    """32 bytes; the same number gives the same hash only under the same key."""
    return hmac.digest(field_key.encode(), e164.encode(), "sha256")
