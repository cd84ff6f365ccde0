// What a daemon tells of itself when it registers: its flags, its host as it is now, and what it was found to have.

import { availableParallelism } from 'node:os'
import type { DaemonOffer } from '../protocol/fleet.ts'
import { platformName, roomAt } from './host.ts'
import type { OfferedParts } from './offering.ts'
import type { DaemonOptions } from './options.ts'
import type { Policy } from './policy.ts'
import { offeredTypes } from './policy.ts'
import type { StateFolder } from './state-folder.ts'

export interface OfferingHost {
  readonly options: DaemonOptions
  readonly state: Pick<StateFolder, 'hostId' | 'name'>
  readonly parts: OfferedParts
  readonly policy: Policy
  readonly maxAgents: number
}

export function offerOf({ options, state, parts, policy, maxAgents }: OfferingHost): DaemonOffer {
  const room = roomAt(options.dataDir, options.minFreeDiskBytes)
  return {
    hostId: state.hostId,
    name: state.name,
    version: options.version,
    platform: platformName(),
    pid: process.pid,
    identity: options.identity,
    pool: options.pool,
    roles: [...options.roles],
    repos: [...parts.repos],
    harnesses: [...parts.harnesses],
    profiles: [...parts.profiles],
    labels: [...options.labels],
    types: [...offeredTypes(options.types, policy)],
    only: { ...options.only },
    maxAgents,
    freeDiskBytes: room.freeDiskBytes,
    freeMemoryBytes: room.freeMemoryBytes,
    loadAverage: room.loadAverage,
    processors: availableParallelism(),
    shortOf: room.shortOf,
  }
}
