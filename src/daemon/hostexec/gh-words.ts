// Which words gh may be given on the host: commands that speak to the forge, and options that read or write no file here, open no editor or
// browser and show no token (`--jq` can read gh's environment).

import { Problem } from '../../core/problem.ts'

const commands: Readonly<Record<string, readonly string[]>> = {
  pr: [
    'create',
    'view',
    'list',
    'status',
    'checks',
    'diff',
    'comment',
    'edit',
    'ready',
    'review',
    'close',
    'reopen',
    'merge',
  ],
  issue: ['create', 'view', 'list', 'status', 'comment', 'edit', 'close', 'reopen'],
  run: ['list', 'view', 'watch', 'rerun', 'cancel'],
  workflow: ['list', 'view', 'run'],
  release: ['list', 'view'],
  label: ['list'],
  repo: ['view'],
  search: ['code', 'commits', 'issues', 'prs', 'repos'],
}

/** By name; a short one never in a cluster, and never with its value attached. `-F`, `-T`, `-q`, `-e`, `-w` are files, jq, editors, browsers. */
const options: ReadonlySet<string> = new Set(
  `-a -A -b -B -c -d -f -H -l -L -m -n -p -r -R -s -S -t -u
   --active --add-assignee --add-label --add-project --add-reviewer --all --app --approve --archived --assignee --attempt --author --auto
   --base --body --branch --color --comment --comments --commit --compact --created --delete-branch --disable-auto --draft --dry-run
   --duplicate-of --event --exclude-drafts --exit-status --fail-fast --failed --field-name --fill --fill-first --fill-verbose --force
   --head --interval --job --json --label --language --limit --log --log-failed --match --match-head-commit --mention --merge --merged
   --milestone --name-only --no-maintainer-edit --order --owner --patch --project --raw-field --reason --rebase --ref --remove-assignee
   --remove-label --remove-milestone --remove-project --remove-reviewer --repo --request-changes --required --reviewer --search --sort
   --squash --state --status --subject --title --type --undo --updated --user --verbose --watch --workflow --yaml --yes`.split(
    /\s+/,
  ),
)

/** Their values are texts and lead nowhere. */
const texts: ReadonlySet<string> = new Set(['-b', '--body', '-t', '--title', '--subject', '--comment'])

/** Throws `not_on_host` for what is not in the tables, or would go to another host than `host`: gh sends its token to any. */
export function checkGhWords([command = '', sub = '', ...rest]: readonly string[], host: string): void {
  const subs = Object.hasOwn(commands, command) ? (commands[command] ?? []) : null
  if (subs === null || !subs.includes(sub)) {
    const can = subs === null ? Object.keys(commands).join(', ') : subs.map((each) => `${command} ${each}`).join(', ')
    throw new Problem('not_on_host', `gh ${shown(`${command} ${sub}`)} is not run on the host: ${can} are`)
  }
  const bad = rest.find((word) => word.startsWith('-') && !options.has(word.split('=', 1)[0] ?? ''))
  if (bad !== undefined) {
    const way =
      'a value that begins with - is written --name=value, a text goes by --body, and --json is cut to size inside'
    throw new Problem('not_on_host', `gh ${command} ${sub} is not given ${shown(bad)} on the host: ${way}`)
  }
  checkAddresses(rest, { host, positional: command === 'repo' })
}

/** With `positional` any word may be a repository. */
function checkAddresses(
  words: readonly string[],
  { host, positional }: { readonly host: string; readonly positional: boolean },
): void {
  for (const [at, word] of words.entries()) {
    const [option, value] = optionIn(word)
    const before = words[at - 1]
    if (option === '-R' || option === '--repo') checkRepository(value ?? words[at + 1] ?? '', host)
    else if (before !== '-R' && before !== '--repo' && !texts.has(option)) checkAddress(value ?? word, host)
    if (positional && option === '' && word.split('/').length === 3) checkRepository(word, host)
  }
}

/** `--name=value` taken apart; the name is empty for another word. */
function optionIn(word: string): readonly [option: string, value: string | null] {
  const end = word.indexOf('=')
  if (!word.startsWith('-')) return ['', null]
  return end === -1 ? [word, null] : [word.slice(0, end), word.slice(end + 1)]
}

function checkRepository(value: string, host: string): void {
  const [, at = host] = /^(?:([^/\s@]+)\/)?[\w.-]+\/[\w.-]+$/.exec(value) ?? [null, '']
  if (at.toLowerCase() === host) return
  throw new Problem(
    'not_on_host',
    `${shown(value)} is not a repository of ${host}: OWNER/NAME or ${host}/OWNER/NAME is`,
  )
}

/** Whatever gh could take for an address: those of the forge alone, written plainly. */
function checkAddress(value: string, host: string): void {
  const word = value.trim().toLowerCase()
  if (!/^(?:[a-z][a-z0-9+.-]*:\/|\/\/|[^\s/@]*@[^\s/:]*:)/.test(word)) return
  const name = host.replace(/:\d+$/, '')
  const own = [`https://${host}/`, `http://${host}/`, `ssh://git@${name}/`, `git@${name}:`]
  if (own.some((start) => word.startsWith(start))) return
  const way = 'only its addresses are taken; a text that begins with another is written --body=… or --title=…'
  throw new Problem('not_on_host', `${shown(value)} is not at ${host}: ${way}`)
}

function shown(words: string): string {
  return JSON.stringify(words.length > 80 ? `${words.slice(0, 80)}…` : words)
}
