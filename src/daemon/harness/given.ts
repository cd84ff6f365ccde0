// What a run is given beside its prompt and model: how the model is to be used, instructions, skills, folders; and what a CLI cannot take of it.

import type { ProfileSettings } from '../../protocol/fleet.ts'
import type { Given, Launch, RunInput, Skill } from './port.ts'

export type Tuning = Readonly<
  Pick<ProfileSettings, 'provider' | 'thinkingLevel' | 'temperature' | 'topP' | 'topK' | 'maxOutputTokens'>
>

const tuningKeys = ['provider', 'thinkingLevel', 'temperature', 'topP', 'topK', 'maxOutputTokens'] as const

export const nothingGiven: Given = { tuning: {}, instructions: null, skills: [], readable: [] }

export function tuningOf(settings: ProfileSettings | undefined): Tuning {
  const pairs = tuningKeys.map((key) => [key, settings?.[key]] as const)
  return Object.fromEntries(pairs.filter(([, value]) => value !== undefined))
}

/** Sentences about what was asked of the model and this CLI has no way to say. */
export function untuned(title: string, tuning: Tuning, able: readonly (keyof Tuning)[]): readonly string[] {
  const asked = tuningKeys.filter((key) => tuning[key] !== undefined && !able.includes(key))
  return asked.map((key) => `${key} ${tuning[key]}: ${title} has no setting for it`)
}

type Files = NonNullable<Launch['files']>

/** The instructions as a file of the run. */
export function instructionsFile({
  given,
  filesDir,
}: RunInput): { readonly path: string; readonly files: Files } | null {
  if (given.instructions === null) return null
  const name = 'instructions.md'
  return { path: `${filesDir}/${name}`, files: [{ name, text: given.instructions }] }
}

/** Skills as `FOLDER/SLUG/SKILL.md` in the run's files; `below`: where in them FOLDER is. */
export function skillFiles(skills: readonly Skill[], below: string): Files {
  return skills.map((skill) => ({ name: `${below}/${skill.slug}/SKILL.md`, text: skillText(skill) }))
}

/** What begins with front matter is a skill's file already. */
function skillText({ slug, description, text }: Skill): string {
  if (/^---\r?\n/.test(text)) return text
  const about = description ?? text.split('\n', 1)[0]?.replace(/^#+ */, '').slice(0, 200) ?? slug
  return `---\nname: ${slug}\ndescription: ${JSON.stringify(about)}\n---\n\n${text}\n`
}
