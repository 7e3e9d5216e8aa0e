"""Where the functions of a C++ source begin and end, read from its text.

It knows what a formatted source of this house holds: namespaces, types, functions, constructors with initialisers, tables
of values. What stands in comments, literals and preprocessor lines is not looked at.
"""
import re
from typing import NamedTuple

# A raw string first, since the others end within it; // in a string is no comment.
NO_CODE = re.compile(
    r'R"(?P<mark>[^\s()\\]{0,16})\(.*?\)(?P=mark)"'
    r"|//[^\n]*|/\*.*?\*/"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9A-Za-z_])(?:u8|[uUL])?'(?:\\.|[^'\\\n])*'"
    r"|^[ \t]*#(?:[^\n]*\\\n)*[^\n]*",
    re.DOTALL | re.MULTILINE)
TEMPLATE = re.compile(r"\btemplate\s*<")
TYPE = re.compile(r"\b(?:class|struct|union|enum)\b")
OPERATOR = re.compile(r"\boperator\s*(?:\(\s*\)|\[\s*\]|[^\s\w(]+)")
NAME = re.compile(r"((?:\w+(?:<[\w:, ]*>)?::)*~?\w+)(?:<[^()]*>)?\s*$")
ACCESS = re.compile(r"\b(?:public|protected|private)\s*:(?!:)")


class Function(NamedTuple):
    name: str
    first: int  # lines, counted from 1
    last: int

    @property
    def lines(self):
        return self.last - self.first + 1


def code_alone(text):
    """The text, as long and with the same lines, with blanks for what is no code and " for a literal."""
    def blank(match):
        literal = match[0][0] not in "/ \t#"
        blanks = re.sub(r"[^\n]", " ", match[0])
        return '"' + blanks[1:] if literal else blanks
    return NO_CODE.sub(blank, text)


def without_templates(head):
    """The head with blanks for `template <...>`, whose words `class` and `=` say nothing of what follows."""
    while match := TEMPLATE.search(head):
        depth, end = 1, match.end()
        while depth and end < len(head):
            depth += {"<": 1, ">": -1}.get(head[end], 0)
            end += 1
        # The same length, so that places stay true.
        head = head[:match.start()] + re.sub(r"[^\n]", " ", head[match.start():end]) + head[end:]
    return head


def outermost(head):
    """The head with blanks for what stands within round and square brackets, the brackets kept."""
    depth, shown = 0, []
    for letter in head:
        if letter in ")]":
            depth -= 1
        shown.append(letter if depth <= 0 or letter == "\n" else " ")
        if letter in "([":
            depth += 1
    return "".join(shown)


def kind_of(head):
    """What a brace opens, from the text between it and the end of the statement before: scope, function or values."""
    plain = OPERATOR.sub("operator", outermost(head))
    called = "(" in plain
    if re.search(r"\bnamespace\b", plain) or (re.search(r'\bextern\b\s*"', plain) and not called):
        return "scope"
    if TYPE.search(plain.split("(")[0]) and not re.search(r"\)\s*(?:const|noexcept|override|final)*\s*$", plain):
        return "scope"
    if not called or "=" in plain.replace("==", ""):
        return "values"
    initialiser = re.search(r"\)[^:()]*(?<!:):(?!:)", plain)  # of a constructor: a name before a brace is a member's
    if initialiser and re.search(r"[\w>]\s*$", plain):
        return "values"
    return "function"


def name_of(head):
    plain = outermost(head)
    if "operator" in plain:
        match = re.search(r"[\w:<>]*operator\s*(?:\(\s*\)|\[\s*\]|[^\s(]+)", plain)
        return re.sub(r"\s+", "", match[0]) if match else "operator"
    match = NAME.search(plain.split("(")[0])
    return match[1] if match else plain.split("(")[0].strip()


def functions(text):
    """Every function of a source, in its order; what a function holds, lambdas and local types, is part of it."""
    code = code_alone(text)
    line_of, line = [], 1
    for letter in code:
        line_of.append(line)
        line += letter == "\n"
    open_braces = []  # (kind, name, first line)
    inside = 0        # of functions and values: their braces are only counted
    start = rounds = 0  # where the statement starts that may lead to a brace; brackets open in it
    for place, letter in enumerate(code):
        if letter in "()" and not inside:
            rounds += 1 if letter == "(" else -1
        elif letter == "{":
            head, kind = "", "values"
            if not inside and not rounds:
                head = without_templates(ACCESS.sub(lambda match: " " * len(match[0]), code[start:place]))
                kind = kind_of(head)
            first = line_of[min(start + len(head) - len(head.lstrip()), place)]
            open_braces.append((kind, name_of(head) if kind == "function" else "", first))
            inside += kind != "scope"
            if kind == "scope":
                start = place + 1
        elif letter == "}" and open_braces:
            kind, name, first = open_braces.pop()
            inside -= kind != "scope"
            if kind == "function" and not inside:
                yield Function(name, first, line_of[place])
            if not inside and kind != "values":
                start = place + 1
        elif letter == ";" and not inside and not rounds:
            start = place + 1
