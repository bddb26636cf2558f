"""Whether those answer who have no loop of their own to be heard: the pages, and the provider of texts."""

import urllib.error
import urllib.request
from datetime import datetime

from notifications.gateways import Gateway

WITHIN = 5.0  # seconds
NOBODYS = "+15005550006"  # the provider's own test number: nothing was ever sent there


def pages(public_url: str) -> bool:
    """Blocks. True when the web says that it can serve, at the address that people use."""
    return _status(f"{public_url}/health/ready") == 200


async def provider(gateway: Gateway, now: datetime) -> bool:
    """True when the provider lets us in: it is asked for what it has to nobody's number, which is nothing."""
    return await gateway.find(NOBODYS, "", now) is not None


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=WITHIN) as answer:  # noqa: S310 - our own address
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, ValueError):
        return 0
