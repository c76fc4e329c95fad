"""Writes tables and figures: on a terminal, as Markdown, HTML, JSON, CSV, JUnit XML and pictures."""
