"""Completion of `manage.py schemasync` in bash and zsh: actions, their options, and generations for a rollback.

`python -m schemasync.management.completion bash` prints the script. Django's own completion offers the options of a
command, but no positional arguments, so it cannot offer actions. The script leaves every other command to it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand

from . import options

SCRIPT = """\
# Completion of `manage.py schemasync`. Load Django's own completion first, if you use it.
_schemasync_options() {
  case "$1" in
@CASES@
  esac
}

# compgen expands what it is given, so nothing but the form of a name gets there.
_schemasync_archives() {
  "$@" history --json 2>/dev/null | awk -F '"' '
    /^      "generation": / { name = $4 }
    /^      "live": / { live = /true/ }
    /^      "file_missing": false/ { if (!live && name ~ /^[0-9]+-[0-9a-f]+$/) print name }'
}

_schemasync() {
  local first=0 at word action=sync current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}"
  local -a command
  COMPREPLY=()
  case "${COMP_WORDS[0]##*/}" in python*) first=1 ;; esac
  if [[ "${COMP_WORDS[first]##*/}" != manage.py || "${COMP_WORDS[first+1]}" != schemasync ]] ||
    (( COMP_CWORD < first + 2 )); then
    if (( first )); then word=_python_django_completion; else word=_django_completion; fi
    if typeset -f "$word" >/dev/null; then "$word" "$@"; fi
    return
  fi
  for (( at = 0; at < first + 2; at++ )); do command+=("${COMP_WORDS[at]}"); done
  for (( at = first + 2; at < COMP_CWORD; at++ )); do
    word="${COMP_WORDS[at]}"
    case "$word" in
      @ACTIONS@) if [[ $action == sync ]]; then action=$word; fi ;;
      --database|--settings|--pythonpath) command+=("$word" "${COMP_WORDS[++at]}") ;;
      @VALUES@) (( ++at )) ;;
    esac
  done
  case "$previous" in
@CHOICES@
    @VALUES@) return ;;
  esac
  case "$current" in
    -*) word="$(_schemasync_options "$action")" ;;
    *)
      case "$action" in
        sync) word="@WORDS@" ;;
        rollback) word="$(_schemasync_archives "${command[@]}")" ;;
        inspect|snapshot|hash) return ;; # a file
        *) word="$(_schemasync_options "$action")" ;;
      esac
      ;;
  esac
  COMPREPLY=( $(compgen -W "$word" -- "$current") )
}

complete -o default -F _schemasync manage.py python python3 python3.11 python3.12 python3.13
"""
FOR_ZSH = """\
(( $+functions[compdef] )) || { autoload -U compinit && compinit; }
autoload -U +X bashcompinit && bashcompinit
"""


class _Command(BaseCommand):
    """The command line without the modules that the command itself imports."""

    def add_arguments(self, parser: Any) -> None:
        options.add(parser)


def script(shell: str) -> str:
    """Return the script for `bash` or `zsh`."""
    main = _Command().create_parser("manage.py", "schemasync")
    (actions,) = [found for found in main._actions if isinstance(found, argparse._SubParsersAction)]
    parsers = {"sync": main, **actions.choices}
    cases = [f'    {name}) echo "{" ".join(_long_options(parser))}" ;;' for name, parser in parsers.items()]
    every = [option for parser in parsers.values() for option in parser._actions if option.option_strings]
    choices = {
        "|".join(option.option_strings): " ".join(map(str, option.choices)) for option in every if option.choices
    }
    chosen = [
        f'    {names}) COMPREPLY=( $(compgen -W "{words}" -- "$current") ); return ;;'
        for names, words in sorted(choices.items())
    ]
    values = sorted({name for option in every if _takes_a_value(option) for name in option.option_strings})
    text = SCRIPT
    for place, found in {
        "@CASES@": "\n".join(cases),
        "@CHOICES@": "\n".join(chosen),
        "@VALUES@": "|".join(values),
        "@ACTIONS@": "|".join(options.ACTIONS),
        "@WORDS@": " ".join(options.ACTIONS),
    }.items():
        text = text.replace(place, found)
    return (FOR_ZSH if shell == "zsh" else "") + text


def _long_options(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield the long options that `--help` shows."""
    for option in parser._actions:
        if option.help != argparse.SUPPRESS:
            yield from (name for name in option.option_strings if name.startswith("--"))


def _takes_a_value(option: argparse.Action) -> bool:
    return option.nargs != 0 and not option.choices


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m schemasync.management.completion", description=__doc__)
    parser.add_argument("shell", choices=["bash", "zsh"])
    sys.stdout.write(script(parser.parse_args().shell))


if __name__ == "__main__":
    main()
