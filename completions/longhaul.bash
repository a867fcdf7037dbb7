# SPDX-License-Identifier: GPL-2.0-or-later
#
# The part of the completion that knows bash; scripts/completions puts it
# behind the tables that it makes from --help.
# shellcheck disable=SC2154  # _longhaul_commands is one of them

_longhaul_words() { # WORD WORDS
    mapfile -t COMPREPLY < <(compgen -W "$2" -- "$1")
}

_longhaul_files() { # WORD PATTERN
    local name
    compopt -o filenames 2>/dev/null
    while IFS= read -r name; do
        # shellcheck disable=SC2053  # the right side is a pattern
        if [[ -d $name || $name == $2 ]]; then
            COMPREPLY+=("$name")
        fi
    done < <(compgen -f -- "$1")
}

# Bash replaces what follows the last "=" alone.
_longhaul_settings() { # WORD
    local line
    compopt -o nospace 2>/dev/null
    while IFS= read -r line; do
        [[ $line != "$1"* ]] || COMPREPLY+=("${line#"${1%"${1##*=}"}"}")
    done < <(_longhaul_keys "$_longhaul_program" "$1")
}

_longhaul_do() { # KIND WORD
    case $1 in
    'words '*) _longhaul_words "$2" "${1#words }" ;;
    'file '*) _longhaul_files "$2" "${1#file }" ;;
    'either '*)
        local found both=${1#either }
        _longhaul_words "$2" "${both#* }"
        found=("${COMPREPLY[@]}")
        COMPREPLY=()
        _longhaul_files "$2" "${both%% *}"
        COMPREPLY+=("${found[@]}")
        ;;
    directory) _longhaul_files "$2" / ;;
    settings) _longhaul_settings "$2" ;;
    keys) _longhaul_words "$2" \
        "$("$_longhaul_program" explain --all 2>/dev/null | grep '^[a-z]')" ;;
    examples) _longhaul_words "$2" \
        "$("$_longhaul_program" init --list 2>/dev/null | cut -d' ' -f1)" ;;
    'list '*) _longhaul_words "$2" "auto $("$_longhaul_program" \
        list "${1#list }" 2>/dev/null | sed 1d | cut -d' ' -f1)" ;;
    esac
}

# The words with what COMP_WORDBREAKS parts at "=" put together again; an
# option and its value are then two: --set=a=b is "--set" "a=b".
_longhaul_join() {
    local i word joined=''
    _longhaul_line=()
    for ((i = 1; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $word == = || $joined == *= ]] && [ -n "$joined" ]; then
            joined+=$word
        else
            [ -z "$joined" ] || _longhaul_line+=("$joined")
            joined=$word
        fi
    done
    _longhaul_line+=("$joined")
    for ((i = ${#_longhaul_line[@]} - 1; i >= 0; i--)); do
        word=${_longhaul_line[i]}
        if [[ $word == --*=* ]]; then
            _longhaul_line=("${_longhaul_line[@]:0:i}" "${word%%=*}"
                "${word#*=}" "${_longhaul_line[@]:i+1}")
        fi
    done
}

_longhaul() {
    local _longhaul_program=${COMP_WORDS[0]} _longhaul_line
    local command='' word last='' n=0 kind i
    COMPREPLY=()
    _longhaul_join
    word=${_longhaul_line[-1]}
    for ((i = 0; i < ${#_longhaul_line[@]} - 1; i++)); do
        if [[ $last == -* ]] && _longhaul_value "$command" "$last" >/dev/null
        then
            last=''
            continue
        fi
        last=${_longhaul_line[i]}
        if [[ $last != -* ]] && [ -z "$command" ]; then
            command=$last
        elif [[ $last != -* ]]; then
            n=$((n + 1))
        fi
    done
    if [[ $last == -* ]] && kind=$(_longhaul_value "$command" "$last"); then
        _longhaul_do "$kind" "$word"
    elif [[ $word == -* ]]; then
        _longhaul_words "$word" "$(_longhaul_options "$command")"
    elif [ -z "$command" ]; then
        _longhaul_words "$word" "$_longhaul_commands"
    else
        _longhaul_do "$(_longhaul_argument "$command" "$n")" "$word"
    fi
}

complete -F _longhaul longhaul
