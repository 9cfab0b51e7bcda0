"""What turns the notebooks into lessons: exercises, widgets, plots, findings and stored results."""
