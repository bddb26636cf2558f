"""Is a webhook really from Twilio? Its own validator decides, over the address the provider was given."""

from urllib.parse import parse_qs, parse_qsl, urlsplit

from multidict import MultiDict
from twilio.request_validator import RequestValidator


def genuine(auth_token: str, url: str, signature: str | None, content_type: str, body: bytes) -> bool:
    """False for every doubt: no signature, an unreadable body, a JSON body whose hash the address does not carry."""
    if not signature:
        return False
    validator = RequestValidator(auth_token)
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return False
    if content_type.partition(";")[0].strip().lower() == "application/json":
        # Twilio signs a JSON body by its hash in the query; without one the body is anybody's.
        hashed = "bodySHA256" in parse_qs(urlsplit(url).query)
        return hashed and bool(validator.validate(url, text, signature))
    return bool(validator.validate(url, form_of(text), signature))


def form_of(body: str) -> "MultiDict[str]":
    """The fields of a form, empty ones too: they are signed."""
    return MultiDict(parse_qsl(body, keep_blank_values=True))
