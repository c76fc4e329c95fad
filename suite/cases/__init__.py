"""What is asked: tapes, tasks, data sets and the catalogue. Pure data; no framework, no process."""
