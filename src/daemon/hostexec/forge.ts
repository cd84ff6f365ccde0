// The forge token of the host's identity, for git and gh on the host: in their environment, never in an argument, and only for its own forge.

import type { Remote } from './mirror.ts'

export interface Forge {
  readonly token: string
  /** `github.com` or `git.example.org:8443`; null: that of the remote `origin`. */
  readonly host: string | null
}

const tokenName = 'CAPSTAN_FORGE_TOKEN'

/** The host that the token is for; null: none of the repository's remotes says. */
export function forgeHost(forge: Forge, remotes: readonly Remote[]): string | null {
  if (forge.host !== null) return forge.host.toLowerCase()
  const [url = ''] = remotes.find(({ name }) => name === 'origin')?.urls ?? []
  return hostOf(url)
}

/** Of `https://host:port/…`, `ssh://user@host/…` and `user@host:…`; an ssh port says nothing of the forge's own. */
function hostOf(url: string): string | null {
  const [, web] = /^https?:\/\/(?:[^/@]*@)?([^/]+)/.exec(url) ?? []
  if (web !== undefined) return web.toLowerCase()
  const [, shell] = /^(?:ssh:\/\/(?:[^/@]*@)?|[\w.-]+@)([^/:]+)/.exec(url) ?? []
  return shell?.toLowerCase() ?? null
}

/** Plain HTTP would show it to everybody on the way. */
function addressOf(host: string): string {
  return `${/^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?$/.test(host) ? 'http' : 'https'}://${host}`
}

/** Settings by which git asks for the token, and for no other, at its forge; ssh addresses of the forge are taken by HTTPS then. */
export function forgeSettings(host: string): readonly (readonly [string, string])[] {
  const address = addressOf(host)
  const name = host.replace(/:\d+$/, '')
  // The shell reads the token from its environment: it stands in no argument. Any user name goes with a token; this one GitHub asks for.
  const helper = `!f() { test "$1" = get && printf 'username=%s\\npassword=%s\\n' x-access-token "$${tokenName}"; }; f`
  return [
    [`credential.${address}.helper`, ''], // the user's own helpers would answer first, and be told the token
    [`credential.${address}.helper`, helper],
    [`credential.${address}.useHttpPath`, 'false'],
    [`url.${address}/.insteadOf`, `git@${name}:`],
    [`url.${address}/.insteadOf`, `ssh://git@${name}/`],
  ]
}

/** The variables with the token. `GH_TOKEN` is for github.com alone; gh has another for a forge of one's own. */
export function forgeVariables({ token }: Forge, host: string): Record<string, string> {
  const own = host === 'github.com' || host.endsWith('.ghe.com')
  return {
    [tokenName]: token,
    ...(own
      ? { GH_TOKEN: token, GITHUB_TOKEN: token }
      : { GH_ENTERPRISE_TOKEN: token, GITHUB_ENTERPRISE_TOKEN: token }),
    GH_HOST: host, // gh gives its token to whatever host a remote names, else
  }
}
