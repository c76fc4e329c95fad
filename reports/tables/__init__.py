"""The tables of a report, built from the rows of a results folder. They know nothing of how they are drawn."""
