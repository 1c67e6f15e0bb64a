"""The quiz: it asks before it shows, says what went wrong in an answer, and asks that again.

`kinds` has the kinds of question, `choice` selects one for the next moment, `answers` judges.
"""
