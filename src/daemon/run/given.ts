// What a profile and a task give an agent beside the prompt: texts, each in its way, and files, which lie outside the workspace.

import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Problem } from '../../core/problem.ts'
import { cidOf } from '../../lib/cid.ts'
import type { Attachment, ContextEntry } from '../../protocol/context.ts'
import type { Assignment } from '../../protocol/link.ts'
import { tuningOf } from '../harness/given.ts'
import type { Given, Harness } from '../harness/port.ts'
import type { RunDeps } from './deps.ts'
import { RunRefused } from './refused.ts'

export interface GivenToRun extends Given {
  /** Put before and after the task's own words. */
  readonly before: string
  readonly after: string
  /** What reached the agent in another way than was asked, or not at all. */
  readonly notHonoured: readonly string[]
}

type About = Pick<Harness, 'title' | 'explicit'> & { readonly takes?: Harness['takes'] }

/** Pure: the same at the start and whenever the output is read. `resumes`: the conversation has heard the profile's prompt texts already. */
export function givenTo(
  { task, profile }: Pick<Assignment, 'task' | 'profile'>,
  { harness, runDir, resumes }: { readonly harness: About; readonly runDir: string; readonly resumes: boolean },
): GivenToRun {
  const { context = [], attachments = [] } = task // a run in the journal of an older version has neither
  const own = new Set(context.map(({ slug }) => slug))
  const shared = (profile?.settings.context ?? []).filter(({ slug }) => !own.has(slug))
  const folder = attachmentsIn(runDir)
  const readable = attachments.length === 0 ? [] : [folder]
  const tuning = {
    ...tuningOf(profile?.settings),
    ...(task.thinkingLevel == null ? {} : { thinkingLevel: task.thinkingLevel }),
  }
  if (harness.explicit) {
    const notHonoured = [...shared, ...context].map(({ slug }) => `context ${slug}: a script is told nothing`)
    return { tuning, instructions: null, skills: [], readable, before: '', after: '', notHonoured }
  }
  const told = resumes
    ? shared.filter((entry) => bindingOf(entry) === 'skill' || bindingOf(entry) === 'context_inline')
    : shared
  return { tuning, readable, ...placed([...told, ...context], harness, filesWords(attachments, folder)) }
}

function placed(
  entries: readonly ContextEntry[],
  { title, takes = [] }: About,
  filesWords: string,
): Omit<GivenToRun, 'tuning' | 'readable'> {
  const bound = (binding: string) => entries.filter((entry) => bindingOf(entry) === binding)
  const inline = bound('context_inline')
  const skills = bound('skill')
  const inFile = takes.includes('instructions') ? inline : []
  const asSkills = takes.includes('skills') ? skills : []
  const inPrompt = [...inline, ...skills].filter((entry) => !inFile.includes(entry) && !asSkills.includes(entry))
  return {
    instructions: inFile.length === 0 ? null : inFile.map(tagged).join('\n\n'),
    skills: asSkills,
    before: [...inPrompt.map(tagged), ...bound('prompt_prefix').map(({ text }) => text)]
      .map((text) => `${text}\n\n`)
      .join(''),
    after: [...bound('user_inline').map(tagged), ...(filesWords === '' ? [] : [filesWords])]
      .map((text) => `\n\n${text}`)
      .join(''),
    notHonoured: inPrompt.map((entry) => `${bindingOf(entry)} ${entry.slug}: ${title} is told it in its prompt`),
  }
}

function bindingOf({ binding }: ContextEntry): NonNullable<ContextEntry['binding']> {
  return binding ?? 'user_inline'
}

function tagged({ slug, text }: ContextEntry): string {
  return `<context name="${slug}">\n${text}\n</context>`
}

function filesWords(files: Assignment['task']['attachments'], folder: string): string {
  if (files.length === 0) return ''
  return `Files attached to this task, outside the workspace:\n${files.map(({ name }) => `- ${join(folder, name)}`).join('\n')}`
}

/** Where a run's attached files lie. */
export function attachmentsIn(runDir: string): string {
  return join(runDir, 'attachments')
}

/** Brings the task's files to this host, before its agent starts. Throws `RunRefused` when one cannot be had as it was uploaded. */
export async function fetchAttachments(deps: RunDeps, assignment: Assignment, runDir: string): Promise<void> {
  const { attachments = [] } = assignment.task
  if (attachments.length === 0) return
  const folder = attachmentsIn(runDir)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  for (const { name, cid } of attachments) {
    const path = join(folder, name)
    if (existsSync(path)) continue // by an earlier start of the daemon; whole, because it was renamed
    const bytes = await fetched(deps, assignment.attemptId, { name, cid })
    const partial = join(runDir, 'attachment.part')
    writeFileSync(partial, bytes, { mode: 0o600 })
    renameSync(partial, path)
  }
}

async function fetched(deps: RunDeps, attemptId: string, { name, cid }: Attachment): Promise<Uint8Array> {
  try {
    const bytes = await deps.fetch(attemptId, cid)
    if (cidOf(bytes) === cid) return bytes
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    throw new RunRefused('workspace_failed', `attachment ${name} cannot be had: ${error.detail}`, { cause: error })
  }
  throw new RunRefused('workspace_failed', `attachment ${name} arrived damaged`)
}
