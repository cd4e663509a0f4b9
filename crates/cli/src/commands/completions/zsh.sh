
# Addresses: how they begin, and the options of the layers that they name.
_wharf_options() { # LAYER...
    local layer
    for layer in "$@"; do
        case $layer in
@CASES@
        esac
    done
    printf '%s\n' @GENERAL@
}

_wharf_address() {
    local typed=$PREFIX head stack
    local -a found
    case $typed in
        *'#'*)
            head=${typed%"${typed##*[#,]}"}
            stack=${${typed%%[:#]*}%-listen}
            found=($head${^${(f)"$(_wharf_options ${(s:+:)stack})"}})
            ;;
        *) found=("${typed%"${typed##*+}"}"${^:-@STARTS_ZSH@}) ;;
    esac
    (( $#found )) && compadd -Q -S '' -- $found
    [[ $typed == [./~]* ]] && _files
}
