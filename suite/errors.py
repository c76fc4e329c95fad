"""The error for everything that a user can correct.

A command prints its message in one line and ends with exit status 2; anything else that is raised is a defect of this
project and keeps its traceback.
"""

from __future__ import annotations


class UserError(Exception):
    """A request can't be carried out, and the user can correct it.

    The message is one line that says what is wrong and what to do.
    """
