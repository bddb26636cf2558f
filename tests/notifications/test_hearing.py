"""The learned second opinion: what it adds to the rules, what it costs, and that its weights are what they say."""

import hashlib

import pytest

from notifications.danger import says_danger
from notifications.hearing import learn
from notifications.hearing.features import LONGEST, PLACES, features, windows
from notifications.hearing.judge import confusion, said
from notifications.hearing.learn import corpus, corpus_hash, packed, seen_hash, seen_of
from notifications.hearing.opinion import FROM, LABELS, heard, learned, read, scores
from notifications.replies import classify, plain
from notifications.stopping import asks_to_stop
from tests.notifications.test_replies import NO_SYMPTOMS
from tests.notifications.test_reply_tables import GRAVE, counted, rows_of, show
from tests.sentences import cases

AGAIN = "Learn again and commit the weights: python -m notifications.hearing.learn"


def test_the_weights_belong_to_the_corpus_and_to_how_it_is_seen() -> None:
    made = learned().made
    lines = [line for of_author in corpus().values() for line in of_author]
    print(f"{len(lines)} lines by {len(corpus())} authors, seed {made.seed}, {made.rounds} rounds")
    assert made.corpus == corpus_hash(), AGAIN
    assert (made.seed, made.rounds) == (learn.SEED, learn.ROUNDS), AGAIN
    assert made.seen == seen_hash(seen_of(lines[:: learn.SAMPLE])), AGAIN


def test_every_label_and_language_is_in_the_corpus_and_no_line_of_the_tables_that_judge() -> None:
    lines = [line for of_author in corpus().values() for line in of_author]
    texts = {plain(line.text) for line in lines}
    judged = {plain(row.text) for row in rows_of("replies_benign.tsv") if len(plain(row.text).split()) > 3}
    many = {label: sum(label in line.labels for line in lines) for label in LABELS}
    print(
        f"{many} and {sum(not line.labels for line in lines)} of neither; {len(judged & texts)} of {len(judged)} known"
    )
    assert min(many.values()) > 1000
    assert judged & texts == set()


def test_learning_gives_the_same_bytes_on_every_machine() -> None:
    seen = [
        ([1, 5, 9], frozenset({"danger"})), ([2, 5, 7], frozenset({"opt_out"})), ([1, 2], frozenset[str]()),
        ([3, 5, 8, 11], frozenset({"danger", "opt_out"})), ([7, 9, 12], frozenset[str]()),
    ]  # fmt: skip
    assert hashlib.sha256(packed(seen, "")).hexdigest()[:16] == "62cc250774281cf2"


def test_weights_that_are_damaged_are_refused() -> None:
    with pytest.raises(ValueError, match="damaged"):
        read(b'{"corpus":"","seen":"","seed":1,"rounds":1,"bias":{},"step":{}}\n' + b"\0" * PLACES)


def test_what_it_hears_of_the_harmless_texts_of_daily_life_has_a_price() -> None:
    """Held out: no line like these was learned from. A third of them were written to be taken wrongly."""
    rows = rows_of("replies_benign.tsv")
    found = counted(rows)
    show("benign", found)
    rules = {"danger": says_danger, "opt_out": lambda words: asks_to_stop(words, words)}
    for label, most in (("danger", 0.12), ("opt_out", 0.05)):
        false = sum(classify(row.text).says(label) for row in rows)  # type: ignore[arg-type]
        ruled = sum(rules[label](plain(row.text)) for row in rows)
        print(f"false {label}: {false} of {len(rows)}, of them {ruled} by a rule")
        assert len(rows) >= 300
        assert false <= most * len(rows)


@pytest.mark.parametrize("name", ["replies_unseen.tsv", "replies_blind.tsv"])
def test_it_hears_most_dangers_by_itself(name: str) -> None:
    rows = rows_of(name)
    for label in GRAVE:
        meant = [row.text for row in rows if label in row.meanings]
        alone = sum(label in heard(plain(text)) for text in meant)
        print(f"{name}: {label} heard without any rule: {alone} of {len(meant)}")
        assert alone >= 0.8 * len(meant)


def test_it_generalises_to_authors_whom_it_has_not_read() -> None:
    """A taste of `python -m notifications.hearing.judge`: three authors, divided by author and never by line."""
    some = {author: corpus()[author] for author in ("es_hija", "optouts_en", "optouts_es")}
    counted_so = confusion("opt_out", some)
    print(said("opt_out", counted_so))
    meant = sum(many for (is_meant, _, _), many in counted_so.items() if is_meant)
    assert counted_so[True, False, False] < 0.25 * meant


@pytest.mark.parametrize("text", cases(NO_SYMPTOMS))
def test_who_was_asked_and_has_no_symptoms_is_in_no_danger(text: str) -> None:
    assert not classify(text, asked=True).says("danger")


@pytest.mark.parametrize("text", ["HELP", "info", "ayuda", "START", "yes", "DONE", "hecho", "C", "", "👍", "...", "ok"])
def test_a_keyword_is_only_a_keyword(text: str) -> None:
    assert not {"danger", "opt_out"} & {classify(text).meaning, *classify(text).also}


@pytest.mark.parametrize("text", ["sugar 54", "oxygen 95", "72", "bp 128 76"])
def test_of_a_bare_value_only_the_rules_judge(text: str) -> None:
    assert heard(text) == frozenset()


@pytest.mark.parametrize(
    "text",
    [
        "i have my affairs in order and the dog is at my sisters, thank you all for everything",
        "his lips are the color of a plum and he keeps nodding off on me",
        "ya pronto voy a descansar de todo esto, díganle a mis hijos que los amo",
        "se le pusieron los labios color ciruela y se me queda dormido",
    ],
)
def test_what_no_rule_foresaw_is_danger_all_the_same(text: str) -> None:
    assert not says_danger(plain(text))
    assert classify(text).meaning == "danger"


def test_danger_that_only_the_model_hears_leaves_an_opt_out_standing() -> None:
    text = "every one of these messages scares me half to death at night, make them quit"
    assert classify(text).says("opt_out")


def test_in_a_long_text_each_part_is_heard() -> None:
    calm = "we went to the store and bought apples and then my sister made a pie " * 8
    danger = "his lips are the color of a plum and he keeps nodding off on me"
    assert len(windows(calm)) > 1
    assert all(len(window) <= LONGEST for window in windows(calm))
    assert "danger" not in heard(plain(calm))
    assert "danger" in heard(plain(calm + danger))


def test_the_same_text_always_scores_the_same_and_its_places_are_in_order() -> None:
    places = features(["my", "chest", "hurts"])
    assert places == sorted(set(places))
    assert max(places) < PLACES
    assert scores("my chest hurts") == scores("my chest hurts")
    assert scores("my chest hurts")["danger"] > FROM["danger"]
