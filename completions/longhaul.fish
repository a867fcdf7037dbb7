# SPDX-License-Identifier: GPL-2.0-or-later
#
# The part of the completion that knows fish; scripts/completions puts it
# behind the tables that it makes from --help.

function __longhaul_program
    set -l tokens (commandline -opc)
    echo $tokens[1]
end

# The command that was typed; fails where another was, or none.
function __longhaul_is
    set -l tokens (commandline -opc)
    for token in $tokens[2..-1]
        if not string match -q -- '-*' $token
            test "$token" = "$argv[1]"
            return
        end
    end
    test -z "$argv[1]"
end

# How many arguments stand behind the command; options' values count too.
function __longhaul_is_first
    set -l tokens (commandline -opc)
    __longhaul_is $argv[1]; and test (count (string match -v -- '-*' $tokens)) = 2
end

function __longhaul_settings
    set -l word (string replace -r '^--[a-z-]+=' '' -- (commandline -ct))
    __longhaul_keys (__longhaul_program) "$word"
end

function __longhaul_all_keys
    eval (__longhaul_program) explain --all 2>/dev/null | string match -r '^[a-z].*'
end

function __longhaul_examples
    eval (__longhaul_program) init --list 2>/dev/null | string replace -r '^(\S+)\s+' '$1\t'
end

function __longhaul_list
    echo auto
    eval (__longhaul_program) list $argv[1] 2>/dev/null | sed 1d | string replace -r '^(\S+)\s+' '$1\t'
end
