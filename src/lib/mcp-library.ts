// The MCP library, loaded when somebody first speaks the protocol: it costs a start 80 ms and 20 MB that most starts do not need.

export type McpLibrary = typeof import('@modelcontextprotocol/server') &
  Pick<typeof import('@modelcontextprotocol/server/stdio'), 'serveStdio'>

let loaded: Promise<McpLibrary> | null = null

export function mcpLibrary(): Promise<McpLibrary> {
  loaded ??= load()
  return loaded
}

async function load(): Promise<McpLibrary> {
  const [server, { serveStdio }] = await Promise.all([
    import('@modelcontextprotocol/server'),
    import('@modelcontextprotocol/server/stdio'),
  ])
  return { ...server, serveStdio }
}
