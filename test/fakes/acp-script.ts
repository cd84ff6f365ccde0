// What the scripted ACP agent plays: how it starts, and its steps for each prompt.

export interface AcpScript {
  readonly start?: AcpStart
  /** Steps by prompt; the last ones are played again for further prompts. */
  readonly turns: readonly (readonly AcpStep[])[]
  /** It stays after the end of its input, as codex-acp does. */
  readonly stays?: true
}

export interface AcpStart {
  /** Before it answers the first request: it leaves with this code, or says nothing at all. */
  readonly breaks?: { readonly exit: number } | 'silent'
  readonly version?: number
  /** `late`: the earlier conversation is played again after the answer, as gemini does. */
  readonly load?: true | 'late'
  readonly resume?: true
  readonly authMethods?: readonly object[]
  /** session/new is refused until this way to sign in was used. */
  readonly needs?: string
  readonly modes?: object
  readonly configOptions?: readonly object[]
}

export type AcpStep =
  | { readonly say: string; readonly message?: string }
  | { readonly update: object }
  /** A permission; what follows depends on the answer. `write`: done when it is granted. */
  | { readonly ask: AcpAsk }
  /** A request that the client does not offer; its error code is said. */
  | { readonly request: string; readonly params: object }
  /** Printed as it is. */
  | { readonly line: string }
  | { readonly fail: { readonly code: number; readonly message: string; readonly data?: unknown } }
  | { readonly stop: 'end_turn' | 'max_tokens' | 'max_turn_requests' | 'refusal' | 'cancelled' }
  | { readonly exit: number }
  /** Works until it is told to end its turn; then it says so. */
  | { readonly hang: true }

export interface AcpAsk {
  readonly toolCall: object
  readonly options?: readonly object[]
  /** A file written in the workspace when it is granted: path and text. */
  readonly write?: readonly [string, string]
  /** Said with the outcome as it came. */
  readonly session?: string
  /** It does not tell the outcome. */
  readonly isQuiet?: true
  /** The turn ends `cancelled` when it is denied. */
  readonly strict?: true
}

export const acpOptions = [
  { optionId: 'yes', name: 'Allow once', kind: 'allow_once' },
  { optionId: 'always', name: 'Always allow', kind: 'allow_always' },
  { optionId: 'no', name: 'Reject', kind: 'reject_once' },
] as const
