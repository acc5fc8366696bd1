"""Greetings, thanks and "what can you do?": said to a person, not asked of documents. They get one sentence.

A short list on purpose: only what is nothing but a courtesy, word for word, is taken for one.
"""

import re

GREETING = (
    "Hello! Ask me what your documents say, for example about a rule, a date or a figure, and I answer with "
    "footnotes to the pages."
)
THANKS = "You are welcome; ask me anything else about your documents."

_HELLO = re.compile(
    r"hi|hello|hey|hi there|hello there|hey there|good morning|good afternoon|good evening|good day|"
    r"greetings|help|how are you|who are you|what can you do|"
    r"what can i ask|what can i ask you|can you help me|hallo|guten tag|"
    r"guten morgen|servus|moin|hola|buenos días|bonjour|salut"
)
_THANKS = re.compile(
    r"thanks|thank you|thanks a lot|many thanks|thank you very much|thank you so much|thx|cheers|"
    r"great|ok|okay|bye|goodbye|great thanks|ok thanks|okay thanks|danke|danke schön|vielen dank|"
    r"gracias|muchas gracias|merci"
)


def reply(question: str) -> str:
    """What to say to a courtesy; "" for a question."""
    said = " ".join(re.findall(r"[^\W\d_]+|\d+", question.casefold()))
    if _HELLO.fullmatch(said):
        return GREETING
    return THANKS if _THANKS.fullmatch(said) else ""
