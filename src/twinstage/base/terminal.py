"""Text of others on a terminal. Pure."""

_PLAIN = frozenset("\n\t")


def printable(text: str) -> str:
    """The text with what a terminal would take as an order (escape sequences, bells, marks of direction) written out.

    Line feeds and tabs stay.
    """
    if text.isprintable():
        return text
    return "".join(c if c in _PLAIN or c.isprintable() else c.encode("unicode_escape").decode() for c in text)
