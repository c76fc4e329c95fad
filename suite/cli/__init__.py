"""The command line: options, declared once, and commands, which call the other packages. Nothing imports it."""
