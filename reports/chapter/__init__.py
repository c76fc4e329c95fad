"""The page that reproduces the section of the book: its types, its charts, and how it is read and written.

The parts themselves are in `suite.chapter`, whose modules use this package to describe their rows. Like the rest of
`reports`, it imports only `suite.results` and `suite.errors` of the suite.
"""
