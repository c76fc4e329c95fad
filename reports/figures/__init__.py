"""The figures of a report, as Vega-Lite charts built from its tables. This package does not import `reports.render`."""
