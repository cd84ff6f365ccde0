// Signatures that a run asks for: what may be signed is signed, at a pace, and once for each stranger it is said that theirs is not.

import { z } from 'zod'
import type { Clock } from '../../core/clock.ts'
import { Problem } from '../../core/problem.ts'
import type { OwnStep } from '../run/talk-step.ts'
import type { Signed, Signer } from '../signing/signer.ts'
import { sign } from '../signing/signer.ts'
import { Allowance } from './allowance.ts'
import type { PlainCall } from './plain.ts'

/** At once, and each second after: a rebase of hundreds of commits takes its time, and nothing is refused. */
const pace = { most: 100, perSecond: 20 }
/** Each name of a stranger is told once, and not many of them. */
const mostStrangers = 3
const input = z.strictObject({ payload: z.base64() })

export class Signatures {
  readonly #signer: Signer | null
  readonly #clock: Clock
  readonly #pace: Allowance
  readonly #own: (step: OwnStep) => void
  readonly #strangers = new Set<string>()

  constructor(parts: { readonly signer: Signer | null; readonly clock: Clock; own(step: OwnStep): void }) {
    this.#signer = parts.signer
    this.#clock = parts.clock
    this.#pace = new Allowance(parts.clock, pace)
    this.#own = (step) => parts.own(step)
  }

  /** Throws Problem for what is not signed. */
  async sign({ input: given, signal }: Omit<PlainCall, 'key'>): Promise<Signed> {
    if (this.#signer === null) throw new Problem('not_on_host', 'the identity of this host has no key to sign with')
    const read = input.safeParse(given)
    if (!read.success) throw new Problem('invalid_request', 'a payload in base64 is needed')
    const { payload } = read.data
    await this.#clock.sleep(this.#pace.debtMs(1), signal)
    const signed = await sign(this.#signer, Buffer.from(payload, 'base64'), signal)
    if (signed.foreign !== null) this.#tell(signed.foreign)
    return signed
  }

  #tell(stranger: string): void {
    if (this.#strangers.has(stranger) || this.#strangers.size >= mostStrangers) return
    this.#strangers.add(stranger)
    const { name, email } = this.#signer?.author ?? { name: '', email: '' }
    const message = `commits by ${stranger} are not signed; this host's identity is ${name} <${email}>`
    this.#own({ events: [{ type: 'notice', message }] })
  }
}
