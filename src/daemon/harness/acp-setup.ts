// The mode and the model of an ACP session: what the agent offers against what the task asks.

import type { EventBody } from '../../protocol/events.ts'
import type { Autonomy } from '../../protocol/task.ts'
import type { AcpAgent, SetupRequest } from './acp-state.ts'
import type { Json } from './json.ts'
import { arrayOf, objectOf, objectsOf, textOf } from './json.ts'
import type { Brief } from './port.ts'

/** The modes that known agents offer, by autonomy, best first. ACP has no common names for them. */
const modes: Readonly<Record<Autonomy, readonly string[]>> = {
  full: ['bypassPermissions', 'full-access', 'yolo'],
  edit: ['acceptEdits', 'auto_edit', 'autoEdit', 'auto'],
  ask: ['default', 'read-only'],
}

export interface Setup {
  readonly requests: readonly SetupRequest[]
  readonly notices: readonly EventBody[]
  readonly model: string | null
}

/** `answer`: of session/new, session/load or session/resume. */
export function setupOf(
  answer: Json,
  at: { readonly session: string; readonly isLoaded: boolean; readonly agent: AcpAgent; readonly brief: Brief },
): Setup {
  const { session, agent, brief } = at
  const wanted = modeRequest(answer, session, brief.autonomy)
  const mode = wanted.length === 0 && at.isLoaded ? sameMode(answer, session) : wanted
  const model = agent.modelInArgs || brief.model === null ? null : modelRequest(answer, session, brief.model)
  const requests = [...mode, ...(model?.requests ?? [])]
  const shown = brief.model ?? currentModel(answer)
  return { requests, notices: model?.notices ?? [], model: shown?.slice(0, 200) ?? null }
}

/**
 * An agent may start in the mode its user likes, so a known one is set. Under `ask` only a mode that grants by itself is left: any other may
 * ask for more than ours would. Where no mode is known the permissions are answered by the autonomy all the same.
 */
function modeRequest(answer: Json, session: string, autonomy: Autonomy): readonly SetupRequest[] {
  const offered = objectOf(answer.modes)
  const current = textOf(offered?.currentModeId)
  const ids = objectsOf(offered?.availableModes).map((mode) => textOf(mode.id))
  const modeId = modes[autonomy].find((wanted) => ids.includes(wanted))
  const isFine = autonomy === 'ask' && current !== null && ![...modes.full, ...modes.edit].includes(current)
  if (modeId === undefined || modeId === current || isFine) return []
  return [{ method: 'session/set_mode', params: { sessionId: session, modeId }, what: `the mode ${modeId}` }]
}

/**
 * Gemini CLI plays a loaded conversation again after its answer, not before (measured on 0.61.0). The answer to one more request tells that
 * it is through: until then nothing is told.
 */
function sameMode(answer: Json, session: string): readonly SetupRequest[] {
  const modeId = textOf(objectOf(answer.modes)?.currentModeId)
  if (modeId === null) return []
  return [{ method: 'session/set_mode', params: { sessionId: session, modeId }, what: `the mode ${modeId}` }]
}

/** As a configuration option of the session, or as older agents take it. */
function modelRequest(answer: Json, session: string, model: string): Pick<Setup, 'requests' | 'notices'> {
  const what = `the model ${model}`
  const option = modelOption(answer)
  if (option !== null && valuesOf(option).includes(model)) {
    const params = { sessionId: session, configId: option.id, value: model }
    return { requests: [{ method: 'session/set_config_option', params, what }], notices: [] }
  }
  const older = objectsOf(objectOf(answer.models)?.availableModels).map((each) => textOf(each.modelId))
  if (older.includes(model)) {
    const params = { sessionId: session, modelId: model }
    return { requests: [{ method: 'session/set_model', params, what }], notices: [] }
  }
  const offered = [...(option === null ? [] : valuesOf(option)), ...older].filter((id) => id !== null).slice(0, 20)
  const list = offered.length === 0 ? 'it offers no choice' : `it offers ${offered.join(', ')}`
  const message = `The agent does not take the model ${model} by ACP, so it chose its own: ${list}`.slice(0, 500)
  return { requests: [], notices: [{ type: 'notice', level: 'warning', message }] }
}

function modelOption(answer: Json): Json | null {
  return (
    objectsOf(answer.configOptions).find((option) => option.category === 'model' && textOf(option.id) !== null) ?? null
  )
}

/** Values of a select, in groups or not. */
function valuesOf(option: Json): readonly string[] {
  const entries = objectsOf(option.options)
  const all = entries.flatMap((entry) => (arrayOf(entry.options).length > 0 ? objectsOf(entry.options) : [entry]))
  return all.map((entry) => textOf(entry.value)).filter((value) => value !== null)
}

function currentModel(answer: Json): string | null {
  return textOf(modelOption(answer)?.currentValue) ?? textOf(objectOf(answer.models)?.currentModelId)
}
