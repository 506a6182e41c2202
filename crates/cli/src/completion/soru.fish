# Completion of soru, and of its other names, in fish.
function __soru_candidates
    set -l before (commandline -opc)
    set -l begun (commandline -ct)
    set -l found (env SORU_COMPLETE=1 $before "$begun" 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path "$begun"
    end
end
for name in NAMES
    complete -c $name -f -a '(__soru_candidates)'
end
