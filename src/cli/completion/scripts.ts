// What a shell needs to complete capstan's words: it asks `capstan completion words` at each TAB.

export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

export const scripts: Readonly<Record<Shell, string>> = {
  bash: `_capstan() {
  local IFS=$'\\n'
  COMPREPLY=($(capstan completion words -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _capstan capstan`,
  zsh: `#compdef capstan
_capstan() {
  local -a found
  found=("\${(@f)$(capstan completion words -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$found" ]]; then compadd -- $found; else _files; fi
}
compdef _capstan capstan`,
  fish: `function __capstan_words
  set -l typed (commandline -opc)
  capstan completion words -- $typed[2..-1] (commandline -ct) 2>/dev/null
end
complete -c capstan -a '(__capstan_words)'`,
}
