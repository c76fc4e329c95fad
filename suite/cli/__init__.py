"""The command line: its options, each declared once, and its commands.

Commands translate options into arguments of the other packages, print what these return, and give the exit status. They
compute nothing themselves. Nothing but `suite/__main__.py` imports this package.
"""
