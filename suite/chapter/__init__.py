"""The section of the book from top to bottom, a module a part: what is computed, and which frameworks are asked.

`PARTS` in `suite.chapter.parts` lists them. A part makes rows for a results folder and knows nothing of pages; what the
rows say is `reports.chapter`'s to find out.
"""
