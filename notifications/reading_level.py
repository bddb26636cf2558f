"""How hard a text is to read: Flesch–Kincaid grade for English, Fernández-Huerta score for Spanish.

English: 0.39 × words/sentences + 11.8 × syllables/words − 15.59 (Kincaid, Fishburne, Rogers and Chissom 1975).
Spanish: 206.84 − 60 × syllables/words − 1.02 × words/sentences (Fernández Huerta 1959, with the second term read as
words per sentence: Law 2011, "Error in the Fernández Huerta readability formula").
Plain enough for patients is the sixth grade (American Medical Association, Weiss 2007): grade 6 in English; in Spanish
a score of 70, where Fernández Huerta's own table has "fairly easy", the sixth grade.
"""

import itertools
import re
from typing import Final

import msgspec

PLAIN_GRADE: Final = 6.0
PLAIN_SCORE: Final = 70.0

ADDRESS: Final = re.compile(r"https?://\S+")
WORD: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
SENTENCE_END: Final = re.compile(r"[.!?]+(?=\s|$)|:(?=\s)|\n+")
STRONG: Final = "aeoáéó"
HIATUS: Final = "íú"
# An e at the end, of -ed, of -es and before some endings; "-le" after a consonant, "-ted" and "-ges" are heard.
SILENT: Final = re.compile(
    r"(?<=[aeiouy][^aeiouy])e(?=(?:ly|ments?|ness|ful|less|body|thing|times?|where)$)"
    r"|(?<=[^aeioutd])ed$|(?<=[^aeiousxzcgl])es$|(?<=[aeiouy]l)es$|(?<=[^aeioul])e$|(?<=[aeiouy]l)e$"
)
# Two vowels that are two syllables: idea, create, radio, previous, usual, quiet; not nation, special, people.
SPLIT: Final = re.compile(
    r"(?<=[dr])ea$|(?<=cr)ea(?=t)|(?<![ctgs])i[ao]|ious(?<=[^ctgs]ious)|ua(?=l)|uou|iet(?:$|ly|s$)|(?<![ct])ien(?=[ct])"
    r"|(?<=[dv])eo"
)


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """`plain`: a sixth-grader follows it. English: `value` is a US school grade; Spanish: 100 is the easiest."""

    value: float
    plain: bool
    words: int
    sentences: int


def level(text: str, language: str) -> Level:
    """Addresses and numbers are no words; an empty text is plain."""
    bare = ADDRESS.sub(" ", text)
    words = WORD.findall(bare)
    sentences = sum(1 for part in SENTENCE_END.split(bare) if WORD.search(part))
    if not words:
        return Level(value=0.0 if language == "en" else 100.0, plain=True, words=0, sentences=0)
    syllables = _spanish if language == "es" else _english
    per_word, per_sentence = sum(map(syllables, words)) / len(words), len(words) / sentences
    if language == "es":
        value = 206.84 - 60 * per_word - 1.02 * per_sentence
        plain = value >= PLAIN_SCORE
    else:
        value = 0.39 * per_sentence + 11.8 * per_word - 15.59
        plain = value <= PLAIN_GRADE
    return Level(value=round(value, 1), plain=plain, words=len(words), sentences=sentences)


def _english(word: str) -> int:
    """Groups of vowels, less an e that nobody says: "measure" 2, "asked" 1, "table" 2, "somebody" 3."""
    letters = re.sub(r"[^a-z]", "", word.lower()).replace("every", "evry")
    heard = SILENT.sub("", letters)
    return max(1, len(re.findall(r"[aeiouy]+", heard)) + len(SPLIT.findall(heard)))


def _spanish(word: str) -> int:
    """By the rules of Spanish orthography: two strong vowels, or a stressed weak one, are two syllables."""
    letters = re.sub(r"qu(?=[eiéí])|gu(?=[eiéí])", "k", word.lower())
    letters = re.sub(r"y$", "i", letters).replace("y", "k")
    groups = re.findall(r"[aeiouáéíóúü]+", letters)
    return max(1, sum(_nuclei(group) for group in groups))


def _nuclei(group: str) -> int:
    count = 1
    for one, two in itertools.pairwise(group):
        count += (one in STRONG and two in STRONG) or one in HIATUS or two in HIATUS
    return count
