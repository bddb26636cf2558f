"""Which way texts leave, as the settings say: the provider's when it is set, else the log."""

from notifications.gateways import Provider
from notifications.gateways.log import LogGateway
from notifications.gateways.twilio import TwilioGateway
from server.settings import Settings


def gateway_of(settings: Settings) -> Provider:
    """Twilio when it is set, else the log."""
    twilio = settings.twilio
    if twilio is None:
        return LogGateway()
    return TwilioGateway(
        twilio.account_sid, twilio.auth_token, twilio.sender, settings.public_url, twilio.api_url,
        voice_sender=twilio.voice_sender,
    )  # fmt: skip
