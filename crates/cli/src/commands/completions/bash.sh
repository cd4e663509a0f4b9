
# Addresses, beside the commands and flags above: how they begin, and the options of their layers.
_wharf_options() { # LAYER...
    local layer
    for layer in "$@"; do
        case $layer in
@CASES@
        esac
    done
    printf '%s\n' @GENERAL@
}

_wharf_addresses() { # TYPED
    local typed=$1 head stack layers
    case $typed in
        *'#'*)
            head=${typed%"${typed##*[#,]}"}
            stack=${typed%%[:#]*}
            IFS=+ read -ra layers <<<"${stack%-listen}"
            _wharf_options "${layers[@]}" | while IFS= read -r option; do
                printf '%s\n' "$head$option"
            done
            ;;
        *) printf "${typed%"${typed##*+}"}%s\n" @STARTS@ ;;
    esac
}

# Bash takes a colon for the end of a word, so that what is offered is what follows the last one.
_wharf_words() {
    _wharf "$@"
    local typed=${COMP_LINE:0:COMP_POINT} current=${COMP_WORDS[COMP_CWORD]} address
    typed=${typed##* }
    [[ $typed == -* ]] && return
    [[ $current == : ]] && current=
    while IFS= read -r address; do
        [[ $address == "$typed"* ]] && COMPREPLY+=("${address#"${typed%"$current"}"}")
    done < <(_wharf_addresses "$typed")
    # An address goes on after what was offered.
    [[ ${COMPREPLY[0]} == *[:/=] ]] && compopt -o nospace
}
complete -F _wharf_words -o bashdefault -o default wharf
