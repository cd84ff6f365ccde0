// Each operation's use case: the one place that joins the table to the services.

import type { Handlers } from './handler.ts'
import type { Live } from './live.ts'
import type { Plane } from './plane.ts'
import { getBlob, putBlob } from './service/blobs.ts'
import { drainDaemon, listDaemons, listRepos, readDaemon, removeDaemon } from './service/daemons.ts'
import { createPool, listPools, readPool, removePool } from './service/pools.ts'
import { createProfile, listProfiles, readProfile, removeProfile, replaceProfile } from './service/profiles.ts'
import {
  acceptTask,
  cancelTask,
  createTask,
  listTasks,
  readTask,
  readTaskLog,
  rejectTask,
  retryTask,
} from './service/tasks.ts'
import { createTeam, listTeams, whoami } from './service/teams.ts'
import { createToken, listTokens, revokeToken } from './service/tokens.ts'
import { listEvents, readDiff } from './service/transcript.ts'

export function makeHandlers(plane: Plane, live: Live): Handlers {
  return {
    whoami: ({ caller }) => whoami(plane, caller),

    createTask: (asked) => createTask(plane, asked),
    listTasks: (asked) => listTasks(plane, asked),
    getTask: ({ caller, params }) => readTask(plane, caller.teamId, params.id),
    listEvents: (asked) => listEvents(plane, asked),
    followTask: async ({ caller, params, lastEventId }) => {
      await readTask(plane, caller.teamId, params.id) // not_found is a problem, not an empty stream
      return (response) => live.follow(response, { teamId: caller.teamId, taskId: params.id, lastEventId })
    },
    getTaskLog: (asked) => readTaskLog(plane, asked),
    getTaskDiff: (asked) => readDiff(plane, asked),
    cancelTask: (asked) => cancelTask(plane, asked),
    retryTask: (asked) => retryTask(plane, asked),
    acceptTask: (asked) => acceptTask(plane, asked),
    rejectTask: (asked) => rejectTask(plane, asked),

    listDaemons: ({ caller }) => listDaemons(plane, caller),
    getDaemon: ({ caller, params }) => readDaemon(plane, caller, params.id),
    drainDaemon: (asked) => drainDaemon(plane, asked),
    removeDaemon: ({ caller, params }) => removeDaemon(plane, caller, params.id),
    listRepos: ({ caller }) => listRepos(plane, caller),
    createPool: (asked) => createPool(plane, asked),
    listPools: ({ caller }) => listPools(plane, caller),
    getPool: ({ caller, params }) => readPool(plane, caller, params.id),
    removePool: ({ caller, params }) => removePool(plane, caller, params.id),

    createProfile: (asked) => createProfile(plane, asked),
    listProfiles: ({ caller }) => listProfiles(plane, caller),
    getProfile: ({ caller, params }) => readProfile(plane, caller, params.id),
    replaceProfile: (asked) => replaceProfile(plane, asked),
    removeProfile: ({ caller, params }) => removeProfile(plane, caller, params.id),

    createToken: (asked) => createToken(plane, asked),
    listTokens: ({ caller }) => listTokens(plane, caller),
    revokeToken: ({ caller, params }) => revokeToken(plane, caller, params.id),
    createTeam: (asked) => createTeam(plane, asked),
    listTeams: ({ caller }) => listTeams(plane, caller),

    putBlob: ({ caller, params, body }) => putBlob(plane, caller, params.cid, body),
    getBlob: ({ caller, params }) => getBlob(plane, caller.teamId, params.cid),
  }
}
