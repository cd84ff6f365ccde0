// Whether a profile's settings can be meant: what contradicts itself is refused, what the catalog of models or every host speaks against is said.

import { Problem } from '../../core/problem.ts'
import { formatDuration } from '../../lib/duration.ts'
import type { ProfileSettings } from '../../protocol/fleet.ts'
import type { ModelView } from '../../protocol/models.ts'
import type { Tx, Work } from '../../store/port.ts'
import { defaultSettings } from '../settings.ts'
import { catalog } from './models.ts'

/** Throws `contradiction`, naming both sides. */
export function refuseContradictions(settings: ProfileSettings): void {
  const { model, provider, autonomy, autoApprove = [], requiredEnv = [], passEnv = [], harness } = settings
  const [prefix] = model?.includes('/') === true ? model.split('/') : []
  if (provider !== undefined && prefix !== undefined && prefix !== provider && isProvider(prefix))
    throw new Problem('contradiction', `model ${model} is not one of provider ${provider}`)
  if (autoApprove.length > 0 && autonomy !== undefined && autonomy !== 'ask')
    throw new Problem('contradiction', `autoApprove does not go with autonomy ${autonomy}: nothing is asked then`)
  const reserved = [...requiredEnv, ...passEnv].find((name) => /^(CAPSTAN_|npm_|NPM_)/.test(name))
  if (reserved !== undefined)
    throw new Problem('contradiction', `the variable ${reserved} never reaches an agent; use another name`)
  refuseRareBeats(settings)
  if (harness !== 'shell') return
  const useless = (
    ['provider', 'model', 'thinkingLevel', 'temperature', 'topP', 'topK', 'maxOutputTokens'] as const
  ).find((key) => settings[key] !== undefined)
  if (useless !== undefined)
    throw new Problem('contradiction', `${useless} does not go with harness shell: a script has no model`)
}

/** Three heartbeats to a lease: fewer, and one that is lost on the way costs the run. */
function refuseRareBeats({ leaseTtlMs = defaultSettings.leaseTtlMs, heartbeatIntervalMs }: ProfileSettings): void {
  if (heartbeatIntervalMs === undefined || 3 * heartbeatIntervalMs <= leaseTtlMs) return
  const [beat, lease] = [formatDuration(heartbeatIntervalMs), formatDuration(leaseTtlMs)]
  const detail = `heartbeatIntervalMs ${beat} does not go with a lease of ${lease}: at least three heartbeats belong into a lease`
  throw new Problem('contradiction', detail)
}

/** A model's own name may have a slash too; only these are taken for a provider's. */
function isProvider(prefix: string): boolean {
  return ['anthropic', 'openai', 'google', 'azure', 'mistral', 'groq', 'xai', 'deepseek', 'openrouter'].includes(prefix)
}

/** What speaks against the settings, though they can be meant. */
export function* warningsOf(tx: Tx, teamId: string, settings: ProfileSettings): Work<string[]> {
  const { disk, required } = settings.sandbox?.resources ?? {}
  const unheld = 'resources.disk with required = true: no host can hold a disk limit as a whole, so none runs this'
  return [...(disk !== undefined && required === true ? [unheld] : []), ...(yield* catalogSays(tx, teamId, settings))]
}

/** Nothing for a model that it does not know. */
function* catalogSays(tx: Tx, teamId: string, settings: ProfileSettings): Work<string[]> {
  if (settings.model === undefined) return []
  const known = (yield* catalog(tx, teamId)).find((model) => isMeant(model, settings))
  if (known === undefined) return []
  const { supportsTools, contextWindow, thinkingLevels } = known.capabilities
  const { thinkingLevel, maxOutputTokens } = settings
  const name = `${known.provider}/${known.name}`
  const warnings: string[] = []
  if (thinkingLevel !== undefined && thinkingLevels?.includes(thinkingLevel) === false)
    warnings.push(`the catalog gives ${name} no thinking level ${thinkingLevel}, only ${thinkingLevels.join(', ')}`)
  if (maxOutputTokens !== undefined && contextWindow !== undefined && maxOutputTokens > contextWindow)
    warnings.push(`maxOutputTokens ${maxOutputTokens} is more than the context window of ${name}, ${contextWindow}`)
  if (supportsTools === false) warnings.push(`the catalog says that ${name} has no tools; agents need them`)
  return warnings
}

function isMeant({ provider, name }: ModelView, settings: ProfileSettings): boolean {
  const model = settings.model?.toLowerCase() ?? ''
  if (model === `${provider}/${name}`) return true
  return model === name && (settings.provider === undefined || settings.provider === provider)
}
