"""`careloop classify`: what a text from a patient would be understood as, without storing anything."""

import msgspec
import rich_click as click

from notifications import replies
from notifications.replies import Classified, Meaning

WORDS: dict[Meaning, str] = {
    "danger": "danger: staff are called at once, and the patient is told to call 911",
    "opt_out": "an opt-out: no more texts",
    "start": "wants our texts again",
    "help": "asks for help",
    "reading": "tells a measurement",
    "taken": "took the medicine",
    "not_taken": "did not take the medicine",
    "done": "says that it is done",
    "booked": "says that it is booked",
    "not_for_me": "says that it is not for them",
    "call_me": "asks for a call",
    "wrong_number": "says that this is the wrong number",
    "later": "asks to be reminded later",
    "other": "something else: a person reads it",
}
ANSWERS = {"no_symptoms": "answers: no symptoms", "symptoms": "answers: has symptoms"}


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--json", "as_json", is_flag=True, help="One JSON object on one line.")
@click.option("--asked", is_flag=True, help="As the answer of somebody who was just asked for symptoms.")
@click.argument("text", nargs=-1, required=True)
def classify(text: tuple[str, ...], as_json: bool, asked: bool) -> None:
    """Print what TEXT, written by a patient, means; danger outranks everything. Nothing is stored or sent.

    careloop classify --json "my chest hurts, stop texting me"
    """
    words = " ".join(text)
    if not words.strip():
        raise click.UsageError("TEXT is empty. Write what the patient wrote, in quotes.")
    said = replies.classify(words, asked=asked)
    if said.by_rules_alone:
        raise click.ClickException("The weights of the classifier cannot be read. Install Careloop again.")
    click.echo(msgspec.json.encode(_shown(said, asked=asked)).decode() if as_json else _words(said))


def _shown(said: Classified, *, asked: bool) -> dict[str, object]:
    shown: dict[str, object] = {"meaning": said.meaning, "also": said.also, "carrier_answers": said.carrier_answers}
    return shown | ({"answer": said.answer} if asked else {})


def _words(said: Classified) -> str:
    lines = [WORDS[said.meaning], *(f"also {WORDS[also]}" for also in said.also)]
    return "\n".join([*lines, ANSWERS[said.answer]] if said.answer else lines)
