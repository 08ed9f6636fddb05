"""A token never travels in a URL: those end up in logs, histories and `Referer` headers."""

from urllib.parse import parse_qsl

_NAMES = frozenset({"token", "access_token", "auth_token", "api_key", "apikey"})
SENTENCE = (
    "a token never goes into a URL, where logs and histories keep it: send it in the hello, as the subprotocol "
    "twin.token.<base64url>, or as Authorization: Bearer; revoke the one that was in this URL"
)


def has_token(query: bytes, path: str = "") -> bool:
    """Whether a query, or a path, holds what looks like a token."""
    if not query and "twk_" not in path:
        return False
    text = query.decode("latin-1")
    if "twk_" in text or "twk_" in path:
        return True
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=1000)
    except ValueError:
        return True  # too many fields to tell
    return any(name.lower() in _NAMES or value.startswith("twk_") for name, value in pairs)
