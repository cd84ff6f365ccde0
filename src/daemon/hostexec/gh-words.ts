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

/** Throws `not_on_host` for what is not in the tables. */
export function checkGhWords([command = '', sub = '', ...rest]: readonly string[]): void {
  const subs = Object.hasOwn(commands, command) ? (commands[command] ?? []) : null
  if (subs === null || !subs.includes(sub)) {
    const can = subs === null ? Object.keys(commands).join(', ') : subs.map((each) => `${command} ${each}`).join(', ')
    throw new Problem('not_on_host', `gh ${shown(`${command} ${sub}`)} is not run on the host: ${can} are`)
  }
  const bad = rest.find((word) => word.startsWith('-') && !options.has(word.split('=', 1)[0] ?? ''))
  if (bad === undefined) return
  const way =
    'a value that begins with - is written --name=value, a text goes by --body, and --json is cut to size inside'
  throw new Problem('not_on_host', `gh ${command} ${sub} is not given ${shown(bad)} on the host: ${way}`)
}

function shown(words: string): string {
  return JSON.stringify(words.length > 80 ? `${words.slice(0, 80)}…` : words)
}
