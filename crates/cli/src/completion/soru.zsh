#compdef NAMES
# Completion of soru, and of its other names, in zsh.
_soru() {
    local -a found
    found=("${(@f)$(SORU_COMPLETE=1 "${words[1]}" "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    found=("${(@)found:#}")
    if (( ${#found} )); then
        compadd -- "${(@)found}"
    else
        _files
    fi
}
if [ "${funcstack[1]}" = "_soru" ]; then
    _soru "$@"
else
    compdef _soru NAMES
fi
