"""Writes tables and figures on a terminal and as Markdown, HTML, JSON, CSV, XML and pictures; computes no results."""
