// What a store promises, on any database: one suite, run by a test file per database.

import { describe } from 'vitest'
import { accessContract } from './contract/access.ts'
import { attemptsContract } from './contract/attempts.ts'
import { claimsContract } from './contract/claims.ts'
import { engineContract } from './contract/engine.ts'
import { eventsContract } from './contract/events.ts'
import { fleetContract } from './contract/fleet.ts'
import { housekeepingContract } from './contract/housekeeping.ts'
import { identityContract } from './contract/identity.ts'
import { logContract } from './contract/log.ts'
import { reportsContract } from './contract/reports.ts'
import { requestsContract } from './contract/requests.ts'
import { reroutesContract } from './contract/reroutes.ts'
import { sweepsContract } from './contract/sweeps.ts'
import { tasksContract } from './contract/tasks.ts'
import type { Opener } from './world.ts'

export function storeContract(opener: Opener): void {
  describe('commands', () => engineContract(opener))
  describe('tasks', () => tasksContract(opener))
  describe('claims', () => claimsContract(opener))
  describe('attempts', () => attemptsContract(opener))
  describe('final reports together', () => reportsContract(opener))
  describe('requests', () => requestsContract(opener))
  describe('time', () => sweepsContract(opener))
  describe('quotas', () => reroutesContract(opener))
  describe('housekeeping', () => housekeepingContract(opener))
  describe('the log', () => logContract(opener))
  describe('transcripts', () => eventsContract(opener))
  describe('daemons, pools, profiles', () => fleetContract(opener))
  describe('teams and tokens', () => identityContract(opener))
  describe('accounts and models', () => accessContract(opener))
}
