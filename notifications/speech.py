"""What a call says, in Twilio's markup: our own fixed words, and one key that answers."""

from twilio.twiml.voice_response import Gather, VoiceResponse

VOICE = "en-US"
ANSWER_WITHIN = 8  # seconds after the words
TIMES = 2


def asks(words: str, action: str, otherwise: str) -> str:
    """Say `words` twice and wait for one key, which goes to `action`; without one, say `otherwise` and hang up."""
    said = VoiceResponse()
    gather = Gather(action=action, method="POST", num_digits=1, timeout=ANSWER_WITHIN)
    gather.say(words, language=VOICE, loop=TIMES)
    said.append(gather)
    said.say(otherwise, language=VOICE)
    return str(said)


def says(words: str) -> str:
    """Say `words` and hang up."""
    said = VoiceResponse()
    said.say(words, language=VOICE)
    said.hangup()
    return str(said)
