"""What is wrong with a history itself, told apart from what is wrong with a question to it."""

from twinstage.base.errors import UserError


class HistoryFault(UserError):
    """The files of a history, or of its archive, cannot be read; whoever asked can do nothing about it."""
