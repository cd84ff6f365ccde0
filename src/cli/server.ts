// capstan server: the server alone, in the foreground.

import { Problem } from '../core/problem.ts'
import { camelValues, flagLayer, resolveSettings, variableLayer } from '../lib/config.ts'
import { makeLog } from '../lib/log.ts'
import { writeConnection } from './connection.ts'
import type { Context } from './context.ts'
import { upDataDir } from './data-dir.ts'
import { serverOptions } from './host/options.ts'
import { programOf, serverWelcome } from './render/welcome.ts'
import { parseListen, serve } from './serve.ts'
import type { Given } from './spec.ts'
import { untilStopped } from './stop.ts'

/** With --json one line `{url, token, signInUrl, daemonId: null, dataDir, pid}` when it is ready. */
export async function runServer(given: Given<typeof serverOptions>, context: Context): Promise<number> {
  const options = withEnvironment(given, context)
  const dataDir = upDataDir(context, options.data)
  const { host, port } = parseListen(options.listen ?? '127.0.0.1:7420')
  const log = makeLog(context.env.CAPSTAN_LOG ?? 'info')
  const { systemdOf } = await import('../daemon/systemd.ts')
  const server = await serve({ ...options, dataDir, host, port }, context, log)
  const { url, token, daemonToken, signInUrl } = server
  // the address its certificate and its guard know
  writeConnection(context.home, { url: options.publicUrl ?? url, token, daemonToken, dataDir })
  if (given.json) context.terminal.json({ url, token, signInUrl, daemonId: null, dataDir, pid: process.pid })
  else
    context.terminal.out(
      ...serverWelcome(
        { url, signInUrl, dataDir, version: context.version, program: programOf(context.env) },
        context.terminal,
      ),
    )
  const systemd = systemdOf({ env: context.env, clock: context.clock, log })
  const over = new AbortController()
  await systemd.ready()
  void systemd.watch(() => true, over.signal) // that it is asked at all shows that the loop turns; never rejects
  return untilStopped({
    clock: context.clock,
    done: new Promise(() => {}), // the server ends only when told to
    graceful: async () => {
      over.abort()
      void systemd.stopping() // never rejects; nothing waits for it
      await server.close()
    },
    force: () => Promise.resolve(),
    announce: () => context.terminal.progress('stopping'),
  })
}

function withEnvironment(given: Given<typeof serverOptions>, context: Context): Given<typeof serverOptions>['options'] {
  const resolved = resolveSettings(serverOptions, [
    flagLayer(serverOptions, given.options),
    variableLayer(serverOptions, 'environment', context.env),
  ])
  if (resolved.wrong.length > 0) throw new Problem('configuration', resolved.wrong.join('; '))
  return camelValues<typeof serverOptions>(resolved)
}
