"""Questions that mark themselves, on a page without a server and without a script, from the keyboard and in print."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from html import escape
from string import Formatter, ascii_lowercase

from tutorial_course.widgets.section_links import SECTION_TITLES, section_link

# Which feedback shows is decided by the style alone. Where a notebook drops styles, all of it shows, and can be read.
_STYLE = """<style>
.quiz{margin:1em 0;line-height:1.45;max-width:46em;color:inherit}
.quiz fieldset{border:1px solid rgba(128,128,128,.45);border-radius:8px;margin:0 0 1.1em;padding:.7em 1em .8em;
 min-width:0;break-inside:avoid}
.quiz legend{float:left;width:100%;margin:0 0 .4em;padding:0;font-size:1em;font-weight:600;line-height:1.4;color:inherit}
.quiz .options{clear:both}
.quiz .option{display:grid;grid-template-columns:auto minmax(0,1fr);column-gap:.6em;align-items:baseline;margin:.15em 0}
.quiz input{width:1.05em;height:1.05em;margin:0;position:relative;top:.15em;accent-color:#0072B2}
.quiz label{margin:0;padding:.35em 0;font-weight:400;cursor:pointer;color:inherit}
.quiz input:checked+label{font-weight:600}
.quiz input:focus-visible{outline:3px solid #0072B2;outline-offset:2px;box-shadow:0 0 0 2px rgba(255,255,255,.8)}
.quiz .says{grid-column:2}
.quiz .feedback{display:none;margin:.1em 0 .5em;padding:.4em .8em;border-left:4px dashed #D55E00;background:rgba(213,94,0,.12)}
.quiz .feedback.right{border-left:4px solid #009E73;background:rgba(0,158,115,.14)}
.quiz .feedback p{margin:0}.quiz .feedback a{color:inherit;text-decoration:underline}
.quiz input:checked~.says .feedback{display:block}
.quiz .score{margin:0;min-height:1.5em;font-weight:600}
@media print{.quiz .options{display:flex;flex-direction:column}.quiz .option{order:var(--place)}
.quiz .feedback{display:block}.quiz .score{display:none}}
</style>"""
# The options change places on screen; `--place` puts them back in print. The score counts what is chosen now, so that whoever
# walks over options with the arrow keys loses nothing; topics come in the order of what went astray.
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
var again=Object.keys(astray).sort(function(a,b){return astray[b]-astray[a]}).map(function(topic){return topic+" ("+astray[topic]+")"});
score.textContent=chosen.length+" of COUNT answered, "+right.length+" right."+
(again.length?" Worth another look: "+again.join(", ")+".":"")})})();
</script>"""


@dataclass(frozen=True)
class Question:
    """A question with options, each with a line of feedback; ``right`` is the index of the right one.

    Texts may hold `code`, *emphasis*, and fields in braces that :func:`quiz` fills. Feedback that names "section 2.3" links it.
    Where questions have a ``topic``, the score says in which of them the wrong choices lie.

    Raises:
        ValueError: fewer than two options, an option without feedback, or a right option that does not exist.
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
        silent = [option for option, feedback in self.options.items() if not option.strip() or not feedback.strip()]
        if silent:
            raise ValueError(f"{self.text!r}: every option needs a text and a line of feedback; none for {silent}")
        if (
            isinstance(self.correct, bool)
            or not isinstance(self.correct, int)
            or not 0 <= self.correct < len(self.options)
        ):
            raise ValueError(
                f"{self.text!r}: right is an index from 0 to {len(self.options) - 1}, not {self.correct!r}"
            )


class Quiz:
    """Questions with their fields filled; a page in a notebook, a numbered list in a terminal."""

    def __init__(self, questions: Sequence[Question]):
        self.questions = tuple(questions)

    def _repr_html_(self) -> str:
        # Made from the text, so that the same quiz is the same page wherever it is built.
        name = "quiz-" + sha256(repr(self.questions).encode()).hexdigest()[:10]
        fields = "".join(self._fieldset(name, number, question) for number, question in enumerate(self.questions, 1))
        script = _SCRIPT.replace("ID", name).replace("COUNT", str(len(self.questions)))
        return f'{_STYLE}<div class="quiz" id="{name}">{fields}<p class="score" role="status"></p></div>{script}'

    def _fieldset(self, name: str, number: int, question: Question) -> str:
        options = []
        for place, (option, feedback) in enumerate(question.options.items()):
            own, right = f"{name}-{number}-{place}", place == question.correct
            mark = "✓ Right." if right else "✗ Not this one."
            options.append(
                f'<div class="option" style="--place:{place}">'
                f'<input type="radio" name="{name}-{number}" id="{own}" value="{"right" if right else "wrong"}">'
                f'<label for="{own}">{inline_html(option)}</label>'
                f'<div class="says" aria-live="polite"><div class="feedback{" right" if right else ""}">'
                f"<p><strong>{mark}</strong> {link_sections(inline_html(feedback))}</p></div></div></div>"
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


def quiz(questions: Sequence[Question], **values) -> Quiz:
    """Questions that answer themselves: choose an option, and its feedback appears.

    Args:
        questions: one or more.
        values: a computed number for each field in their texts, as for ``say``.

    Raises:
        ValueError: no question, a field without a value, a value without a field, or values that make two options equal.

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
            raise ValueError(f"{question.text!r}: with these values two options say the same; choose other values")
        return replace(question, text=question.text.format(**values), options=options)

    return Quiz([filled(question) for question in questions])


def inline_html(text: str) -> str:
    """Text as HTML, with `code` and *emphasis*.

    Example:
        >>> inline_html("call `x < 2` *now*")
        'call <code>x &lt; 2</code> <em>now</em>'
    """
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
    return re.sub(r"(?<!\w)\*([^*\s](?:[^*]*[^*\s])?)\*(?!\w)", r"<em>\1</em>", text)


def link_sections(html: str) -> str:
    """HTML in which sections that are named with their number lead there.

    Example:
        >>> link_sections("Section 2.2 has it; section 9.9 is not there.")
        '<a href="02-information.ipynb#2.2-What-if-not-P%3F" title="2.2 What if not P?">Section 2.2</a> has it; section 9.9 is not there.'
    """
    return re.sub(
        r"\b[Ss]ection (\d\.\w)\b",
        lambda found: section_link(found[1], found[0]) if found[1] in SECTION_TITLES else found[0],
        html,
    )
