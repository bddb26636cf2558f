"""`careloop classify`: one line for a script, plain words for a person, nothing stored."""

import json

import pytest

from tests.cli.command import careloop


@pytest.mark.parametrize(
    ("text", "meaning", "also"),
    [
        ("My chest hurts, stop texting me", "danger", ["opt_out"]), ("PARAR", "opt_out", []), ("128/82", "reading", []),
        ("me caí en el baño", "danger", []), ("STOP", "opt_out", []), ("hm?", "other", []), ("- hola", "other", []),
    ],
)  # fmt: skip
async def test_json_is_one_object_on_one_line(text: str, meaning: str, also: list[str]) -> None:
    done = await careloop("classify", "--json", text)
    assert (done.code, done.out.count("\n")) == (0, 1)
    said = json.loads(done.out)
    assert (said["meaning"], said["also"], said["carrier_answers"]) == (meaning, also, text == "STOP")
    assert "answer" not in said


async def test_a_person_reads_words() -> None:
    done = await careloop("classify", "I", "cant", "breathe")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("danger: staff are called at once")
    assert "no symptoms" in (await careloop("classify", "--asked", "no chest pain")).out


@pytest.mark.parametrize("words", [[], [""], ["  "], ["--json", ""]])
async def test_nothing_to_classify_is_one_clear_line(words: list[str]) -> None:
    done = await careloop("classify", *words)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "TEXT" in done.err
