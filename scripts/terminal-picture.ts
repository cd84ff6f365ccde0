// Makes docs/images/terminal.svg: runs real commands in a real terminal (tmux) against a Capstan of its own, and draws what is on the screen.
// Needs a built checkout, git and tmux. Run it with: npm run picture
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { systemClock } from '../src/lib/clock.ts'
import { exec } from '../src/lib/exec.ts'

/** What is typed, in order. `{id}` becomes the id of the newest task. */
const typed: readonly string[] = [
  `capstan task add --harness shell \\
  --prompt "sed -i s/Helo/Hello/ greet.sh" \\
  --expect changes --check "sh test.sh" --follow`,
  'capstan task diff {id}',
  'capstan task apply {id}',
  'sh greet.sh Ann',
]

/** The repository that the task works in. */
const files: Readonly<Record<string, string>> = {
  'greet.sh': 'echo "Helo, $1!"\n',
  'test.sh': 'test "$(sh greet.sh Ann)" = "Hello, Ann!"\n',
}

interface Style {
  readonly colour: string
  readonly bold: boolean
  readonly dim: boolean
}

const plain: Style = { colour: '#e6edf3', bold: false, dim: false }
const colours = ['#8b949e', '#ff7b72', '#3fb950', '#d29922', '#58a6ff', '#bc8cff', '#39c5cf', '#e6edf3']

const columns = 80
const rows = 48
const target = resolve('docs/images/terminal.svg')

await using stack = new AsyncDisposableStack()
const root = mkdtempSync(join(tmpdir(), 'capstan-picture-'))
stack.defer(() => rmSync(root, { recursive: true, force: true }))
const env = makePlace()
await makeRepository()
const socket = `capstan-picture-${process.pid}`
await tmux(
  '-f',
  '/dev/null',
  'new-session',
  '-d',
  '-s',
  'picture',
  '-x',
  `${columns}`,
  '-y',
  `${rows}`,
  join(root, 'shell'),
)
stack.defer(async () => void (await tmux('kill-server')))
await startCapstan()
for (const line of typed) await type(line)
const screen = (await tmux('capture-pane', '-e', '-p', '-t', 'picture:0')).trim().split('\n')
writeFileSync(target, svg(screen.slice(0, -1))) // without the prompt that waits for more
console.log(target)

/** A home of its own, a neutral prompt, and `capstan` on PATH. */
function makePlace(): Record<string, string | undefined> {
  const bin = join(root, 'bin')
  for (const folder of [bin, join(root, 'home'), join(root, 'shop')]) mkdirSync(folder)
  const program = (path: string, text: string) => {
    writeFileSync(path, `#!/bin/sh\n${text}\n`)
    chmodSync(path, 0o755)
  }
  program(join(bin, 'capstan'), `exec "${process.execPath}" "${resolve('bin/capstan.js')}" "$@"`)
  program(join(root, 'shell'), String.raw`PS1='\n\[\e[34m\]$\[\e[0m\] ' PS2='  ' exec bash --noprofile --norc`)
  return {
    PATH: `${bin}:${process.env.PATH}`,
    HOME: join(root, 'home'),
    CAPSTAN_HOME: join(root, 'home/.capstan'),
    LANG: 'C.UTF-8',
    TERM: 'xterm-256color',
    // tells `type` that the prompt is back; the shell forgets the signal's own output
    PROMPT_COMMAND: 'tmux wait-for -S prompt',
  }
}

async function makeRepository(): Promise<void> {
  const cwd = join(root, 'shop')
  for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text)
  const author = ['-c', 'user.name=Ann', '-c', 'user.email=ann@example.com']
  for (const args of [
    ['init', '-q', '-b', 'main'],
    ['add', '.'],
    [...author, 'commit', '-q', '-m', 'Start'],
  ]) {
    await run('git', args, cwd)
  }
}

/** In a window of its own, which is never shown. */
async function startCapstan(): Promise<void> {
  const shop = join(root, 'shop')
  await tmux('set-option', '-g', 'remain-on-exit', 'on')
  await tmux('new-window', '-d', '-n', 'up', '-c', shop, 'exec capstan up --port 0 --name laptop:shop')
  const running = join(root, 'home/.capstan/running-up.json')
  stack.defer(async () => {
    await tmux('send-keys', '-t', 'picture:up', 'C-c')
    await until('capstan up to stop', () => !existsSync(running))
  })
  await until('capstan up to start', () => existsSync(running))
  await tmux('wait-for', 'prompt')
  await enter(`cd '${shop}' && clear && tmux clear-history`)
}

