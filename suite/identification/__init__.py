"""Identifies the dialect of an unknown optimizer by experiments, each designed from the traces of those before.

An experiment is a replay under chosen hyper-parameters. The optimizer runs elsewhere: this package imports no
framework, opens no file and starts no process.
"""
