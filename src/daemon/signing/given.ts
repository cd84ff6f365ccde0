// What git in a run is given so that it signs: settings in its environment, and a program that asks the daemon instead of holding a key.

import { messageOf } from '../../lib/error-text.ts'
import { signPrograms } from '../mcp/programs.ts'
import type { Signer } from './signer.ts'
import { publicKeyOf } from './signer.ts'

export interface SigningGiven {
  /** Settings of git, in order. */
  readonly config: readonly (readonly [string, string])[]
  /** Why commits of this run are not signed; null: they are. */
  readonly problem: string | null
}

/** Nothing for a host without a key. Never rejects: a key that cannot be used costs the signature, not the run. */
export async function signingGiven(signer: Signer | null, runDir: string): Promise<SigningGiven> {
  if (signer === null) return { config: [], problem: null }
  try {
    const key = await publicKeyOf(signer)
    return { config: settings(signer, key, runDir), problem: null }
  } catch (error) {
    return { config: [], problem: `commits of this run are not signed: ${messageOf(error)}` }
  }
}

function settings(
  { author: { signing } }: Signer,
  key: string,
  runDir: string,
): readonly (readonly [string, string])[] {
  const { ssh, openpgp } = signPrograms(runDir)
  return [
    ['gpg.format', signing.format],
    ['gpg.ssh.program', ssh],
    ['gpg.program', openpgp],
    ['gpg.openpgp.program', openpgp],
    // The key itself: a path would name a file that the run does not have.
    ['user.signingKey', signing.format === 'ssh' ? `key::${key}` : key],
    ['commit.gpgSign', 'true'],
    ['tag.forceSignAnnotated', 'true'], // not tag.gpgSign: with it every `git tag NAME` asks for a message
  ]
}

/** The environment with further settings of git, after those it has. */
export function withGitConfig(
  env: Readonly<Record<string, string>>,
  config: readonly (readonly [string, string])[],
): Record<string, string> {
  if (config.length === 0) return { ...env }
  const had = Number(env.GIT_CONFIG_COUNT ?? '0')
  const first = Number.isSafeInteger(had) && had > 0 ? had : 0
  const pairs = config.flatMap(([key, value], at) => [
    [`GIT_CONFIG_KEY_${first + at}`, key],
    [`GIT_CONFIG_VALUE_${first + at}`, value],
  ])
  return { ...env, ...Object.fromEntries(pairs), GIT_CONFIG_COUNT: String(first + config.length) }
}
