// A CLI that is read as a stream while it works alone, and talked to by ACP where a person is asked.

import type { AcpCommand } from './acp.ts'
import { acpLaunch } from './acp.ts'
import type { AcpAgent, AcpState } from './acp-state.ts'
import { acpConversation } from './acp-stream.ts'
import type { Tuning } from './given.ts'
import type { Harness, Launch, RunInput } from './port.ts'

/** `talk` is null as long as the run is a stream, or has said nothing yet. */
export interface TwoStyles<S> {
  readonly stream: S
  readonly talk: AcpState | null
}

/** What starts the CLI as an ACP agent, and how its conversation differs from others'. */
export type Talking = AcpAgent &
  Pick<AcpCommand, 'argv'> & {
    env(input: RunInput): AcpCommand['env']
    /** What of the tuning `argv` and `env` honour. */
    readonly able?: readonly (keyof Tuning)[]
    files?(input: RunInput): NonNullable<Launch['files']>
    /** The stream cannot be had where the repository's configuration must not count. */
    readonly alsoUntrusted?: true
  }

/** Adds autonomy `ask` to an adapter that reads a stream. */
export function withAsking<S>(stream: Harness<S>, talking: Talking): Harness<TwoStyles<S>> {
  const conversation = acpConversation(talking)
  const talks = ({ autonomy, trusted }: Pick<RunInput, 'autonomy' | 'trusted'>) =>
    autonomy === 'ask' || (!trusted && talking.alsoUntrusted === true)
  return {
    ...stream,
    autonomies: [...stream.autonomies, 'ask'],
    launch(input) {
      if (!talks(input)) return stream.launch(input)
      const { argv, title, able = [] } = talking
      return {
        ...acpLaunch({ argv, env: talking.env(input), title, able }, input),
        files: talking.files?.(input) ?? [],
      }
    },
    initial: () => ({ stream: stream.initial(), talk: null }),
    reduce(state, line, brief) {
      if (talks(brief)) {
        const step = conversation.reduce(state.talk ?? conversation.initial(), line, brief)
        return { ...step, state: { ...state, talk: step.state } }
      }
      const step = stream.reduce(state.stream, line, brief)
      return { ...step, state: { ...state, stream: step.state } }
    },
    answer(state, given, brief) {
      if (state.talk === null) return { state, events: [] }
      const step = conversation.answer(state.talk, given, brief)
      return { ...step, state: { ...state, talk: step.state } }
    },
    message(state, text, brief) {
      if (!talks(brief)) {
        const message = `A message was not passed on, because ${stream.title} takes none while it works on its own.`
        return { state, events: [{ type: 'notice', level: 'warning', message }], refused: true }
      }
      const step = conversation.message(state.talk ?? conversation.initial(), text, brief)
      return { ...step, state: { ...state, talk: step.state } }
    },
    unread: (state) => (state.talk === null ? (stream.unread?.(state.stream) ?? []) : conversation.unread(state.talk)),
    cancel(state, brief) {
      if (state.talk === null) return { state, events: [] }
      const step = conversation.cancel(state.talk, brief)
      return { ...step, state: { ...state, talk: step.state } }
    },
    finish: (state, exit) =>
      state.talk === null ? stream.finish(state.stream, exit) : conversation.finish(state.talk, exit),
  }
}
