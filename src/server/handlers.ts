// Each operation's use case: the one place that joins the table to the services.

import type { Handlers } from './handler.ts'
import type { Live } from './live.ts'
import type { Plane } from './plane.ts'
import { listAudit } from './service/audit.ts'
import { getAttemptBlob, getBlob, putBlob, uploadBlob } from './service/blobs.ts'
import { changeTasks, getBoard, listJobs } from './service/board.ts'
import { drainDaemon, listDaemons, listRepos, readDaemon, removeDaemon } from './service/daemons.ts'
import { changeMember, createMember, inviteMember, listMembers, removeMember } from './service/members.ts'
import { createModel, listModels, removeModel, updateModel } from './service/models.ts'
import { createPool, listPools, readPool, removePool } from './service/pools.ts'
import { createProfile, listProfiles, readProfile, removeProfile, replaceProfile } from './service/profiles.ts'
import { answerRequest, listRequests, listTaskRequests, readRequest } from './service/requests.ts'
import {
  editMessage,
  endSession,
  holdTask,
  listMessages,
  readSession,
  readSessions,
  sayMessage,
  sendMessage,
} from './service/sessions.ts'
import { getStats } from './service/stats.ts'
import {
  acceptTask,
  cancelTask,
  createTask,
  finishTask,
  listTasks,
  readTask,
  readTaskLog,
  rejectTask,
  retryTask,
} from './service/tasks.ts'
import { createTeam, listTeams, whoami } from './service/teams.ts'
import { createToken, listTokens, revokeToken } from './service/tokens.ts'
import { listEvents, readDiff } from './service/transcript.ts'
import { attachUnsynced, listUnsynced } from './service/unsynced.ts'
import type { TeamLive } from './team-live.ts'

export function makeHandlers(plane: Plane, live: Live, team: TeamLive): Handlers {
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
    finishTask: (asked) => finishTask(plane, asked),
    acceptTask: (asked) => acceptTask(plane, asked),
    rejectTask: (asked) => rejectTask(plane, asked),

    listRequests: (asked) => listRequests(plane, asked),
    getRequest: ({ caller, params }) => readRequest(plane, caller.teamId, params.id),
    answerRequest: (asked) => answerRequest(plane, asked),
    listTaskRequests: (asked) => listTaskRequests(plane, asked),

    sendMessage: (asked) => sendMessage(plane, asked),
    listMessages: (asked) => listMessages(plane, asked),
    editMessage: (asked) => editMessage(plane, asked),
    sayMessage: (asked) => sayMessage(plane, asked),
    holdTask: (asked) => holdTask(plane, asked),
    listSessions: (asked) => readSessions(plane, asked),
    getSession: ({ caller, params }) => readSession(plane, caller.teamId, params.id),
    listUnsyncedSessions: (asked) => listUnsynced(plane, asked),
    attachSession: (asked) => attachUnsynced(plane, asked),
    closeSession: ({ caller, params }) => endSession(plane, caller.teamId, params.id),

    getBoard: (asked) => getBoard(plane, asked),
    changeTasks: (asked) => changeTasks(plane, asked),
    listJobs: (asked) => listJobs(plane, asked),
    getStats: (asked) => getStats(plane, asked),
    listAudit: (asked) => listAudit(plane, asked),
    followTeam: async ({ caller }) => {
      return (response) => team.follow(response, caller.teamId)
    },

    ...fleetHandlers(plane),
    ...accessHandlers(plane),
  }
}

/** Hosts and how they run agents. */
function fleetHandlers(plane: Plane) {
  return {
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

    listModels: (asked) => listModels(plane, asked),
    createModel: (asked) => createModel(plane, asked),
    updateModel: (asked) => updateModel(plane, asked),
    removeModel: ({ caller, params }) => removeModel(plane, caller, params.id),
  } satisfies Partial<Handlers>
}

/** Who may do what, and stored bytes. */
function accessHandlers(plane: Plane) {
  return {
    listMembers: ({ caller }) => listMembers(plane, caller),
    createMember: (asked) => createMember(plane, asked),
    changeMember: (asked) => changeMember(plane, asked),
    removeMember: ({ caller, params }) => removeMember(plane, caller, params.id),
    inviteMember: (asked) => inviteMember(plane, asked),

    createToken: (asked) => createToken(plane, asked),
    listTokens: ({ caller }) => listTokens(plane, caller),
    revokeToken: ({ caller, params }) => revokeToken(plane, caller, params.id),
    createTeam: (asked) => createTeam(plane, asked),
    listTeams: ({ caller }) => listTeams(plane, caller),

    putBlob: ({ caller, params, body }) => putBlob(plane, caller, params.cid, body),
    uploadBlob: ({ caller, body }) => uploadBlob(plane, caller, body),
    getAttemptBlob: ({ caller, params }) => getAttemptBlob(plane, caller.teamId, params),
    getBlob: ({ caller, params }) => getBlob(plane, caller.teamId, params.cid),
  } satisfies Partial<Handlers>
}
