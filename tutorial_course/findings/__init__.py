"""The numbers behind the sentences of the chapters, and how they are written."""

from tutorial_course.findings.compare import compare_tensors
from tutorial_course.findings.core import format_interval, format_number, format_percent, markdown_table

__all__ = ["compare_tensors", "format_interval", "format_number", "format_percent", "markdown_table"]
