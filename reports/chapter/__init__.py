"""The page of the section reproduced, made from a results folder and nothing else: `chapter.html` and `chapter.md`.

Each part has a module that makes its section from rows. What it says is computed from the numbers that it shows: other
numbers make other sentences.
"""

from reports.chapter.files import sentences, write

__all__ = ["sentences", "write"]
