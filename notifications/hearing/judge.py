"""How well the model does on authors it has not read: `python -m notifications.hearing.judge` prints the figures.

The corpus is divided by author, never by line, for an author's lines resemble each other. Writers who have seen neither
code nor corpus are judged in `tests/notifications`.
"""

import sys
from collections import Counter

from notifications.danger import says_danger
from notifications.hearing.learn import Line, corpus, seen_of, trained
from notifications.hearing.opinion import FROM, LABELS, Label
from notifications.replies import plain
from notifications.stopping import asks_to_stop

PARTS = 5


def confusion(label: Label, authors: dict[str, list[Line]]) -> Counter[tuple[bool, bool, bool]]:
    """How often (meant, heard by a rule, heard by the model), where the model has not read the author."""
    seen = {author: seen_of(lines) for author, lines in authors.items()}
    counted: Counter[tuple[bool, bool, bool]] = Counter()
    for part in range(min(PARTS, len(authors))):
        unread = sorted(authors)[part::PARTS]
        weights, bias = trained([line for author in seen if author not in unread for line in seen[author]], label)
        for author in unread:
            for line, (places, labels) in zip(authors[author], seen[author], strict=True):
                score = bias + sum(weights[place] for place in places) / (len(places) or 1) ** 0.5
                counted[label in labels, _ruled(label, line.text), score > FROM[label]] += 1
    return counted


def _ruled(label: Label, text: str) -> bool:
    words = plain(text)
    return says_danger(words) if label == "danger" else asks_to_stop(text, words)


def said(label: Label, counted: Counter[tuple[bool, bool, bool]]) -> str:
    """One line of figures."""
    meant = sum(many for (is_meant, _, _), many in counted.items() if is_meant)
    missed, ruled = counted[True, False, False], counted[True, True, False] + counted[True, True, True]
    others = sum(counted.values()) - meant
    false = others - counted[False, False, False]
    return (
        f"{label}: missed {missed} of {meant} (rules alone: {meant - ruled}); false {false} of {others} "
        f"(rules alone: {counted[False, True, False] + counted[False, True, True]})"
    )


if __name__ == "__main__":
    for one in LABELS:
        sys.stdout.write(said(one, confusion(one, corpus())) + "\n")
