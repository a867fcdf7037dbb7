# SPDX-License-Identifier: GPL-2.0-or-later
#
# The part of the completion that knows zsh; scripts/completions puts it
# behind the tables that it makes from --help.

_longhaul_settings() {
    local -a found
    found=(${(f)"$(_longhaul_keys "$_longhaul_program" "${(Q)PREFIX}")"})
    compadd -S '' -- $found
}

_longhaul_all_keys() {
    compadd -- ${(f)"$("$_longhaul_program" explain --all 2>/dev/null |
        grep '^[a-z]')"}
}

_longhaul_examples() {
    compadd -- ${(f)"$("$_longhaul_program" init --list 2>/dev/null |
        cut -d' ' -f1)"}
}

_longhaul_list() {
    compadd -- auto ${(f)"$("$_longhaul_program" list $1 2>/dev/null |
        sed 1d | cut -d' ' -f1)"}
}

_longhaul() {
    local context state state_descr line _longhaul_program=${(Q)words[1]}
    typeset -A opt_args

    _arguments -C $_longhaul_options '1:command:->command' \
        '*::argument:->argument'
    case $state in
    command) _describe command _longhaul_commands ;;
    argument)
        curcontext="${curcontext%:*:*}:longhaul-$words[1]:"
        _longhaul_command $words[1]
        ;;
    esac
}

if [ "$funcstack[1]" = _longhaul ]; then
    _longhaul "$@"
else
    compdef _longhaul longhaul
fi