async function type(line: string): Promise<void> {
  await enter(line.includes('{id}') ? line.replace('{id}', await newestTask()) : line)
}

async function enter(line: string): Promise<void> {
  for (const part of line.split('\n')) {
    await tmux('send-keys', '-t', 'picture:0', '-l', part)
    await tmux('send-keys', '-t', 'picture:0', 'Enter')
  }
  await tmux('wait-for', 'prompt')
}

async function newestTask(): Promise<string> {
  const tasks: unknown = JSON.parse(await run('capstan', ['task', 'ls', '--json'], root))
  return (tasks as { id: string }[])[0]?.id ?? '' // the contract for scripts: an array, newest first
}

function tmux(...args: readonly string[]): Promise<string> {
  return run('tmux', ['-L', socket, ...args], join(root, 'shop'))
}

async function run(file: string, args: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await exec(file, args, { cwd, env, timeoutMs: 60_000 })
  if (code !== 0) throw new Error(`${file} ${args.join(' ')} ended with ${code}: ${stderr}`)
  return stdout.toString('utf8')
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = systemClock.monotonic() + 30_000
  while (!condition()) {
    if (systemClock.monotonic() > deadline) throw new Error(`waited 30 s for ${what}`)
    await systemClock.sleep(50)
  }
}

/** The lines of a screen with escape sequences as an SVG of selectable text. Its own dark ground and frame suit light and dark pages alike. */
function svg(screen: readonly string[]): string {
  const [cell, line, margin, size] = [8.4, 19, 18, 14]
  const lines = screen.join('\n').trim().split('\n')
  let style = plain
  const texts = lines.map((text, at) => {
    const drawn = runsOf(text, style)
    style = drawn.style
    const spans = drawn.runs.map((each) => {
      const look = `fill="${each.style.colour}"${each.style.bold ? ' font-weight="bold"' : ''}${each.style.dim ? ' fill-opacity="0.65"' : ''}`
      const place = `x="${(margin + each.column * cell).toFixed(1)}" textLength="${(each.text.length * cell).toFixed(1)}"`
      return `<tspan ${place} ${look}>${escapeXml(each.text)}</tspan>`
    })
    return `<text y="${margin + size + at * line}">${spans.join('')}</text>`
  })
  const [width, height] = [columns * cell + 2 * margin, lines.length * line + 2 * margin]
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="A terminal: a task is given, followed, its diff shown and applied">
<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8" fill="#161b22" stroke="#6e7681"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="${size}" xml:space="preserve">
${texts.join('\n')}
</g>
</svg>
`
}

interface Run {
  readonly column: number
  readonly text: string
  readonly style: Style
}

/** The pieces of one line that look alike; blanks at their ends are left out. Throws for a sequence that sets no style. */
function runsOf(line: string, before: Style): { runs: Run[]; style: Style } {
  const runs: Run[] = []
  let [style, column] = [before, 0]
  for (const part of line.split(/(\x1b\[[0-9;]*m)/)) {
    const codes = /^\x1b\[([0-9;]*)m$/.exec(part)?.[1]
    if (codes !== undefined) style = codes.split(';').map(Number).reduce(styled, style)
    else if (part.includes('\x1b')) throw new Error(`cannot draw ${JSON.stringify(part)}`)
    else {
      const text = part.trim()
      if (text !== '') runs.push({ column: column + part.indexOf(text), text, style })
      column += part.length
    }
  }
  return { runs, style }
}

function styled(style: Style, code: number): Style {
  if (code === 0) return plain
  if (code === 1) return { ...style, bold: true }
  if (code === 2) return { ...style, dim: true }
  if (code === 22) return { ...style, bold: false, dim: false }
  if (code === 49) return style // the ground is always the default one
  if (code === 39) return { ...style, colour: plain.colour }
  const colour = colours[code >= 90 ? code - 90 : code - 30]
  if (colour === undefined) throw new Error(`cannot draw the style ${code}`)
  return { ...style, colour }
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
