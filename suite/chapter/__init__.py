"""Reproduces section 11.8 of "Dive into Deep Learning", with one module for each of its seven parts.

A part computes rows with the oracle and in the frameworks (`run`), and describes rows of a results folder as figures,
sentences and tables (`describe`), with `part`, `charts` and `text`. `chapter` lists the parts, runs them, and writes
the page. The package must not import the plugin, the main job or the command line.
"""
