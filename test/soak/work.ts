// The work of the soak: random tasks whose scripts leave a witness of every start and end.

import { join } from 'node:path'
import type { BodyIn } from '../../src/protocol/operations.ts'
import type { Random } from '../faults/random.ts'
import type { Machine } from './machine.ts'
import { repoNames } from './machine.ts'

export interface Given {
  readonly id: string
  readonly kind: 'talk' | 'change' | 'commit' | 'leave' | 'fail'
  readonly repo: string | null
  /** What its file must hold. */
  readonly word: string
}

export function witnessPath(machine: Machine): string {
  return join(machine.world.root, 'witness')
}

/** Gives one random task. Retried with one key until the server has said yes: what it accepted counts from then on. */
export async function giveTask(machine: Machine, random: Random, n: number): Promise<Given> {
  const kind = random.pick(['talk', 'change', 'commit', 'leave', 'fail'])
  const repo = kind === 'talk' || kind === 'leave' ? null : random.pick(repoNames)
  const word = `word-${n}`
  const body: BodyIn<'createTask'> = {
    prompt: script(machine, kind, word, random),
    harness: 'shell',
    title: `${kind} ${n}`,
    maxAttempts: 20,
    ...(repo === null ? {} : { repo }),
    ...(kind === 'change' || kind === 'commit' ? { expect: 'changes' } : {}),
    ...(random.below(3) === 0 ? { failover: 'fast' } : {}),
  }
  for (;;) {
    try {
      const { id } = await machine.client.call('createTask', { body, idempotencyKey: `soak-${n}` })
      return { id, kind, repo, word }
    } catch {
      await new Promise((done) => setTimeout(done, 300)) // the server is down: that is the soak
    }
  }
}

function script(machine: Machine, kind: Given['kind'], word: string, random: Random): string {
  const witness = `>> '${witnessPath(machine)}'`
  const nap = `sleep ${random.below(4)}.${random.below(10)}`
  const begin = `echo "start $CAPSTAN_TASK_ID $CAPSTAN_ATTEMPT" ${witness}; echo one ${word}; ${nap}; echo two ${word}`
  const end = `echo "end $CAPSTAN_TASK_ID $CAPSTAN_ATTEMPT" ${witness}; echo three ${word}`
  switch (kind) {
    case 'talk':
      return `${begin}; ${end}`
    case 'change':
      return `${begin}; echo ${word} > ${word}.txt; ${nap}; ${end}`
    case 'commit':
      return `${begin}; echo ${word} > ${word}.txt; git add -A; git -c user.name=a -c user.email=a@b commit -qm ${word}; ${end}`
    case 'leave':
      return `${begin}; setsid sleep 600 & (setsid sh -c 'sleep 601 & sleep 602' >/dev/null 2>&1 &); ${end}`
    case 'fail':
      return `${begin}; ${end}; exit 3`
  }
}
