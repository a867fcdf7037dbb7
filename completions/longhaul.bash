# SPDX-License-Identifier: GPL-2.0-or-later
#
# Completion of longhaul for bash; needs nothing but bash.  What it offers is
# compared with `longhaul --help` by scripts/check-help.

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

# The options of a command; '' is longhaul itself.
_longhaul_options() { # COMMAND
    local common='--help --usage'
    case $1 in
    '') echo "$common --version" ;;
    run) echo "$common --output --set --trace --chakra --ranks --links --timing --strict" \
        "--data --jobs --report --report-grid --plot --vary" ;;
    compare) echo "$common --output --set --vary --data --jobs --report" ;;
    solve) echo "$common --output --set --vary --target --resolution --each --near" \
        "--fixed --data --jobs" ;;
    sweep) echo "$common --vary --zip --store --csv --sqlite --jobs" \
        "--progress --shard --shards --slurm --sbatch --dry-run --set --data" ;;
    golden) echo "$common --output --format --write --update --add --name" \
        "--tolerance --jobs --set --data" ;;
    validate) echo "$common --output --write --jobs --data" ;;
    calibrate) echo "$common --fit --loss --leave-one-out --uses --write" \
        "--output --jobs --data" ;;
    check) echo "$common --set --data" ;;
    show) echo "$common --output --set --data" ;;
    collective) echo "$common --sizes --ranks --algorithm --dispatch" \
        "--output --set --data" ;;
    list) echo "$common --data" ;;
    explain) echo "$common --all --json-schema --markdown" ;;
    init) echo "$common --list" ;;
    esac
}

# The value of an option; fails where the option takes none.
_longhaul_value() { # COMMAND OPTION WORD
    case $2 in
    -o | --output | --format)
        if [ "$1" = show ]; then
            _longhaul_words "$3" 'text json svg'
        elif [ "$1" = compare ] || [ "$1" = solve ]; then
            _longhaul_words "$3" 'text json csv markdown'
        elif [ "$1" = golden ]; then
            _longhaul_words "$3" 'text json junit github'
        elif [ "$1" = validate ]; then
            _longhaul_words "$3" 'text csv json markdown svg families'
        else
            _longhaul_words "$3" 'text json csv'
        fi
        ;;
    --trace | --plot | --csv | --sqlite) _longhaul_files "$3" '*' ;;
    --report) _longhaul_files "$3" '*.html' ;;
    --report-grid) _longhaul_words "$3" 'off 7x7' ;;
    --add) _longhaul_files "$3" '*.y*ml' ;;
    --data | --store) _longhaul_files "$3" '/' ;;
    --links) _longhaul_words "$3" all ;;
    --algorithm)
        _longhaul_words "$3" \
            'auto ring tree hierarchical pairwise torus hamiltonian nvls server'
        ;;
    --fixed) _longhaul_words "$3" 'global-batch batch-per-gpu' ;;
    --target)
        _longhaul_words "$3" \
            'efficiency step_time_s tokens_per_s mfu breakdown.wan_comm'
        ;;
    --loss) _longhaul_words "$3" 'mean median' ;;
    --write) _longhaul_files "$3" '*' ;;
    -j | --jobs | --set | --sizes | -n | --ranks | -f | --fit | \
        --vary | --resolution | --each | --near | --shard | --shards | \
        --sbatch | --name | --tolerance) ;;
    *) return 1 ;;
    esac
}

# An argument of a command.
_longhaul_argument() { # COMMAND N-BEFORE WORD
    local stages='scenario topology program fold trace'
    local kinds='topologies collectives schedules accelerators fabrics'
    case $1 in
    run | check | compare | solve) _longhaul_files "$3" '*.y*ml' ;;
    sweep)
        _longhaul_files "$3" '*.y*ml'
        (($2 > 0)) ||
            mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(
                compgen -W 'plan run merge submit' -- "$3")
        ;;
    golden) _longhaul_files "$3" '*.json' ;;
    validate | calibrate) _longhaul_files "$3" '*.csv' ;;
    show)
        if (($2 == 0)); then
            _longhaul_words "$3" "$stages"
        else
            _longhaul_files "$3" '*.y*ml'
        fi
        ;;
    collective)
        if (($2 == 0)); then
            _longhaul_words "$3" \
                'all-reduce reduce-scatter all-gather all-to-all send'
        else
            _longhaul_files "$3" '*.y*ml'
        fi
        ;;
    list) _longhaul_words "$3" "$kinds models stacks outputs" ;;
    init) _longhaul_words "$3" \
        "$(longhaul init --list 2>/dev/null | cut -d' ' -f1)" ;;
    esac
}

_longhaul() {
    local word=${COMP_WORDS[COMP_CWORD]} command='' i n=0
    local commands='run compare solve sweep golden validate calibrate check show'
    commands+=' collective list explain init'
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -*) ;;
        *)
            if [ -z "$command" ]; then
                command=${COMP_WORDS[i]}
            elif ! _longhaul_value "$command" "${COMP_WORDS[i - 1]}" ''; then
                n=$((n + 1))
            fi
            ;;
        esac
    done
    COMPREPLY=()
    if [ -z "$command" ] && [[ $word != -* ]]; then
        _longhaul_words "$word" "$commands"
    elif [ -n "$command" ] &&
        _longhaul_value "$command" "${COMP_WORDS[COMP_CWORD - 1]}" "$word"; then
        :
    elif [[ $word == -* ]]; then
        _longhaul_words "$word" "$(_longhaul_options "$command")"
    else
        _longhaul_argument "$command" "$n" "$word"
    fi
}

complete -F _longhaul longhaul
