"""What a call says, in Twilio's markup and the listener's language: our own fixed words, and one key that answers."""

import re

from twilio.twiml.voice_response import Gather, VoiceResponse

VOICES = {"en": "en-US", "es": "es-MX"}
ANSWER_WITHIN = 8  # seconds after the words
TIMES = 2
# A text asks for a reply, a call for a key; an address cannot be heard; capitals are spelled out by some voices.
SPOKEN = (
    (re.compile(r"\b[Rr]eply (?=\d)"), "Press "),
    (re.compile(r"\b[Rr]esponda (?=\d)"), "Marque "),
    (re.compile(r"\bhttps?://\S+"), ""),
    (re.compile(r"\b911\b"), "9 1 1"),
    (re.compile(r"\b[A-ZÁÉÍÓÚÑ]{3,}\b"), lambda found: found[0].lower()),
    (re.compile(r"(?<=: )([a-z])|^([a-z])"), lambda found: found[0].upper()),
    (re.compile(r"\s+"), " "),
)


def spoken(text: str) -> str:
    """The words of a text as somebody hears them: "Reply 1" becomes "Press 1", "CALL 911" "call 9 1 1"."""
    for pattern, instead in SPOKEN:
        text = pattern.sub(instead, text)
    return text.strip()


def asks(words: str, action: str, otherwise: str, language: str = "en") -> str:
    """Say `words` twice and wait for one key, which goes to `action`; without one, say `otherwise` and hang up."""
    voice = VOICES.get(language, VOICES["en"])
    said = VoiceResponse()
    gather = Gather(action=action, method="POST", num_digits=1, timeout=ANSWER_WITHIN)
    gather.say(words, language=voice, loop=TIMES)
    said.append(gather)
    said.say(otherwise, language=voice)
    return str(said)


def says(words: str, language: str = "en") -> str:
    """Say `words` and hang up."""
    said = VoiceResponse()
    said.say(words, language=VOICES.get(language, VOICES["en"]))
    said.hangup()
    return str(said)
