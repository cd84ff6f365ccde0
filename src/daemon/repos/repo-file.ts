// .capstan/repo.toml: what a repository asks for its workspaces. Read from a commit, never from a working tree; obeyed only when trusted.

import { parse, TomlError } from 'smol-toml'
import { z } from 'zod'
import { cidOf } from '../../lib/cid.ts'
import { git, gitBytes } from '../../lib/git.ts'
import { name } from '../../protocol/names.ts'
import { check } from '../../protocol/task.ts'

const commands = z
  .union([z.string().min(1), z.array(z.string().min(1)).max(32)])
  .transform((given) => (typeof given === 'string' ? [given] : given))
const inside = z
  .string()
  .min(1)
  .max(500)
  .refine(
    (path) => !path.startsWith('/') && !path.split('/').includes('..'),
    'stays inside the repository: no leading / and no ..',
  )
const glob = inside.refine((path) => !path.startsWith(':'), 'a glob does not begin with a colon')

const repoFile = z.strictObject({
  setup: commands.default([]).describe('Run by sh -c in a fresh workspace before the agent'),
  teardown: commands.default([]).describe('Run when a run is over, in its workspace'),
  cacheKey: z
    .array(glob)
    .max(32)
    .default([])
    .describe('Files that setup reads, below its folder: while they stay as they are, what it left is used again'),
  checks: z
    .union([
      z.array(check),
      z
        .record(name, z.string().min(1))
        .transform((table) => Object.entries(table).map(([key, command]) => ({ name: key, command }))),
    ])
    .default([])
    .describe('Run after the agent; [[checks]] with name and command, or a table of name = "command"'),
  copy: z.array(glob).default([]).describe('Ignored files to copy from the checkout'),
  link: z.array(glob).default([]).describe('Ignored files or folders to link to the checkout'),
  baseBranch: z.string().min(1).max(250).optional().describe('Where tasks start; default: the checkout’s HEAD'),
  subfolder: inside.optional().describe('Where the agent, setup and checks run'),
  harness: name.optional().describe('Default harness of tasks here'),
  ports: z.number().int().min(0).max(64).default(0).describe('How many free ports a run gets'),
})
export type RepoFile = z.output<typeof repoFile>
/** What a repository without the file asks for. */
export const noSettings: RepoFile = repoFile.parse({})

/** What a commit's repo.toml says, and whether its commands may run on this host. `file` of an untrusted one is for showing only. */
export type RepoFileState =
  | { readonly kind: 'none' }
  | { readonly kind: 'invalid'; readonly cid: string; readonly problem: string }
  | { readonly kind: 'untrusted'; readonly cid: string; readonly file: RepoFile; readonly reason: string }
  | { readonly kind: 'trusted'; readonly cid: string; readonly file: RepoFile }

export interface RepoFileQuery {
  readonly commonDir: string
  /** Full id of the base commit. */
  readonly commit: string
  /** Content ids trusted on this host. */
  readonly trusted: readonly string[]
  readonly signal?: AbortSignal | undefined
}

const filePath = '.capstan/repo.toml'
/** Far more than settings need; a larger file is a mistake or an attack. */
const maxBytes = 65_536

/** Reads it from the commit; a link or a folder in its place counts as invalid. Throws `workspace_failed` when git does. */
export async function repoFileAt(query: RepoFileQuery): Promise<RepoFileState> {
  const at = { cwd: query.commonDir, gitDir: query.commonDir, signal: query.signal }
  const listed = await git(['ls-tree', '-z', '-l', '--end-of-options', query.commit, filePath], at)
  if (listed === '') return { kind: 'none' }
  const [mode = '', kind, blob = '', size = '0'] = listed.split(/\s+/)
  if (kind !== 'blob' || mode === '120000') return invalid(blob, 'is not a plain file')
  if (Number(size) > maxBytes) return invalid(blob, `has ${size} bytes; at most ${maxBytes} are read`)
  const bytes = await gitBytes(['cat-file', 'blob', blob], { ...at, maxBytes })
  const cid = cidOf(bytes)
  const parsed = parseRepoFile(bytes.toString('utf8'))
  if (typeof parsed === 'string') return invalid(cid, parsed)
  if (query.trusted.includes(cid)) return { kind: 'trusted', cid, file: parsed }
  const reason = `${filePath} of commit ${query.commit.slice(0, 10)} is not trusted on this host; its owner can allow it: capstan repo trust SLUG`
  return { kind: 'untrusted', cid, file: parsed, reason }
}

function invalid(cid: string, what: string): RepoFileState {
  return { kind: 'invalid', cid, problem: `${filePath} ${what}; correct it and commit.` }
}

/** The settings, or what is wrong with them as the rest of a sentence that begins with the file's name. */
export function parseRepoFile(text: string): RepoFile | string {
  let table: unknown
  try {
    table = parse(text)
  } catch (error) {
    if (error instanceof TomlError) return `is not TOML at line ${error.line}, column ${error.column}`
    throw error
  }
  const parsed = repoFile.safeParse(table)
  return parsed.success ? parsed.data : wrong(parsed.error)
}

function wrong(error: z.ZodError): string {
  const issue = error.issues[0]
  if (issue === undefined) return 'is not valid'
  const where = issue.path.join('.')
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(repoFile.shape).join(', ')
    return `has the unknown key "${[...issue.path, issue.keys[0] ?? ''].join('.')}"; known are: ${known}`
  }
  if (issue.code === 'invalid_union') return `has a value of "${where}" that is of no known form`
  return `has a wrong "${where}": ${issue.message}`
}
