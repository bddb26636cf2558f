"""What a person did wrong, said so that it is safe to show and tells what to do next."""


class CareloopError(Exception):
    """Safe to show to the person who caused it. Everything else is a bug and never shown."""

    status = 400
    title = "That did not work"

    def __init__(self, says: str) -> None:
        super().__init__(says)
        self.says = says


class BadSetting(CareloopError):
    """A setting is missing or cannot be read; names the setting and what to put there."""

    status = 500
    title = "A setting is wrong"


class Unavailable(CareloopError):
    """Something we lean on (PostgreSQL, the broker) does not answer; trying again later may work."""

    status = 503
    title = "Not available just now"


class NotFound(CareloopError):
    """Also the answer for what belongs to another organization: not even existence is told."""

    status = 404
    title = "Not found"


class Refused(CareloopError):
    """The person is known and may not do this."""

    status = 403
    title = "Not allowed"


class NotSignedIn(CareloopError):
    """Nobody is known yet, or the session ended."""

    status = 401
    title = "Please sign in"


class Conflict(CareloopError):
    """Someone was there first, or the thing already exists."""

    status = 409
    title = "Already done"


class Invalid(CareloopError):
    """What was typed cannot be right; says which part and what would be."""

    status = 422
    title = "Please check what you typed"


class TooLarge(CareloopError):
    """More bytes than one request may bring."""

    status = 413
    title = "Too much at once"
