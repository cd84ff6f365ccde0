// Paths that are needed where the table of operations is too much to load.

/** See followTeam. */
export const teamStreamPath = '/v1/stream'
