
# Addresses: how they begin, and the options of the layers that they name.
function __wharf_options # LAYER...
    for layer in $argv
        switch $layer
@CASES_FISH@
        end
    end
    printf '%s\n' @GENERAL@
end

function __wharf_addresses
    set -l typed (commandline --current-token --cut-at-cursor)
    if string match --quiet '*#*' -- $typed
        set -l head (string replace --regex '[^#,]*$' '' -- $typed)
        set -l stack (string replace --regex '(-listen)?[:#].*$' '' -- $typed)
        printf "$head%s\n" (__wharf_options (string split + -- $stack))
    else
        set -l upper (string replace --regex '[^+]*$' '' -- $typed)
        printf "$upper%s\n" @STARTS@
    end
end
complete --command wharf --condition 'not string match --quiet -- "-*" (commandline -ct)' --arguments '(__wharf_addresses)'
