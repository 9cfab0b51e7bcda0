"""Multiple-choice questions with feedback, on a page that needs no server; they work with the keyboard and in print."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from html import escape
from string import Formatter, ascii_lowercase
from typing import Any

from tutorial_course.widgets.markdown import inline_html
from tutorial_course.widgets.section_links import SECTION_TITLES, section_link

# The style alone decides which feedback is visible. Where a notebook removes styles, all feedback is visible.
_STYLE = """<style>
.quiz{margin:1em 0;line-height:1.45;max-width:50em;color:inherit}
.quiz fieldset{border:1px solid rgba(128,128,128,.45);border-radius:8px;margin:0 0 1.1em;padding:.7em 1em .8em;
 min-width:0;break-inside:avoid}
.quiz legend{float:left;width:100%;margin:0 0 .4em;padding:0;
 font-size:1em;font-weight:600;line-height:1.4;color:inherit}
.quiz .options{clear:both}
.quiz .option{display:grid;grid-template-columns:auto minmax(0,1fr);column-gap:.6em;align-items:baseline;margin:.15em 0}
.quiz input{width:1.05em;height:1.05em;margin:0;position:relative;top:.15em;accent-color:#0072B2}
.quiz label{margin:0;padding:.35em 0;font-weight:400;cursor:pointer;color:inherit}
.quiz input:checked+label{font-weight:600}
.quiz input:focus-visible{outline:3px solid #0072B2;outline-offset:2px;box-shadow:0 0 0 2px rgba(255,255,255,.8)}
.quiz .says{grid-column:2}
.quiz .feedback{display:none;margin:.1em 0 .5em;padding:.4em .8em;
 border-left:4px dashed #D55E00;background:rgba(213,94,0,.12)}
.quiz .feedback.right{border-left:4px solid #009E73;background:rgba(0,158,115,.14)}
.quiz .feedback p{margin:0}.quiz .feedback a{color:inherit;text-decoration:underline}
.quiz input:checked~.says .feedback{display:block}
.quiz .score{margin:0;min-height:1.5em;font-weight:600}
@media print{.quiz .options{display:flex;flex-direction:column}.quiz .option{order:var(--place)}
.quiz .feedback{display:block}.quiz .score{display:none}}
</style>"""
# The order of the options is random on screen; `--place` restores it in print. The score counts the options that are
# selected now, so moving over options with the arrow keys costs nothing. Topics are listed by their number of errors.
_SCRIPT = """<script>
(function(){var quiz=document.getElementById("ID");if(!quiz||quiz.dataset.ready)return;quiz.dataset.ready="yes";
quiz.querySelectorAll(".options").forEach(function(box){var all=Array.from(box.children);
for(var i=all.length-1;i>0;i--){var j=Math.floor(Math.random()*(i+1));var one=all[i];all[i]=all[j];all[j]=one}
all.forEach(function(option){box.appendChild(option)})});
var score=quiz.querySelector(".score");
quiz.addEventListener("change",function(){var chosen=quiz.querySelectorAll("input:checked");
var right=quiz.querySelectorAll("input[value=right]:checked");
var astray={};quiz.querySelectorAll("fieldset[data-topic]").forEach(function(field){
if(field.querySelector("input[value=wrong]:checked"))astray[field.dataset.topic]=(astray[field.dataset.topic]||0)+1});
var again=Object.keys(astray).sort(function(a,b){return astray[b]-astray[a]})
.map(function(topic){return topic+" ("+astray[topic]+")"});
score.textContent=chosen.length+" of COUNT answered, "+right.length+" correct."+
(again.length?" Topics to review: "+again.join(", ")+".":"")})})();
</script>"""


@dataclass(frozen=True)
class Question:
    """A question with options, each with its feedback.

    Texts may contain `code`, *emphasis*, and fields in braces that :func:`quiz` fills in. Where the feedback names
    "section 2.3", that becomes a link.

    Attributes:
        text: the question.
        options: ``{option: feedback}``, two or more.
        correct: index of the correct option.
        topic: the topic to repeat after an error; the score lists the topics with wrong answers. Empty lists none.

    Raises:
        ValueError: no text, fewer than two options, an option without feedback, or an index without an option.
    """

    text: str
    options: Mapping[str, str]
    correct: int
    topic: str = ""

    def __post_init__(self):
        if not self.text.strip():
            raise ValueError("a question needs a text")
        if len(self.options) < 2:
            raise ValueError(f"{self.text!r} needs at least two options to choose from")
        incomplete = [option for option, feedback in self.options.items() if not option.strip() or not feedback.strip()]
        if incomplete:
            raise ValueError(f"{self.text!r}: every option needs a text and a line of feedback; none for {incomplete}")
        if (
            isinstance(self.correct, bool)
            or not isinstance(self.correct, int)
            or not 0 <= self.correct < len(self.options)
        ):
            raise ValueError(
                f"{self.text!r}: correct is an index from 0 to {len(self.options) - 1}, not {self.correct!r}"
            )


class Quiz:
    """Questions with their fields filled in: HTML in a notebook, a list in a terminal.

    Args:
        questions: one or more.
    """

    def __init__(self, questions: Sequence[Question]):
        self.questions = tuple(questions)

    def _repr_html_(self) -> str:
        # Computed from the text, so that the HTML of a quiz is the same wherever it is built.
        name = "quiz-" + sha256(repr(self.questions).encode()).hexdigest()[:10]
        fields = "".join(self._fieldset(name, number, question) for number, question in enumerate(self.questions, 1))
        script = _SCRIPT.replace("ID", name).replace("COUNT", str(len(self.questions)))
        return f'{_STYLE}<div class="quiz" id="{name}">{fields}<p class="score" role="status"></p></div>{script}'

    def _fieldset(self, name: str, number: int, question: Question) -> str:
        """One question as HTML."""
        options = []
        for place, (option, feedback) in enumerate(question.options.items()):
            input_id, correct = f"{name}-{number}-{place}", place == question.correct
            mark = "✓ Correct." if correct else "✗ Incorrect."
            options.append(
                f'<div class="option" style="--place:{place}">'
                f'<input type="radio" name="{name}-{number}" id="{input_id}" value="{"right" if correct else "wrong"}">'
                f'<label for="{input_id}">{inline_html(option)}</label>'
                f'<div class="says" aria-live="polite"><div class="feedback{" right" if correct else ""}">'
                f"<p><strong>{mark}</strong> {_link_sections(inline_html(feedback))}</p></div></div></div>"
            )
        legend = f"<legend>{number}. {inline_html(question.text)}</legend>"
        topic = f' data-topic="{escape(question.topic)}"' if question.topic else ""
        return f'<fieldset{topic}>{legend}<div class="options">{"".join(options)}</div></fieldset>'

    def __repr__(self) -> str:
        lines = []
        for number, question in enumerate(self.questions, 1):
            lines.append(f"{number}. {question.text}")
            lines += [f"   {letter}) {option}" for letter, option in zip(ascii_lowercase, question.options)]
        return "\n".join(lines)


def quiz(questions: Sequence[Question], **values: Any) -> Quiz:
    """Return questions that show the feedback of an option when it is selected.

    Args:
        questions: one or more.
        **values: a computed value for each field in the texts.

    Returns:
        The quiz.

    Raises:
        ValueError: no question, a field without a value, a value without a field, or values that make two options
            equal.

    Example:
        >>> quiz([Question("Is {n} even?", {"yes": "It is twice {half}.", "no": "Halve it."}, correct=0)], n=6, half=3)
        1. Is 6 even?
           a) yes
           b) no
    """
    if not questions:
        raise ValueError("a quiz needs at least one question")
    texts = [text for question in questions for text in (question.text, *question.options, *question.options.values())]
    fields = {
        re.split(r"[.\[]", field)[0]
        for text in texts
        for _, field, _, _ in Formatter().parse(text)
        if field is not None
    }
    if fields != set(values):
        missing, unused = sorted(fields - set(values)), sorted(set(values) - fields)
        raise ValueError(
            f"every field needs a value and every value a field; without a value: {missing}; without a field: {unused}"
        )

    def filled(question: Question) -> Question:
        options = {option.format(**values): feedback.format(**values) for option, feedback in question.options.items()}
        if len(options) < len(question.options):
            raise ValueError(f"{question.text!r}: with these values two options are the same; choose other values")
        return replace(question, text=question.text.format(**values), options=options)

    return Quiz([filled(question) for question in questions])


def _link_sections(html: str) -> str:
    """HTML in which each section that is named by its number is a link.

    Example:
        >>> _link_sections("Section 2.6 explains it; section 9.9 does not exist.").partition(">")[0]
        '<a href="02-information.ipynb#2.6-Explanations-of-photographs" title="2.6 Explanations of photographs"'
    """
    return re.sub(
        r"\b[Ss]ection (\d\.\w)\b",
        lambda match: section_link(match[1], match[0]) if match[1] in SECTION_TITLES else match[0],
        html,
    )
