# Completion of soru, and of its other names, in fish.
function __soru_candidates
    set -l before (commandline -opc)
    set -l begun (commandline -ct)
    env SORU_COMPLETE=1 $before "$begun" 2>/dev/null
end
for name in NAMES
    complete -c $name -a '(__soru_candidates)'
end
