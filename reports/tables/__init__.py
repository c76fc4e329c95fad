"""The tables of a report, built from the rows of a results folder. This package does not import `reports.render`."""
