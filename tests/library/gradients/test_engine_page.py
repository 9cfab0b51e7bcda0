"""The code on the page about the engine runs, and prints what its comments state."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[3] / "chapters" / "engine.md"


def test_code_of_the_engine_page_prints_what_it_says(capsys):
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S))
    expected = re.findall(r"print\(.*\)  # (.+)$", code, re.M)
    exec(compile(code, str(PAGE), "exec"), {"__name__": "engine"})
    assert expected and capsys.readouterr().out.split() == expected
