"""The page that reproduces the section of the book: its types, its charts, and how it is read and written.

The package knows no part of the section. `suite.chapter` has a module for each part, which uses this package to describe
the part's rows. Like the rest of `reports` it imports only `suite.results` and `suite.errors` of the suite.
"""
