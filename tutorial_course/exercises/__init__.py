"""What readers write themselves, chapter by chapter: exercises with their references, cases and usual slips; and quizzes.
Two tests of oneself belong to no chapter: ``ready``, before the first, and ``whole``, after the last.

A chapter says ``from tutorial_course.exercises import gradients as exercises``, and then
``check(largest_step, exercises.largest_step)``.
"""
