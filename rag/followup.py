"""The stand-alone form of a follow-up question, by rules: no model, no waiting, the same every time.

A question that leans on the conversation (a pronoun without its noun, "And in 2019?") gets, in brackets, the
content words of the question before it, as that was asked, and where that one leaned as well, those of the
last one that did not. Never more than these two: a subject left behind must not come along for ever.
"""

import re
from collections.abc import Sequence

from rag.courtesy import reply
from rag.types import Turn
from rag.words import content_words, is_stop_word, surface_words

LONGEST_CONTEXT = 12
"""Words taken over from the questions before."""
ENOUGH_WORDS = 5
"""Content words with which a question needs no context, whatever else is in it. Chosen, not measured."""
_ENOUGH_AFTER_OPENING = 3
"""The same for one that only begins with "And" or "So": these are how people talk."""

_PRONOUN = re.compile(r"\b(?:it|they|them|he|she|him|himself|herself|itself|themselves|theirs|hers)\b", re.IGNORECASE)
_POSSESSIVE = re.compile(r"\b(?:its|their|his|her)\b", re.IGNORECASE)
_POINTING = re.compile(
    r"\b(?:this|these|those)\b|\b(?:of|about|is|was|does|did|after|before|in|by|with|for|to)\s+that\b"
    r"|^that\b|\bthat\s*[?.!]*$|\bthe (?:same|former|latter|other|others|first one|second one|last one)\b"
    # "How many are there?" points at nothing; "Who lives there?" does.
    r"|\bones?\s*[?.!]*$|(?<!\bis )(?<!\bare )(?<!\bwas )(?<!\bwere )\bthere\s*[?.!]*$",
    re.IGNORECASE,
)
_JOINING = re.compile(r"\s*(?:and|but|or|so|also|then|und|aber|y|et|pero|mais)\b", re.IGNORECASE)
_ASKING_ON = re.compile(
    r"\s*(?:(?:and|but|or|so|und|aber) )?(?:(?:what|how) about|what else|anything else|was ist mit)\b", re.IGNORECASE
)
_EXPLETIVE = re.compile(r"\bit (?:take|mean)s?\b|\b(?:is|was) it (?:possible|true|necessary)\b", re.IGNORECASE)
_YEAR = re.compile(r"(?:1[5-9]|20)\d\d")
_FEW_WORDS = 2
_PARTICLES = frozenset({"up", "out", "off", "down"})
"""Stop words that make another verb of the one before: "back it up"."""
_FILLERS = frozenset({"everything", "anything", "something", "everyone", "anyone", "someone", "thing", "things"})
"""Words that say nothing about what a question was about."""


def standalone(question: str, history: Sequence[Turn]) -> str:
    """The question as it can be searched by itself; unchanged where it leans on nothing."""
    asked = [turn.question for turn in history if not reply(turn.question)]
    if not asked or reply(question) or not leans(question):
        return question
    *earlier, before = asked
    anchor = next((old for old in reversed(earlier) if not leans(old)), "") if leans(before) else ""
    context = _context(question, f"{anchor}\n{before}")
    return f"{question.strip()} ({' '.join(context)})" if context else question


def searched_with(question: str, alone: str) -> str:
    """The words of a form that `standalone` made, in plain order: "back up Footnote"; "" for any other form."""
    asked = question.strip()
    if not (alone.startswith(f"{asked} (") and alone.endswith(")")):
        return ""
    own = [word for word in surface_words(asked) if content_words(word) or word.casefold() in _PARTICLES]
    return " ".join([*own, alone[len(asked) + 2 : -1]])


def leans(question: str) -> bool:
    """Whether the question needs the one before it to be understood."""
    content = len(set(content_words(question)))
    if content >= ENOUGH_WORDS:
        return False
    if content < _FEW_WORDS or _ASKING_ON.match(question) or _POINTING.search(question):
        return True
    if _JOINING.match(question) and content < _ENOUGH_AFTER_OPENING:
        return True
    pronoun = None if _EXPLETIVE.search(question) else _PRONOUN.search(question)
    if pronoun and not _names_before(question, pronoun.start()):
        return True
    possessive = _POSSESSIVE.search(question)
    if possessive is None:
        return False
    ahead = question[: possessive.start()]
    return not _names_before(question, possessive.start()) and len(content_words(ahead)) < _FEW_WORDS


def _names_before(question: str, position: int) -> bool:
    """Whether a name (a capital that does not open the question) stands before the position."""
    ahead = surface_words(question[:position])[1:]
    return any(word[0].isupper() and not is_stop_word(word) for word in ahead)


def _context(question: str, before: str) -> list[str]:
    """Content words of the questions before, as they stand there, that this one lacks."""
    have = set(content_words(question))
    own_year = _YEAR.search(question) is not None
    kept: dict[str, str] = {}
    for word in surface_words(before):
        stems = content_words(word)
        if (
            not stems
            or word.casefold() in _FILLERS
            or stems[0] in have
            or stems[0] in kept
            or (own_year and _YEAR.fullmatch(word))
        ):
            continue
        kept[stems[0]] = word
    return list(kept.values())[:LONGEST_CONTEXT]
