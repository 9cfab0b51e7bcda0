"""Exercises of the chapters with their reference solutions, test cases and known mistakes.

A chapter imports its own: ``from tutorial_course.exercises import ch1 as exercises``, and then
``check(largest_step, exercises.largest_step)``.
"""

from tutorial_course.exercises.check import CheckResult, check, solution_or_reference
from tutorial_course.exercises.exercise import Exercise

__all__ = ["CheckResult", "Exercise", "check", "solution_or_reference"]
